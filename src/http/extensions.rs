//! Negotiation of extensions in a handshake: permessage-deflate or none.

use std::borrow::Cow;

use super::{is_token, is_token_byte};
use crate::{config::Compression, deflate::Agreement};

/// The header does not follow the grammar (RFC 6455 section 9.1), which fails the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Finds the first acceptable offer of permessage-deflate in the values of all `Sec-WebSocket-Extensions` lines, in
/// order (RFC 7692 section 5). `None`: there is none. An offer with an unknown, repeated or wrong parameter is
/// declined, as section 7 demands, and never echoed.
///
/// Makes one pass over the bytes, also over bytes that break the grammar.
pub fn negotiate<'a>(
    values: impl Iterator<Item = &'a [u8]>,
    rules: &Compression,
) -> Result<Option<Agreement>, Malformed> {
    let mut agreed = None;
    for value in values {
        let mut scanner = Scanner(value);
        loop {
            scanner.skip_space();
            // A list may have empty elements (RFC 9110 section 5.6.1).
            if !matches!(scanner.0.first(), None | Some(b',')) {
                let offer = scanner.extension()?;
                agreed = agreed.or_else(|| offer?.accept(rules));
            }
            match scanner.next() {
                None => break,
                Some(b',') => {}
                Some(_) => return Err(Malformed),
            }
        }
    }
    Ok(agreed)
}

/// One offer of a client (RFC 7692 section 7.1).
#[derive(Debug, Clone, Copy, Default)]
struct Offer {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_bits: Option<u8>,
    /// Largest window that the client would use; `None` if the server may not name one.
    client_bits: Option<u8>,
}

impl Offer {
    /// Takes a parameter in. `None` if the offer has to be declined for it.
    fn take(&mut self, name: &[u8], value: Option<&[u8]>) -> Option<()> {
        match (name, value) {
            (b"server_no_context_takeover", None) => first(&mut self.server_no_takeover),
            (b"client_no_context_takeover", None) => first(&mut self.client_no_takeover),
            (b"server_max_window_bits", Some(bits)) if self.server_bits.is_none() => {
                self.server_bits = Some(window_bits(bits)?);
                Some(())
            }
            (b"client_max_window_bits", bits) if self.client_bits.is_none() => {
                self.client_bits = Some(bits.map_or(Some(15), window_bits)?);
                Some(())
            }
            _ => None,
        }
    }

    fn accept(self, rules: &Compression) -> Option<Agreement> {
        let server_window_bits = self.server_bits.unwrap_or(15).min(rules.window_bits);
        // zlib cannot write with a window of 256 bytes; section 7.1.2.1 lets us decline.
        if server_window_bits < 9 {
            return None;
        }
        Some(Agreement {
            server_takeover: rules.context_takeover && !self.server_no_takeover,
            client_takeover: rules.context_takeover && !self.client_no_takeover,
            server_window_bits,
            server_window_demanded: self.server_bits.is_some(),
            client_window_bits: self.client_bits.map(|bits| bits.min(rules.window_bits)),
        })
    }
}

/// Sets a flag; `None` if it is set already.
fn first(flag: &mut bool) -> Option<()> {
    (!std::mem::replace(flag, true)).then_some(())
}

