//! The parameters of a request's query and its cookies, by name.

use super::Request;

impl Request {
    /// Every value of the query parameter with this name, decoded (the URL standard's
    /// `application/x-www-form-urlencoded`).
    pub fn query_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Vec<u8>> + 'a {
        let pairs = self.query_string().as_bytes().split(|byte| *byte == b'&').map(pair);
        pairs
            .filter(move |(found, _)| form_decoded(found) == name.as_bytes())
            .map(|(_, value)| form_decoded(value))
    }

    /// The value of the first cookie with this name, as sent (RFC 6265 section 4.2).
    pub fn cookie(&self, name: &str) -> Option<&[u8]> {
        let lines = self.headers().filter(|(header, _)| header.eq_ignore_ascii_case("cookie"));
        let mut pairs =
            lines.flat_map(|(_, line)| line.split(|byte| *byte == b';')).map(|part| pair(part.trim_ascii()));
        pairs.find_map(|(found, value)| (found == name.as_bytes()).then_some(value))
    }

    /// Overwrites every value of a query parameter with asterisks, as many as it had bytes.
    pub fn mask_query(&mut self, name: &str) {
        for part in self.query_mut().split_mut(|byte| *byte == b'&') {
            let (found, _) = pair(part);
            let length = found.len();
            if form_decoded(found) == name.as_bytes()
                && let Some(value) = part.get_mut(length + 1..)
            {
                value.fill(b'*');
            }
        }
    }
}

/// Decodes the escapes (`%41`) in `value`; a `%` without two hexadecimal digits stays as it is, as in PHP's
/// `rawurldecode()`.
pub fn percent_decoded(value: &[u8]) -> Vec<u8> {
    percent_encoding::percent_decode(value).collect()
}

/// As [`percent_decoded`], with `+` for a space, as in PHP's `urldecode()`.
pub fn form_decoded(value: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = value.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decoded(&spaced)
}

fn pair(part: &[u8]) -> (&[u8], &[u8]) {
    match part.iter().position(|byte| *byte == b'=') {
        Some(at) => (part.get(..at).unwrap_or_default(), part.get(at + 1..).unwrap_or_default()),
        None => (part, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{HeadLimits, Peer, UpgradeRules, parse_upgrade, sample};

    fn request(target: &str, headers: &str) -> Request {
        let head = sample::handshake(target, headers);
        let rules = UpgradeRules {
            origins: &Default::default(),
            protocols: &[],
            trusted_proxies: &Default::default(),
            compression: None,
            limits: &HeadLimits::default(),
        };
        parse_upgrade(head.as_bytes(), Peer { address: None, secure: false }, &rules).unwrap().request
    }

    #[test]
    fn a_query_is_read_as_forms_write_it() {
        let request = request("/?a=1&b=x+y%21&a=%3D&c&=d&to%6ben=t", "");
        let values = |name| request.query_values(name).collect::<Vec<_>>();
        assert_eq!(values("a"), [b"1".to_vec(), b"=".to_vec()]);
        assert_eq!(values("b"), [b"x y!".to_vec()]);
        assert_eq!(values("c"), [b"".to_vec()]);
        assert_eq!(values("token"), [b"t".to_vec()]);
        assert!(values("A").is_empty() && values("d").is_empty());
    }

    #[test]
    fn of_cookies_with_one_name_the_first_counts() {
        let request = request("/", "Cookie: a=1; token=x.y=; \r\ncookie: token=2;b=3\r\n");
        assert_eq!(request.cookie("token"), Some(b"x.y=".as_slice()));
        assert_eq!(request.cookie("b"), Some(b"3".as_slice()));
        assert_eq!(request.cookie("Token"), None);
    }

    #[test]
    fn a_masked_value_is_nowhere_and_the_rest_stays() {
        let mut request = request("/p?x=1&token=se%63ret&y=2&to%6ben=secret&token", "Cookie: token=a\r\n");
        request.mask_query("token");
        assert_eq!(request.query_string(), "x=1&token=********&y=2&to%6ben=******&token");
        assert_eq!(request.cookie("token"), Some(b"a".as_slice()));
        assert!(!format!("{request:?}").contains("115, 101"), "the head has it too");
        request.mask_query("absent");
        assert_eq!(request.path(), "/p");
    }

    #[test]
    fn only_whole_escapes_are_decoded() {
        assert_eq!(percent_decoded(b"a%3Db%20c+d"), b"a=b c+d");
        assert_eq!(percent_decoded(b"%f%zz%4"), b"%f%zz%4");
        assert_eq!(percent_decoded(b"%00%fF"), b"\0\xff");
    }
}
