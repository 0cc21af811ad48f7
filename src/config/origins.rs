//! Which web pages may connect.
//!
//! A browser attaches a site's cookies to a WebSocket that any page opens, and no CORS check stands
//! in the way: the Origin header is the only defence against a foreign page using its visitor's
//! session (RFC 6455 §10.2). A client that is not a browser can send any Origin or none: this keeps
//! foreign *pages* out, not foreign *programs*.

use super::ConfigError;

/// The pages that may connect. The default is [`Origins::SameHost`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Pages of the host and port that the request itself names in Host. A page whose own name was
    /// made to resolve to this server (DNS rebinding) passes too: where the network a server listens
    /// on is all that protects it, list the origins.
    #[default]
    SameHost,
    /// Every page. Only safe where no cookie or address decides who someone is.
    Any,
    /// Pages of these origins; an empty list lets no page in.
    List(Vec<Origin>),
}

impl Origins {
    /// Reads a list such as `https://chat.example`, `http://localhost:3000`; `*` alone is
    /// [`Origins::Any`]. The error is a sentence that quotes the entry.
    pub fn parse(list: &[String]) -> Result<Self, ConfigError> {
        Self::read(list).map_err(|reason| ConfigError::new("origins", reason))
    }

    fn read(list: &[String]) -> Result<Self, String> {
        match list {
            [only] if only == "*" => Ok(Self::Any),
            _ => list.iter().map(|entry| Origin::entry(entry)).collect::<Result<_, _>>().map(Self::List),
        }
    }

    /// Whether a page of `origin` may connect with a request for `host`, the Host header; `secure`
    /// says whether the client is known to have come over TLS.
    ///
    /// No Origin is allowed: it is not a browser, and could have sent any. `null` (a sandboxed frame,
    /// a file) is an origin nobody can be held to and passes only [`Origins::Any`].
    pub fn allows(&self, origin: Option<&[u8]>, host: &[u8], secure: bool) -> bool {
        let Some(origin) = origin else { return true };
        match self {
            Self::Any => true,
            Self::List(listed) => Origin::parse(origin).is_some_and(|origin| listed.contains(&origin)),
            Self::SameHost => Origin::parse(origin).is_some_and(|origin| origin.is_of(host, secure)),
        }
    }
}

/// A web origin (RFC 6454 §4): scheme, host and port, in lower case and with the scheme's default
/// port made explicit, so that equality is what browsers mean by the same origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    /// None only for a scheme without a default port, such as `capacitor://localhost`.
    port: Option<u16>,
}

impl Origin {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (scheme, authority) = std::str::from_utf8(bytes).ok()?.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let starts_well = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !starts_well || !scheme.bytes().all(is_scheme) {
            return None;
        }
        let (host, port) = host_and_port(authority.as_bytes())?;
        let port = port.or_else(|| default_port(&scheme));
        Some(Self { host: host.to_ascii_lowercase(), scheme, port })
    }

    /// Reads an entry of the configured list, with a reason for each likely mistake.
    fn entry(entry: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("the origin '{}' {why}", entry.escape_debug()));
        match entry.split_once("://") {
            _ if entry == "*" => wrong("allows every page and has to stand alone"),
            _ if entry.contains('*') => wrong("has a wildcard; name every host, or use '*' alone for any"),
            _ if entry == "null" => wrong("is every sandboxed page and every file; it cannot be listed"),
            None => wrong("has no scheme; write it as https://chat.example"),
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("ws") || scheme.eq_ignore_ascii_case("wss") => {
                wrong("names the WebSocket; name the page that opens it, with http or https")
            }
            Some((_, authority)) if authority.contains(['/', '?', '#']) => {
                wrong("has a path; an origin is scheme, host and port only, without a final '/'")
            }
            Some(_) if !entry.is_ascii() => wrong("is not ASCII; write the host in its xn-- form"),
            Some(_) => Self::parse(entry.as_bytes())
                .map_or_else(|| wrong("is not scheme://host or scheme://host:port"), Ok),
        }
    }

    fn is_of(&self, host: &[u8], secure: bool) -> bool {
        let Some((host, port)) = host_and_port(host) else { return false };
        // Over TLS a Host without a port means 443. In the clear it may mean 80, or that a proxy
        // took the TLS off a request for 443: then it means the default of the page's scheme.
        let port = port.or_else(|| if secure { Some(443) } else { default_port(&self.scheme) });
        self.host.eq_ignore_ascii_case(host) && port.is_some() && self.port == port
    }
}