/// 8 to 15, without leading zeroes (RFC 7692 section 7.1.2).
fn window_bits(text: &[u8]) -> Option<u8> {
    match text {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

/// The unread rest of a header's value.
struct Scanner<'a>(&'a [u8]);

impl<'a> Scanner<'a> {
    /// One element: a name and its parameters. The offer, if it is one that may be accepted.
    fn extension(&mut self) -> Result<Option<Offer>, Malformed> {
        let is_ours = self.token()?.eq_ignore_ascii_case(b"permessage-deflate");
        let mut offer = is_ours.then(Offer::default);
        loop {
            self.skip_space();
            if self.0.first() != Some(&b';') {
                return Ok(offer);
            }
            self.next();
            self.skip_space();
            let name = self.token()?;
            self.skip_space();
            let value = if self.0.first() == Some(&b'=') {
                self.next();
                self.skip_space();
                Some(self.value()?)
            } else {
                None
            };
            offer = offer.and_then(|mut offer| offer.take(name, value.as_deref()).map(|()| offer));
        }
    }

    /// A token, or a quoted string of one (RFC 6455 section 9.1).
    fn value(&mut self) -> Result<Cow<'a, [u8]>, Malformed> {
        if self.0.first() != Some(&b'"') {
            return self.token().map(Cow::Borrowed);
        }
        self.next();
        let mut value = Vec::new();
        loop {
            match self.next().ok_or(Malformed)? {
                b'"' if is_token(&value) => return Ok(value.into()),
                b'"' => return Err(Malformed),
                b'\\' => value.push(self.next().ok_or(Malformed)?),
                byte => value.push(byte),
            }
        }
    }

    fn token(&mut self) -> Result<&'a [u8], Malformed> {
        let end = self.0.iter().position(|&byte| !is_token_byte(byte)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at_checked(end).ok_or(Malformed)?;
        self.0 = rest;
        if token.is_empty() { Err(Malformed) } else { Ok(token) }
    }

    fn skip_space(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(values: &[&str], rules: &Compression) -> Result<Option<String>, Malformed> {
        let agreed = negotiate(values.iter().map(|value| value.as_bytes()), rules)?;
        Ok(agreed.map(|agreement| agreement.to_string()))
    }

    const CAUTIOUS: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    #[test]
    fn every_legal_offer_is_answered_with_what_both_sides_can_keep() {
        for takeover in [false, true] {
            for (server, client) in (0..=8).flat_map(|s| (0..=9).map(move |c| (s, c))) {
                for flags in 0..4 {
                    let mut offer = "permessage-deflate".to_owned();
                    let mut expected = offer.clone();
                    for (flag, name) in [(1, "server_no_context_takeover"), (2, "client_no_context_takeover")]
                    {
                        if flags & flag != 0 {
                            offer += &format!("; {name}");
                        }
                        if flags & flag != 0 || !takeover {
                            expected += &format!("; {name}");
                        }
                    }
                    if server > 0 {
                        offer += &format!("; server_max_window_bits={}", server + 7);
                        expected += &format!("; server_max_window_bits={}", server + 7);
                    }
                    match client {
                        0 => {}
                        9 => offer += "; client_max_window_bits",
                        8 => offer += "; client_max_window_bits=\"15\"",
                        _ => {
                            offer += &format!("; client_max_window_bits={}", client + 7);
                            expected += &format!("; client_max_window_bits={}", client + 7);
                        }
                    }
                    // zlib cannot write with a window of 8 bits.
                    let expected = (server != 1).then_some(expected);
                    let rules = Compression { context_takeover: takeover, ..Compression::default() };
                    assert_eq!(answer(&[&offer], &rules), Ok(expected), "{offer}");
                }
            }
        }
    }

    #[test]
    fn the_servers_own_window_bounds_both_directions_where_the_client_can_be_told() {
        let rules = Compression { window_bits: 10, ..Compression::default() };
        let client = format!("{CAUTIOUS}; client_max_window_bits=10");
        assert_eq!(answer(&["permessage-deflate; client_max_window_bits"], &rules), Ok(Some(client)));
        let demanded = format!("{CAUTIOUS}; server_max_window_bits=10");
        assert_eq!(answer(&["permessage-deflate; server_max_window_bits=12"], &rules), Ok(Some(demanded)));
    }

    #[test]
    fn a_window_is_not_announced_to_a_client_that_did_not_offer_the_parameter() {
        for window_bits in 9..=15 {
            let rules = Compression { window_bits, ..Compression::default() };
            assert_eq!(answer(&["permessage-deflate"], &rules), Ok(Some(CAUTIOUS.to_owned())));
            let agreed = negotiate([&b"permessage-deflate"[..]].into_iter(), &rules).unwrap().unwrap();
            assert_eq!(agreed.server_window_bits, window_bits, "it is kept all the same");
        }
    }

    #[test]
    fn an_illegal_offer_is_declined_and_never_echoed() {
        for parameter in [
            "unknown",
            "unknown=1",
            "server_no_context_takeover=1",
            "client_no_context_takeover=true",
            "server_no_context_takeover; server_no_context_takeover",
            "client_max_window_bits; client_max_window_bits=9",
            "server_max_window_bits=9; server_max_window_bits=9",
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=09",
            "server_max_window_bits=+9",
            "client_max_window_bits=0",
            "client_max_window_bits=99999999999999999999",
            "SERVER_MAX_WINDOW_BITS=9",
        ] {
            let offer = format!("permessage-deflate; {parameter}");
            assert_eq!(answer(&[&offer], &Compression::default()), Ok(None), "{parameter}");
            // The next offer may still be taken.
            let offers = [offer.as_str(), "permessage-deflate"];
            assert_eq!(answer(&offers, &Compression::default()), Ok(Some(CAUTIOUS.to_owned())));
            assert_eq!(answer(&[&offers.join(", ")], &Compression::default()), Ok(Some(CAUTIOUS.to_owned())));
        }
        assert_eq!(
            answer(&["x-webkit-deflate-frame", "mux; a=\"b\"", ""], &Compression::default()),
            Ok(None)
        );
    }

    #[test]
    fn a_header_outside_the_grammar_fails_the_handshake() {
        for value in [
            "permessage-deflate;",
            "a b",
            "=",
            "a;b=",
            "a;b=\"",
            "a;b=\"\"",
            "a;b=\"c d\"",
            "a;b=\"\\",
            "\u{e9}",
            ";",
        ] {
            assert_eq!(answer(&[value], &Compression::default()), Err(Malformed), "{value}");
        }
    }

    #[test]
    fn sixteen_kibibytes_of_parameters_are_read_once() {
        let offer = format!("permessage-deflate{}", "; a".repeat(5000));
        assert_eq!(answer(&[&offer], &Compression::default()), Ok(None));
        assert_eq!(answer(&[&"a;b=\"\\c\\d\",".repeat(1200)], &Compression::default()), Ok(None));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(values: Vec<Vec<u8>>) {
            let _ = negotiate(values.iter().map(Vec::as_slice), &Compression::default());
        }
    }
}
