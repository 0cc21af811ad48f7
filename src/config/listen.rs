//! The addresses to listen on, as text.

use std::{fmt, path::PathBuf};

use super::ConfigError;

/// One address, and how clients are served who come there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where.
    pub address: Address,
    /// How.
    pub entry: Entry,
}

/// What an address demands of those who connect to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entry {}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        path: PathBuf,
    },
}

impl Listen {
    /// Reads one address.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let refuse = |why: &str| {
            Err(ConfigError::new(
                "listen",
                format!(
                    "{text:?} {why}; write \"127.0.0.1:8080\", \"0.0.0.0:8080\", \"[::1]:8080\" or \"unix:///run/app.sock\""
                ),
            ))
        };
        if let Some(path) = text.strip_prefix("unix:") {
            let Some(path) = path.strip_prefix("//").filter(|p| p.starts_with('/')) else {
                return refuse("needs an absolute path");
            };
            if path.len() > MAX_UNIX_PATH || path.contains('\0') {
                return refuse("has a path that no socket can have (at most 107 bytes, no NUL)");
            }
            return Ok(Address::Unix { path: PathBuf::from(path) }.into());
        }
        if text.contains("://") {
            return refuse("has a scheme that is not served");
        }
        let Some((host, port)) = text.rsplit_once(':') else {
            return refuse("has no port");
        };
        let Ok(port) = port.parse::<u16>() else {
            return refuse("has no port between 0 and 65535");
        };
        let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            Some(v6) => v6,
            None if host.contains(':') => return refuse("is an IPv6 address without brackets"),
            None => host,
        };
        if host.is_empty() {
            return refuse("has no host");
        }
        if host.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'/' || b == b'[' || b == b']') {
            return refuse("has a host that cannot be one");
        }
        Ok(Address::Tcp { host: host.to_owned(), port }.into())
    }
}

impl From<Address> for Listen {
    fn from(address: Address) -> Self {
        Self { address, entry: Entry::default() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix { path } => write!(f, "unix://{}", path.display()),
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
        for text in ["127.0.0.1:8080", "localhost:0", "[::1]:9", "unix:///run/app.sock"] {
            assert_eq!(Listen::parse(text).unwrap().address.to_string(), text);
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
            "ws://a:1",
            "unix:/x",
            "unix://x",
            "a b:1",
            "h\0:1",
            "host:-1",
        ] {
            let error = Listen::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("listen: {text:?} ")), "{error}");
        }
        assert!(Listen::parse(&format!("unix:///{}", "x".repeat(107))).is_err());
    }
}
