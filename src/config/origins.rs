//! Which web pages may connect.
//!
//! A browser attaches a site's cookies to a WebSocket that any page opens, and no CORS check stands
//! in the way: the Origin header is the only defence against a foreign page using its visitor's
//! session (RFC 6455 §10.2). A client that is not a browser can send any Origin or none: this keeps
//! foreign *pages* out, not foreign *programs*.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The pages that may connect. The default is [`Origins::SameHost`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origins {
    /// Pages of the host and port that the request itself names in Host. A page whose own name was
    /// made to resolve to this server (DNS rebinding) passes too: where the network a server listens
    /// on is all that protects it, list the origins.
    #[default]
    SameHost,
    /// Every page. Only safe where no cookie or address decides about the rights of a client.
    Any,
    /// Pages of these origins; an empty list lets no page in.
    List(Vec<Listed>),
}

impl Origins {
    /// Reads a list such as `https://chat.example`, `http://localhost:3000`, `https://*.app.example`; `*`
    /// alone is [`Origins::Any`]. Two entries stand for pages that have no host: `file://` and `null`. The error
    /// is a sentence that quotes the entry.
    pub fn parse(list: &[String]) -> Result<Self, ConfigError> {
        Self::read(list).map_err(|reason| ConfigError::new("origins", reason))
    }

    fn read(list: &[String]) -> Result<Self, String> {
        match list {
            [only] if only == "*" => Ok(Self::Any),
            _ => list.iter().map(|entry| Listed::read(entry)).collect::<Result<_, _>>().map(Self::List),
        }
    }

    /// True if a page of `origin` may connect with a request for `host`, the Host header; `secure` is true if the
    /// client is known to have come over TLS.
    ///
    /// A request without Origin is allowed: it does not come from a browser, and could have sent any. `null` and
    /// `file://` are origins that identify no page; they pass [`Origins::Any`], and a list that has them.
    pub fn allows(&self, origin: Option<&[u8]>, host: &[u8], secure: bool) -> bool {
        let Some(origin) = origin else { return true };
        match self {
            Self::Any => true,
            Self::List(listed) => {
                let parsed = Origin::parse(origin);
                listed.iter().any(|entry| entry.admits(origin, parsed.as_ref()))
            }
            Self::SameHost => Origin::parse(origin).is_some_and(|origin| origin.is_of(host, secure)),
        }
    }
}

/// An entry of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed(Pattern);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Pattern {
    /// One origin, or those of all subdomains of a host: written `*.host`, any names before that host, and
    /// never the host itself.
    Of { origin: Origin, subdomains: bool },
    /// `null`: every sandboxed frame of every site, and in some browsers every file.
    Null,
    /// `file://`: every file, in the browsers and frameworks of applications that say so.
    File,
}

impl Listed {
    /// Reads an entry, with a reason for each likely mistake.
    fn read(entry: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("the origin '{}' {why}", entry.escape_debug()));
        let Some((scheme, authority)) = entry.split_once("://") else {
            return match entry {
                "*" => wrong("allows every page and has to stand alone"),
                "null" => Ok(Self(Pattern::Null)),
                _ => wrong("has no scheme; write it as https://chat.example"),
            };
        };
        if scheme.eq_ignore_ascii_case("ws") || scheme.eq_ignore_ascii_case("wss") {
            return wrong("names the WebSocket; name the page that opens it, with http or https");
        }
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if scheme.eq_ignore_ascii_case("file") && authority.is_empty() {
            return Ok(Self(Pattern::File));
        }
        if authority.contains(['/', '?', '#']) {
            return wrong("has a path; an origin is scheme, host and port only");
        }
        if !entry.is_ascii() {
            return wrong("is not ASCII; write the host in its xn-- form");
        }
        let (authority, subdomains) = match authority.strip_prefix("*.") {
            Some(domain) => (domain, true),
            None => (authority, false),
        };
        if scheme.contains('*') || authority.contains('*') {
            return wrong(
                "has a '*' that is not the whole first name of its host, as in https://*.chat.example",
            );
        }
        let Some(origin) = Origin::parse(format!("{scheme}://{authority}").as_bytes()) else {
            return wrong("is not scheme://host or scheme://host:port");
        };
        if subdomains && !is_domain(&origin.host) {
            return wrong(
                "allows too much; behind '*.' there have to be two names, as in https://*.chat.example",
            );
        }
        Ok(Self(Pattern::Of { origin, subdomains }))
    }

    /// True if a page of that origin may connect: the header as it came, and as far as it can be read.
    fn admits(&self, header: &[u8], parsed: Option<&Origin>) -> bool {
        match &self.0 {
            Pattern::Null => header == b"null",
            Pattern::File => {
                [&b"file://"[..], b"file:///"].iter().any(|file| header.eq_ignore_ascii_case(file))
            }
            Pattern::Of { origin, subdomains: false } => parsed == Some(origin),
            Pattern::Of { origin: of, subdomains: true } => parsed.is_some_and(|origin| {
                let names = origin.host.strip_suffix(&of.host).and_then(|names| names.strip_suffix('.'));
                names.is_some_and(|names| names.split('.').all(|name| !name.is_empty()))
                    && (&origin.scheme, origin.port) == (&of.scheme, of.port)
            }),
        }
    }
}

/// True if a host is two names or more, and no address.
fn is_domain(host: &str) -> bool {
    let mut names = host.rsplit('.');
    // A host whose last name is a number is an IPv4 address (WHATWG URL, ends-in-a-number).
    names.next().is_some_and(|last| last.contains(|letter: char| letter.is_ascii_alphabetic()))
        && names.clone().next().is_some()
        && names.all(|name| !name.is_empty())
}

/// A web origin (RFC 6454 §4): scheme, host and port, in lower case and with the scheme's default port made explicit,
/// so that equal values are one origin for browsers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    scheme: String,
    host: String,
    /// None only for a scheme without a default port, such as `capacitor://localhost`.
    port: Option<u16>,
}

impl Origin {
    /// Reads the header, also with the `/` behind it that no browser writes and some libraries do: it changes
    /// nothing about whose page it is.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (scheme, authority) = std::str::from_utf8(bytes).ok()?.split_once("://")?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
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
