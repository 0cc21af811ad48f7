//! The addresses to listen on, as text.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{ConfigError, paths};

/// One address, and the options for its clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listen {
    /// Where.
    pub address: Address,
    /// `ws://` or `wss://`, if that is written before it. `None`: TLS if there are certificates, except
    /// on Unix sockets, which are always plain.
    pub scheme: Option<Scheme>,
    /// Every connection begins with a PROXY header (`?proxy_protocol`) that says whose it is.
    pub proxy_protocol: bool,
}

/// TLS of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheme {
    /// No TLS.
    Ws,
    /// TLS.
    Wss,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Address {
    /// `host:port` or `[v6]:port`; port 0 takes a free one. A host name may mean several addresses.
    Tcp {
        /// Host name or address, without brackets.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// `unix:///path`.
    Unix {
        /// Absolute path of the socket.
        #[serde(with = "paths")]
        path: PathBuf,
    },
    /// `systemd` or `systemd:name`: sockets that are open already and were passed to the process.
    Systemd {
        /// Only those of this name (`FileDescriptorName=`); `None` for all.
        name: Option<String>,
    },
}

impl Listen {
    /// Reads one address, with its options behind a `?`.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let refuse = |why: &str| {
            Err(ConfigError::new(
                "listen",
                format!(
                    "{text:?} {why}; write \"127.0.0.1:8080\", \"wss://0.0.0.0:8443\", \"[::1]:8080\", \"unix:///run/app.sock\" or \"systemd\""
                ),
            ))
        };
        let (rest, proxy_protocol) = match text.split_once('?') {
            Some((rest, "proxy_protocol")) => (rest, true),
            Some(_) => {
                return refuse("demands something unknown after the '?'; it may be \"proxy_protocol\"");
            }
            None => (text, false),
        };
        let (scheme, address) = match rest.split_once("://") {
            Some(("ws", address)) => (Some(Scheme::Ws), address),
            Some(("wss", address)) => (Some(Scheme::Wss), address),
            _ => (None, rest),
        };
        let listen = |address| Ok(Self { address, scheme, proxy_protocol });
        if let Some(path) = address.strip_prefix("unix:") {
            if scheme.is_some() {
                return refuse("is a Unix socket, which is always plain and has no other scheme");
            }
            let Some(path) = path.strip_prefix("//").filter(|p| p.starts_with('/')) else {
                return refuse("needs an absolute path");
            };
            if path.len() > MAX_UNIX_PATH || path.contains('\0') {
                return refuse("has a path that no socket can have (at most 107 bytes, no NUL)");
            }
            return listen(Address::Unix { path: PathBuf::from(path) });
        }
        if address == "systemd" {
            return listen(Address::Systemd { name: None });
        }
        if let Some(name) = address.strip_prefix("systemd:") {
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') {
                return refuse("has a name that systemd gives to no socket");
            }
            return listen(Address::Systemd { name: Some(name.to_owned()) });
        }
        if address.contains("://") {
            return refuse("has a scheme that is not served");
        }
        match host_and_port(address) {
            Ok((host, port)) => listen(Address::Tcp { host: host.to_owned(), port }),
            Err(why) => refuse(why),
        }
    }
}

/// The host and the port of a TCP address, or the fault of it.
fn host_and_port(address: &str) -> Result<(&str, u16), &'static str> {
    let Some((host, port)) = address.rsplit_once(':') else {
        let is_port = address.parse::<u16>().is_ok();
        return Err(if is_port { "is a port without a host" } else { "has no port" });
    };
    let port = port.parse::<u16>().map_err(|_| "has no port between 0 and 65535")?;
    let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(v6) => v6,
        None if host.contains(':') => return Err("is an IPv6 address without brackets"),
        None => host,
    };
    if host.is_empty() {
        return Err("has no host");
    }
    if host.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'/' || b == b'[' || b == b']') {
        return Err("has a host that cannot be one");
    }
    Ok((host, port))
}

impl Address {
    /// True if both may mean the same socket: one that is passed exists once.
    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Systemd { name: Some(one) }, Self::Systemd { name: Some(other) }) => one == other,
            (Self::Systemd { .. }, Self::Systemd { .. }) => true,
            _ => false,
        }
    }
}

