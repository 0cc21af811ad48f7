//! The address of a client behind proxies.
//!
//! Any client can send these headers; each proxy appends to the value that it received. So only the right end is
//! worth anything, and only as far as the proxies that wrote it are trusted. Everything is therefore read from the
//! right: bytes that a client put to the left, be it an open quote, cannot change the reading of a trusted proxy's
//! part.

use std::net::IpAddr;

use super::list;
use crate::config::TrustedProxies;

/// The client as far as trusted proxies vouch for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address, an IPv4 one never in its IPv6 form; none for a client on a Unix socket.
    pub address: Option<IpAddr>,
    /// True if the client came over TLS.
    pub secure: bool,
}

/// Finds the client behind the proxies in `trusted`. `peer` is the address of the other end of the socket, or the one
/// that a PROXY header names; `None` for a Unix socket. `secure` is true if that peer speaks TLS.
///
/// If the peer is trusted, the addresses in `X-Forwarded-For` (all lines, from the right) are
/// followed while they are trusted themselves; the first that is not is the client. Something that is
/// not an address (`unknown`, a hidden name) ends the walk at the last one that was. Without
/// `X-Forwarded-For`, `Forwarded` (RFC 7239 §4) is read the same way. A proxy that writes only
/// `Forwarded` therefore has to remove an `X-Forwarded-For` it is given: nearly all proxies write the
/// latter, and preferring the other would let clients of those choose their address.
///
/// `X-Forwarded-Proto` (its last element) or, without it, the `proto` that the last followed element of
/// `Forwarded` notes decides `secure`. A proxy has to overwrite the former: if it passes on the value that it received,
/// clients choose it.
pub fn client<'a>(
    peer: Option<IpAddr>,
    secure: bool,
    headers: impl DoubleEndedIterator<Item = (&'a str, &'a [u8])> + Clone,
    trusted: &TrustedProxies,
) -> Client {
    let mut client = Client { address: peer.map(|peer| peer.to_canonical()), secure };
    if !trusted.contain(client.address) {
        return client;
    }
    let lines = |name: &'static str| {
        let named = move |&(found, _): &(&str, &[u8])| found.eq_ignore_ascii_case(name);
        headers.clone().rev().filter(named).map(|(_, value)| value)
    };
    if lines("x-forwarded-for").next().is_some() {
        for element in lines("x-forwarded-for").flat_map(|line| list(line).rev()) {
            match address(element) {
                Some(address) if trusted.contain(client.address) => client.address = Some(address),
                _ => break,
            }
        }
    } else {
        for element in lines("forwarded").flat_map(elements) {
            if !trusted.contain(client.address) {
                break;
            }
            client.secure = parameter(element, b"proto").and_then(is_secure).unwrap_or(secure);
            match parameter(element, b"for").and_then(address) {
                Some(address) => client.address = Some(address),
                None => break,
            }
        }
    }
    if let Some(scheme) = lines("x-forwarded-proto").find_map(|line| list(line).next_back()) {
        client.secure = is_secure(scheme).unwrap_or(secure);
    }
    client
}

/// An address, with or without a port, an IPv6 one with or without brackets.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let (text, port) = match text.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((_, rest)) if !rest.is_empty() && !rest.starts_with(':') => return None,
        Some((address, rest)) => (address, rest.strip_prefix(':')),
        None => match text.split_once(':') {
            Some((address, port)) if !port.contains(':') => (address, Some(port)),
            _ => (text, None),
        },
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return None;
    }
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn is_secure(scheme: &[u8]) -> Option<bool> {
    let is = |name: &str| scheme.eq_ignore_ascii_case(name.as_bytes());
    match () {
        () if is("https") || is("wss") => Some(true),
        () if is("http") || is("ws") => Some(false),
        () => None,
    }
}

/// The elements of a `Forwarded` line, from the right.
fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    split_from_right(line, b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// The value of one parameter of a `Forwarded` element. None if it is absent, given twice, or
/// written with escapes, which no address and no scheme needs.
fn parameter<'a>(element: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut values = split_from_right(element, b';').filter_map(|pair| {
        let equals = pair.iter().position(|&byte| byte == b'=')?;
        let (found, value) = pair.split_at_checked(equals)?;
        found.trim_ascii().eq_ignore_ascii_case(name).then_some(value.get(1..)?.trim_ascii())
    });
    let value = values.next().filter(|_| values.next().is_none())?;
    match value.strip_prefix(b"\"") {
        Some(quoted) => quoted.strip_suffix(b"\""),
        None => Some(value),
    }
    .filter(|value| !value.contains(&b'\\') && !value.contains(&b'"'))
}

