//! Where other programs may speak to the server's clients, and with which keys.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::{Address, ConfigError, Listen, Secret};

/// One listener of the control API.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Control {
    /// TCP or a Unix socket.
    pub address: Address,
    /// True if it speaks TLS, with the certificates of the server.
    pub tls: bool,
    /// The keys that requests are signed with; none on a Unix socket, which only its owner can open.
    pub keys: Vec<ControlKey>,
}

/// A key and its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ControlKey {
    /// The name that requests give.
    pub name: String,
    /// The secret that signs them.
    pub secret: Secret,
}

impl Control {
    /// Reads `unix:///run/app/control.sock`, `http://key:secret@127.0.0.1:9000` and `https://…`. Those that differ in
    /// the key alone become one listener with several keys.
    pub fn parse(texts: &[String]) -> Result<Vec<Self>, ConfigError> {
        let mut all: Vec<Self> = Vec::new();
        for (place, text) in texts.iter().enumerate() {
            let one = Self::parse_one(text).map_err(|why| {
                // Not the text itself: it may hold a secret.
                ConfigError::new(CONTROL, format!("address number {} {why}; write {FORMS}", place + 1))
            })?;
            match all.iter_mut().find(|known| known.address == one.address) {
                None => all.push(one),
                Some(known) if known.tls == one.tls && !one.keys.is_empty() => known.keys.extend(one.keys),
                Some(_) => {
                    let reason = format!("{} is there twice", one.address);
                    return Err(ConfigError::new(CONTROL, reason));
                }
            }
        }
        for Self { address, keys, .. } in &all {
            let mut names: Vec<&str> = keys.iter().map(|key| &*key.name).collect();
            names.sort_unstable();
            if let Some([twice, _]) = names.windows(2).find(|pair| pair.first() == pair.last()) {
                return Err(ConfigError::new(CONTROL, format!("{address} has the key {twice:?} twice")));
            }
        }
        Ok(all)
    }

    fn parse_one(text: &str) -> Result<Self, String> {
        if text.starts_with("unix:") {
            let listen = Listen::parse(text).map_err(|_| "is not the path of a Unix socket")?;
            if listen.proxy_protocol {
                return Err("may demand nothing".into());
            }
            return Ok(Self { address: listen.address, tls: false, keys: Vec::new() });
        }
        let (tls, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            _ => return Err("has none of the schemes unix, http and https".into()),
        };
        let (credentials, authority) =
            rest.rsplit_once('@').ok_or("has no key and no secret, without which anybody could speak")?;
        let (name, secret) = credentials.split_once(':').ok_or("has a key but no secret")?;
        let name = percent_decode_str(name).decode_utf8().map_err(|_| "has a key that is not UTF-8")?;
        if name.is_empty() || name.len() > LONGEST_KEY || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("has a key that is not 1 to {LONGEST_KEY} printable ASCII characters"));
        }
        let secret: Vec<u8> = percent_decode_str(secret).collect();
        if secret.len() < SHORTEST_SECRET {
            return Err(format!("has a secret of {} bytes; it needs {SHORTEST_SECRET}", secret.len()));
        }
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let listen = Listen::parse(authority).ok().filter(|listen| {
            listen.scheme.is_none() && !listen.proxy_protocol && matches!(listen.address, Address::Tcp { .. })
        });
        let listen = listen.ok_or("has no host and port to listen on")?;
        let keys = vec![ControlKey { name: name.into_owned(), secret: Secret::new(&secret) }];
        Ok(Self { address: listen.address, tls, keys })
    }
}

/// Checks rules that concern several listeners.
pub(super) fn check(control: &[Control], certificates: bool) -> Result<(), ConfigError> {
    match control.iter().find(|control| control.tls && !certificates) {
        None => Ok(()),
        Some(Control { address, .. }) => Err(ConfigError::new(
            CONTROL,
            format!("https at {address} needs certificates: give the option tls, or write http"),
        )),
    }
}

const CONTROL: &str = "control";
const FORMS: &str = "\"unix:///run/app/control.sock\" or \"http://KEY:SECRET@127.0.0.1:9000\"";
const LONGEST_KEY: usize = 64;
const SHORTEST_SECRET: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> Result<Vec<Control>, ConfigError> {
        Control::parse(&texts.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn addresses_that_differ_in_the_key_are_one_listener() {
        let all = parse(&[
            "unix:///run/a.sock",
            "http://old:0123456789abcdef@127.0.0.1:9000",
            "http://new:%30123456789abcde%40@127.0.0.1:9000/",
            "https://k:0123456789abcdef@[::1]:0",
        ])
        .unwrap();
        let names = |at: usize| all[at].keys.iter().map(|key| &*key.name).collect::<Vec<_>>();
        assert_eq!((all.len(), names(0), names(1)), (3, vec![], vec!["old", "new"]));
        assert_eq!(all[1].keys[1].secret.bytes(), b"0123456789abcde@");
        assert!(all[2].tls && !all[1].tls);
    }

    #[test]
    fn a_wrong_address_is_refused_without_its_secret() {
        for (text, why) in [
            ("", "has none of the schemes"),
            ("127.0.0.1:9000", "has none of the schemes"),
            ("ws://k:hunter2hunter2hunter2@127.0.0.1:9000", "has none of the schemes"),
            ("unix:run/a.sock", "is not the path"),
            ("unix:///a?proxy_protocol", "may demand nothing"),
            ("http://127.0.0.1:9000", "has no key"),
            ("http://k@127.0.0.1:9000", "has a key but no secret"),
            ("http://k:hunter2@127.0.0.1:9000", "has a secret of 7 bytes; it needs 16"),
            ("http://:hunter2hunter2hunter2@127.0.0.1:9000", "has a key that is not"),
            ("http://%ff:hunter2hunter2hunter2@127.0.0.1:9000", "has a key that is not UTF-8"),
            ("http://k:hunter2hunter2hunter2@127.0.0.1", "has no host and port"),
            ("http://k:hunter2hunter2hunter2@127.0.0.1:9000/x", "has no host and port"),
            ("http://k:hunter2hunter2hunter2@systemd", "has no host and port"),
        ] {
            let error = parse(&["unix:///b", text]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("control: address number 2 {why}")), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let twice = parse(&["http://k:0123456789abcdef@h:1", "http://k:0123456789abcdeg@h:1"]);
        assert_eq!(twice.unwrap_err().to_string(), "control: h:1 has the key \"k\" twice");
        let mixed = parse(&["http://k:0123456789abcdef@h:1", "https://l:0123456789abcdeg@h:1"]);
        assert_eq!(mixed.unwrap_err().to_string(), "control: h:1 is there twice");
        assert!(parse(&["unix:///a", "unix:///a"]).is_err());
    }

    #[test]
    fn a_secret_is_in_no_dump() {
        let all = parse(&["http://k:hunter2hunter2hunter2@h:1"]).unwrap();
        assert!(!format!("{all:?}").contains("hunter2"));
        assert!(check(&all, false).is_ok());
        let https = parse(&["https://k:hunter2hunter2hunter2@h:1"]).unwrap();
        assert!(check(&https, true).is_ok());
        let error = check(&https, false).unwrap_err().to_string();
        assert_eq!(error, "control: https at h:1 needs certificates: give the option tls, or write http");
    }
}