/// Checks rules that concern several addresses.
pub(super) fn check(listen: &[Listen]) -> Result<(), ConfigError> {
    if listen.is_empty() {
        return Err(ConfigError::new("listen", "is an empty list; name at least one address"));
    }
    for (place, one) in listen.iter().enumerate() {
        if listen.iter().skip(place + 1).any(|other| one.address.overlaps(&other.address)) {
            let reason = format!("\"{}\" names sockets of systemd that another entry names too", one.address);
            return Err(ConfigError::new("listen", reason));
        }
    }
    Ok(())
}

impl From<Address> for Listen {
    fn from(address: Address) -> Self {
        Self { address, scheme: None, proxy_protocol: false }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix { path } => write!(f, "unix://{}", path.display()),
            Self::Systemd { name: None } => f.write_str("systemd"),
            Self::Systemd { name: Some(name) } => write!(f, "systemd:{name}"),
        }
    }
}

/// `sun_path` of Linux, less the final NUL.
const MAX_UNIX_PATH: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_address_is_read() {
        for text in
            ["127.0.0.1:8080", "localhost:0", "[::1]:9", "unix:///run/app.sock", "systemd", "systemd:web-1"]
        {
            assert_eq!(Listen::parse(text).unwrap().address.to_string(), text);
        }
    }

    #[test]
    fn a_scheme_says_whether_an_address_speaks_tls() {
        for (text, scheme) in [
            ("127.0.0.1:1", None),
            ("ws://127.0.0.1:1", Some(Scheme::Ws)),
            ("wss://127.0.0.1:1", Some(Scheme::Wss)),
            ("wss://[::1]:1?proxy_protocol", Some(Scheme::Wss)),
            ("wss://systemd:a", Some(Scheme::Wss)),
        ] {
            let listen = Listen::parse(text).unwrap();
            assert_eq!(listen.scheme, scheme);
            assert!(!listen.address.to_string().contains("ws"));
        }
    }

    #[test]
    fn a_socket_of_systemd_is_named_once() {
        let checked = |texts: &[&str]| {
            check(&texts.iter().map(|text| Listen::parse(text).unwrap()).collect::<Vec<_>>())
        };
        assert!(checked(&["systemd:a", "systemd:b", "127.0.0.1:0", "127.0.0.1:0"]).is_ok());
        for twice in
            [&["systemd", "systemd"][..], &["systemd:a", "systemd"], &["systemd:a", "h:1", "systemd:a"]]
        {
            let error = checked(twice).unwrap_err().to_string();
            assert!(error.starts_with("listen: \"systemd"), "{error}");
        }
        assert!(checked(&[]).is_err());
    }

    #[test]
    fn an_address_may_demand_the_proxy_protocol() {
        for text in ["127.0.0.1:8080", "[::1]:9", "unix:///run/app.sock", "systemd", "systemd:a"] {
            let listen = Listen::parse(&format!("{text}?proxy_protocol")).unwrap();
            assert_eq!(listen.address.to_string(), text);
            assert!(listen.proxy_protocol && !Listen::parse(text).unwrap().proxy_protocol);
        }
    }

    #[test]
    fn a_wrong_address_is_refused_with_its_text() {
        for text in [
            "",
            "8080",
            "host",
            "host:",
            "host:65536",
            ":8080",
            "::1:80",
            "http://a:1",
            "WSS://a:1",
            "ws://",
            "wss://a",
            "wss://wss://a:1",
            "ws://unix:///x",
            "wss+unix:///x",
            "unix:/x",
            "unix://x",
            "a b:1",
            "h\0:1",
            "host:-1",
            "host:1?",
            "host:1?proxy",
            "host:1?proxy_protocol&",
            "host:1?proxy_protocol=1",
            "unix:///x?PROXY_PROTOCOL",
            "?proxy_protocol",
            "systemd:",
            "systemd:a:b",
            "systemd:a b",
            "systemd:\u{e9}",
            "Systemd",
        ] {
            let error = Listen::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("listen: {text:?} ")), "{error}");
        }
        assert!(Listen::parse(&format!("unix:///{}", "x".repeat(107))).is_err());
    }
}
