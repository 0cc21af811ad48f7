//! Close codes: their names, and which of them may be sent (RFC 6455 §7.4).

/// Close codes that have a name (RFC 6455 §7.4.1 and the IANA registry it opened).
///
/// A code itself is a plain `u16`: most of the range belongs to applications.
#[derive(Debug, Clone, Copy)]
pub enum CloseCode {}

impl CloseCode {
    /// The purpose is fulfilled.
    pub const NORMAL: u16 = 1000;
    /// The server goes down, or the page is left.
    pub const GOING_AWAY: u16 = 1001;
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: u16 = 1002;
    /// A kind of data that the endpoint cannot take.
    pub const UNSUPPORTED_DATA: u16 = 1003;
    /// Never on the wire: the close frame had no code.
    pub const NO_STATUS: u16 = 1005;
    /// Never on the wire: the connection ended without a close frame.
    pub const ABNORMAL: u16 = 1006;
    /// Data that contradicts its type: text that is not UTF-8.
    pub const INVALID_PAYLOAD: u16 = 1007;
    /// A policy is violated and no other code says more.
    pub const POLICY_VIOLATION: u16 = 1008;
    /// A message too big to process.
    pub const MESSAGE_TOO_BIG: u16 = 1009;
    /// The client wanted an extension that the server did not grant.
    pub const MANDATORY_EXTENSION: u16 = 1010;
    /// The server failed.
    pub const INTERNAL_ERROR: u16 = 1011;
    /// The server restarts (IANA).
    pub const SERVICE_RESTART: u16 = 1012;
    /// The server is overloaded (IANA).
    pub const TRY_AGAIN_LATER: u16 = 1013;
    /// A gateway got a bad answer from upstream (IANA).
    pub const BAD_GATEWAY: u16 = 1014;
    /// Never on the wire: the TLS handshake failed.
    pub const TLS_HANDSHAKE: u16 = 1015;
    /// The peer has to authenticate, or to authenticate again (IANA).
    pub const UNAUTHORIZED: u16 = 3000;
    /// The peer is known, and may not do that (IANA).
    pub const FORBIDDEN: u16 = 3003;
}

/// Most bytes of a close reason (RFC 6455 §5.5: 125, less the code).
pub const MAX_REASON: usize = 123;

/// Decides whether a peer may put `code` into a close frame (RFC 6455 §7.4.1, §7.4.2).
#[must_use]
pub const fn may_be_sent_by_peer(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Decides whether an application may close with `code` (RFC 6455 §7.4).
///
/// Narrower than the codes of a peer: 1002 is the protocol's own verdict and 1014 a gateway's.
#[must_use]
pub const fn may_be_sent_by_application(code: u16) -> bool {
    matches!(code, 1000 | 1001 | 1003 | 1007..=1013 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_may_send_exactly_the_defined_codes_and_the_two_free_ranges() {
        let allowed: Vec<u16> = (0..=u16::MAX).filter(|code| may_be_sent_by_peer(*code)).collect();
        let expected: Vec<u16> = (1000..=1003).chain(1007..=1014).chain(3000..=4999).collect();
        assert_eq!(allowed, expected);
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
            assert!(!may_be_sent_by_peer(code), "{code}");
        }
    }

    #[test]
    fn an_application_may_not_speak_for_the_protocol_or_a_gateway() {
        for code in [1000, 1001, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 4999] {
            assert!(may_be_sent_by_application(code), "{code}");
        }
        for code in [0, 999, 1002, 1004, 1005, 1006, 1014, 1015, 1016, 2999, 5000, 65535] {
            assert!(!may_be_sent_by_application(code), "{code}");
        }
    }
}