/// Splits `host[:port]` (RFC 3986 §3.2.2, §3.2.3) as far as names that occur: letters, digits and
/// `-._~`, or an IPv6 address in brackets. An empty port counts as none.
pub(crate) fn host_and_port(authority: &[u8]) -> Option<(&str, Option<u16>)> {
    let authority = std::str::from_utf8(authority).ok()?;
    let (host, rest) = match authority.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((address, rest)) => {
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (authority.get(..address.len() + 2)?, rest)
        }
        None => {
            let (host, rest) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let is_name =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
            if host.is_empty() || !host.bytes().all(is_name) {
                return None;
            }
            (host, rest)
        }
    };
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Some((host, None)),
        Some("") => Some((host, None)),
        // `parse` alone would take a sign.
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((host, Some(port.parse().ok()?)))
        }
        _ => None,
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(entries: &[&str]) -> Result<Origins, ConfigError> {
        Origins::parse(&entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn same_host_means_the_host_and_port_that_the_request_names() {
        // origin, host, over TLS, allowed
        let table: &[(&str, &str, bool, bool)] = &[
            ("http://h.example", "h.example", false, true),
            ("https://h.example", "h.example", true, true),
            ("HTTPS://H.Example", "h.eXample", true, true),
            ("http://h.example:80", "h.example", false, true),
            ("http://h.example", "h.example:80", false, true),
            ("https://h.example:443", "h.example", true, true),
            ("http://h.example:8080", "h.example:8080", false, true),
            ("http://[::1]:8080", "[::1]:8080", false, true),
            ("http://localhost", "localhost:", false, true),
            // A proxy took the TLS off, and passed Host on as the browser sent it.
            ("https://h.example", "h.example", false, true),
            ("https://h.example", "h.example:443", false, true),
            // The proxy passed its own idea of Host on, or none of the port.
            ("https://h.example:8443", "h.example", false, false),
            ("https://h.example", "h.example:8080", false, false),
            ("https://h.example", "127.0.0.1:8080", false, false),
            // Another port is another site; so is a page that came in the clear to a TLS socket.
            ("http://h.example:3000", "h.example:8080", false, false),
            ("http://h.example", "h.example", true, false),
            ("http://h.example:8080", "h.example", false, false),
            ("https://evil.example", "h.example", true, false),
            ("https://h.example.evil.example", "h.example", true, false),
            ("https://evil-h.example", "h.example", true, false),
            ("https://h.example@evil.example", "h.example", true, false),
            ("https://evil.example/h.example", "h.example", true, false),
            ("https://h.example/", "h.example", true, false),
            ("https://h.example https://evil.example", "h.example", true, false),
            ("capacitor://h.example", "h.example", false, false),
            ("null", "h.example", true, false),
            ("null", "null", true, false),
            ("", "h.example", true, false),
            ("h.example", "h.example", true, false),
            ("://h.example", "h.example", true, false),
        ];
        for &(origin, host, secure, allowed) in table {
            let found = Origins::SameHost.allows(Some(origin.as_bytes()), host.as_bytes(), secure);
            assert_eq!(found, allowed, "{origin} with {host}, secure: {secure}");
        }
    }

    #[test]
    fn an_absent_origin_is_allowed_by_every_rule() {
        for origins in [Origins::SameHost, Origins::Any, Origins::List(Vec::new())] {
            assert!(origins.allows(None, b"h.example", false));
        }
    }

    #[test]
    fn an_origin_of_any_bytes_is_refused_without_a_panic() {
        for origin in
            [b"\xff\xfe".as_slice(), b"https://\xc3\xa9.example", b"https://[", b"https://h:99999", b"a://["]
        {
            assert!(!Origins::SameHost.allows(Some(origin), b"\xff", true));
            assert!(!listed(&["https://h.example"]).unwrap().allows(Some(origin), b"h", true));
            assert!(Origins::Any.allows(Some(origin), b"h", true));
        }
    }

    #[test]
    fn a_listed_origin_is_compared_with_default_ports_made_explicit() {
        let origins =
            listed(&["https://Chat.example", "http://localhost:3000", "capacitor://localhost"]).unwrap();
        let allowed = [
            "https://chat.example",
            "HTTPS://chat.EXAMPLE:443",
            "http://localhost:3000",
            "capacitor://localhost",
        ];
        for origin in allowed {
            assert!(origins.allows(Some(origin.as_bytes()), b"other.example", false), "{origin}");
        }
        let refused = [
            "http://chat.example",
            "https://chat.example:8443",
            "http://localhost",
            "https://a.chat.example",
            "null",
        ];
        for origin in refused {
            assert!(!origins.allows(Some(origin.as_bytes()), b"other.example", false), "{origin}");
        }
        assert!(
            !origins.allows(Some(b"https://other.example"), b"other.example", true),
            "a list replaces the same host"
        );
    }

    #[test]
    fn an_asterisk_alone_allows_any_page_and_an_empty_list_none() {
        assert_eq!(listed(&["*"]), Ok(Origins::Any));
        assert_eq!(listed(&[]), Ok(Origins::List(Vec::new())));
        assert!(!listed(&[]).unwrap().allows(Some(b"https://h.example"), b"h.example", true));
    }

    #[test]
    fn a_wrong_entry_is_quoted_with_what_is_wrong() {
        let table = [
            (
                "https://*.example",
                "the origin 'https://*.example' has a wildcard; name every host, or use '*' alone for any",
            ),
            ("chat.example", "the origin 'chat.example' has no scheme; write it as https://chat.example"),
            (
                "https://h.example/",
                "the origin 'https://h.example/' has a path; an origin is scheme, host and port only, without a final '/'",
            ),
            (
                "wss://h.example",
                "the origin 'wss://h.example' names the WebSocket; name the page that opens it, with http or https",
            ),
            ("null", "the origin 'null' is every sandboxed page and every file; it cannot be listed"),
            (
                "https://\u{e9}.example",
                "the origin 'https://\u{e9}.example' is not ASCII; write the host in its xn-- form",
            ),
            ("https://h:port", "the origin 'https://h:port' is not scheme://host or scheme://host:port"),
            ("https://", "the origin 'https://' is not scheme://host or scheme://host:port"),
            ("", "the origin '' has no scheme; write it as https://chat.example"),
        ];
        for (entry, reason) in table {
            assert_eq!(listed(&[entry]), Err(ConfigError::new("origins", reason)));
        }
        let mixed = "the origin '*' allows every page and has to stand alone";
        assert_eq!(listed(&["https://h.example", "*"]), Err(ConfigError::new("origins", mixed)));
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        assert_eq!(host_and_port(b"h.example"), Some(("h.example", None)));
        assert_eq!(host_and_port(b"my_service:8080"), Some(("my_service", Some(8080))));
        assert_eq!(host_and_port(b"[2001:db8::1]:1"), Some(("[2001:db8::1]", Some(1))));
        assert_eq!(host_and_port(b"[::1]"), Some(("[::1]", None)));
        assert_eq!(host_and_port(b"h:"), Some(("h", None)));
        let wrong: [&[u8]; 14] = [
            b"", b":80", b"a b", b"a,b", b"a@b", b"a/b", b"::1", b"[::1", b"[h]", b"[::1]x", b"h:+1",
            b"h:65536", b"h:1:2", b"\xff",
        ];
        for host in wrong {
            assert_eq!(host_and_port(host), None, "{}", host.escape_ascii());
        }
    }
}
