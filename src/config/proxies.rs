//! The proxies whose forwarding headers are believed.

use std::net::IpAddr;

pub use ipnet::IpNet;

use super::ConfigError;

/// Reads a list of addresses and networks (`10.0.0.1`, `10.0.0.0/8`, `fd00::/8`).
pub fn trusted_proxies(networks: &[String]) -> Result<Vec<IpNet>, ConfigError> {
    networks
        .iter()
        .map(|text| {
            text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
                ConfigError::new(
                    "trustedProxies",
                    format!("{text:?} is neither an IP address nor a network like 10.0.0.0/8"),
                )
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_read_and_names_refused() {
        let list = |text: &str| trusted_proxies(&[text.to_owned()]);
        assert!(list("10.0.0.0/8").is_ok() && list("::1").is_ok() && list("192.0.2.7").is_ok());
        assert!(
            list("proxy.example").unwrap_err().to_string().starts_with("trustedProxies: \"proxy.example\"")
        );
        assert!(list("10.0.0.0/33").is_err());
    }
}