/// Splits at `separator` outside quotes, last part first. A quote without its partner swallows
/// everything to its left.
fn split_from_right(bytes: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    bytes.rsplit(move |&byte| {
        quoted ^= byte == b'"';
        byte == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(peer: &str, lines: &[(&str, &str)], trusted: &[&str]) -> (String, bool) {
        let trusted: Vec<_> = trusted.iter().map(|&proxy| proxy.to_owned()).collect();
        let trusted = TrustedProxies::parse(&trusted).unwrap();
        let headers = lines.iter().map(|&(name, value)| (name, value.as_bytes()));
        // "unix:" is no address: such a peer has none.
        let client = client(peer.parse().ok(), false, headers, &trusted);
        (client.address.map_or_else(|| "unix:".to_owned(), |address| address.to_string()), client.secure)
    }

    const TRUSTED: &[&str] = &["10.0.0.0/8", "::1/128"];

    #[test]
    fn the_client_is_the_first_untrusted_address_from_the_right() {
        // X-Forwarded-For lines, the client for a peer of 10.0.0.1
        let table: &[(&[&str], &str)] = &[
            (&["203.0.113.9"], "203.0.113.9"),
            (&["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
            (&["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            (&["203.0.113.9, 10.0.0.2,10.0.0.3"], "203.0.113.9"),
            (&["198.51.100.1", "203.0.113.9, 10.0.0.2", "10.0.0.3"], "203.0.113.9"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&["203.0.113.9:5555"], "203.0.113.9"),
            (&["2001:db8::7"], "2001:db8::7"),
            (&["[2001:db8::7]:5555"], "2001:db8::7"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            (&["203.0.113.9, ::ffff:10.0.0.2"], "203.0.113.9"),
            (&["203.0.113.9,,"], "203.0.113.9"),
            (&[", 203.0.113.9"], "203.0.113.9"),
            // Not an address: the last good one stands.
            (&["unknown"], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&["203.0.113.9, unknown, 10.0.0.2"], "10.0.0.2"),
            (&["203.0.113.9, 10.0.0.2:99999"], "10.0.0.1"),
            (&["203.0.113.9:"], "10.0.0.1"),
            (&["_hidden"], "10.0.0.1"),
            (&["unix:"], "10.0.0.1"),
            (&["localhost, ::1"], "::1"),
            (&["203.0.113.9, [::1]:5555"], "203.0.113.9"),
            (&["203.0.113.9, [::1"], "10.0.0.1"),
            (&["fe80::1%eth0"], "10.0.0.1"),
            (&["203.0.113.9 10.0.0.2"], "10.0.0.1"),
            (&["0xcb007109"], "10.0.0.1"),
            (&["203.0.113.009"], "10.0.0.1"),
            (&["203.0.113.9", "", "10.0.0.2"], "203.0.113.9"),
            (&["[2001:db8::7]x"], "10.0.0.1"),
            (&["\"203.0.113.9\""], "10.0.0.1"),
            (&["198.51.100.1\" , 203.0.113.9"], "203.0.113.9"),
        ];
        for &(lines, expected) in table {
            let lines: Vec<_> = lines.iter().map(|&line| ("X-Forwarded-For", line)).collect();
            assert_eq!(behind("10.0.0.1", &lines, TRUSTED).0, expected, "{lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_the_same_way() {
        let table: &[(&[&str], &str, bool)] = &[
            (&["for=203.0.113.9"], "203.0.113.9", false),
            (&["For=203.0.113.9;proto=https;by=10.0.0.1"], "203.0.113.9", true),
            (&["for=198.51.100.1;proto=http, for=203.0.113.9;proto=https"], "203.0.113.9", true),
            (&["for=203.0.113.9;proto=https, for=10.0.0.2;proto=http"], "203.0.113.9", true),
            (&["for=\"[2001:db8::7]:5555\";proto=\"https\""], "2001:db8::7", true),
            (&["for=\"203.0.113.9:80\""], "203.0.113.9", false),
            (&["for=198.51.100.1", "for=203.0.113.9, for=10.0.0.2"], "203.0.113.9", false),
            (&["for=unknown"], "10.0.0.1", false),
            (&["for=203.0.113.9, for=_hidden, for=10.0.0.2"], "10.0.0.2", false),
            // Written by a trusted proxy all the same, which hides the address and not the scheme.
            (&["proto=https"], "10.0.0.1", true),
            (&["for=unknown;proto=https"], "10.0.0.1", true),
            (&["for=203.0.113.9;proto=https, for=_hidden;proto=http, for=10.0.0.2"], "10.0.0.2", false),
            (&["for=198.51.100.1;proto=https, for=203.0.113.9"], "203.0.113.9", false),
            (&["for=203.0.113.9;for=198.51.100.1"], "10.0.0.1", false),
            (&["for=\"203.0.113.9"], "10.0.0.1", false),
            (&["for=\"203.0.113.9\\\""], "10.0.0.1", false),
            // A quote that a client puts to the left cannot swallow the part that the proxy appends.
            (&["for=\", for=203.0.113.9"], "203.0.113.9", false),
            (&["for=\"198.51.100.1, for=\"[2001:db8::7]\""], "2001:db8::7", false),
            (&["for=\"\\, for=203.0.113.9;proto=https"], "203.0.113.9", true),
        ];
        for &(lines, address, secure) in table {
            let lines: Vec<_> = lines.iter().map(|&line| ("Forwarded", line)).collect();
            assert_eq!(behind("10.0.0.1", &lines, TRUSTED), (address.to_owned(), secure), "{lines:?}");
        }
    }

    #[test]
    fn nothing_is_believed_from_a_peer_that_is_not_trusted() {
        let lines = [
            ("X-Forwarded-For", "127.0.0.1"),
            ("Forwarded", "for=127.0.0.1;proto=https"),
            ("X-Forwarded-Proto", "https"),
        ];
        assert_eq!(behind("203.0.113.9", &lines, TRUSTED), ("203.0.113.9".to_owned(), false));
        assert_eq!(behind("203.0.113.9", &lines, &[]), ("203.0.113.9".to_owned(), false));
    }

    #[test]
    fn a_client_cannot_add_forwarded_to_what_the_proxy_says_in_x_forwarded_for() {
        let lines = [("Forwarded", "for=127.0.0.1"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(behind("10.0.0.1", &lines, TRUSTED).0, "203.0.113.9");
    }

    #[test]
    fn a_client_on_a_unix_socket_is_whom_the_proxy_names_if_unix_sockets_are_trusted() {
        let lines = [("X-Forwarded-For", "127.0.0.1, 203.0.113.9"), ("X-Forwarded-Proto", "https")];
        assert_eq!(behind("unix:", &lines, TRUSTED), ("unix:".to_owned(), false));
        assert_eq!(behind("unix:", &lines, &["unix:"]), ("203.0.113.9".to_owned(), true));
        assert_eq!(behind("unix:", &[], &["unix:"]), ("unix:".to_owned(), false));
        // Trust in Unix sockets is no trust in clients over TCP.
        assert_eq!(behind("127.0.0.1", &lines, &["unix:"]), ("127.0.0.1".to_owned(), false));
    }

    #[test]
    fn the_last_x_forwarded_proto_decides_whether_the_client_is_secure() {
        for (value, secure) in [
            ("https", true),
            ("WSS", true),
            ("http", false),
            ("https, http", false),
            ("x", false),
            ("", false),
        ] {
            assert_eq!(behind("::1", &[("X-Forwarded-Proto", value)], TRUSTED).1, secure, "{value}");
        }
    }

    #[test]
    fn an_ipv4_peer_of_a_dual_stack_socket_is_written_and_trusted_as_ipv4() {
        assert_eq!(behind("::ffff:203.0.113.9", &[], &[]).0, "203.0.113.9");
        let lines = [("X-Forwarded-For", "203.0.113.9")];
        assert_eq!(behind("::ffff:10.0.0.1", &lines, TRUSTED).0, "203.0.113.9");
    }
}
