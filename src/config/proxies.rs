//! The proxies whose forwarding headers are believed.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The proxies whose statements about a client's address are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    unix: bool,
}

impl TrustedProxies {
    /// Reads a list of addresses and networks (`10.0.0.1`, `10.0.0.0/8`, `fd00::/8`); `unix:` stands for every client
    /// of a Unix socket.
    pub fn parse(list: &[String]) -> Result<Self, ConfigError> {
        let mut trusted = Self::default();
        for text in list {
            if text == "unix:" {
                trusted.unix = true;
                continue;
            }
            let network =
                text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(|ip| ip.to_canonical().into()));
            trusted.networks.push(network.map_err(|_| {
                ConfigError::new(
                    "trustedProxies",
                    format!("{text:?} is neither an IP address nor a network like 10.0.0.0/8 nor \"unix:\""),
                )
            })?);
        }
        Ok(trusted)
    }

    /// True if a peer is one of them; `None` is one on a Unix socket.
    pub fn contain(&self, peer: Option<IpAddr>) -> bool {
        match peer {
            Some(ip) => self.networks.iter().any(|network| network.contains(&ip)),
            None => self.unix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &[&str]) -> Result<TrustedProxies, ConfigError> {
        TrustedProxies::parse(&list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn addresses_networks_and_unix_sockets_are_read_and_names_refused() {
        let trusted = read(&["10.0.0.0/8", "::1", "::ffff:192.0.2.7"]).unwrap();
        for (peer, is_trusted) in
            [("10.9.9.9", true), ("::1", true), ("192.0.2.7", true), ("192.0.2.8", false)]
        {
            assert_eq!(trusted.contain(Some(peer.parse().unwrap())), is_trusted, "{peer}");
        }
        assert!(!trusted.contain(None) && read(&["unix:"]).unwrap().contain(None));
        assert!(!read(&["unix:"]).unwrap().contain(Some("127.0.0.1".parse().unwrap())));
        for wrong in ["proxy.example", "10.0.0.0/33", "unix", "unix:///run/app.sock", "", "10.0.0.1:80"] {
            let error = read(&["10.0.0.1", wrong]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("trustedProxies: {wrong:?} is neither")), "{error}");
        }
    }
}
