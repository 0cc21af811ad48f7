//! The addresses and paths for monitoring clients.

use serde::{Deserialize, Serialize};

use super::{Address, ConfigError, Listen, Scheme};

/// The path of the metrics, and the address they have for themselves, if they have one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// The path, as in `/metrics`.
    pub path: String,
    /// Where nothing but the metrics is served, without TLS; `None` = on every address of `listen`.
    pub listen: Option<Listen>,
}

impl Metrics {
    /// Reads `/metrics` or `http://127.0.0.1:9090/metrics`.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let refuse = |why: &str| {
            ConfigError::new(
                METRICS,
                format!("{text:?} {why}; write \"/metrics\" or \"http://127.0.0.1:9090/metrics\""),
            )
        };
        let Some(rest) = text.strip_prefix("http://") else {
            return Ok(Self { path: path(METRICS, text)?, listen: None });
        };
        let slash = rest.find('/').ok_or_else(|| refuse("has no path"))?;
        let (authority, target) = rest.split_at(slash);
        let listen = Listen::parse(authority).map_err(|_| refuse("has no host and port to listen on"))?;
        if !matches!(listen.address, Address::Tcp { .. }) || listen.proxy_protocol {
            return Err(refuse("has no host and port to listen on"));
        }
        let scheme = Some(Scheme::Ws);
        Ok(Self { path: path(METRICS, target)?, listen: Some(Listen { scheme, ..listen }) })
    }
}

/// Reads the path under which the server's health is told.
pub fn health(text: &str) -> Result<String, ConfigError> {
    path(HEALTH, text)
}

/// Checks that the paths do not hide each other.
pub(super) fn check(health: Option<&str>, metrics: Option<&Metrics>) -> Result<(), ConfigError> {
    if let (Some(health), Some(Metrics { path, listen: None })) = (health, metrics)
        && path.strip_prefix(health).is_some_and(|rest| matches!(rest, "" | "/live" | "/ready"))
    {
        return Err(ConfigError::new(METRICS, format!("{path:?} is a path of the option health already")));
    }
    Ok(())
}

fn path(option: &'static str, text: &str) -> Result<String, ConfigError> {
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#'));
    if text.len() < 2 || text.len() > LONGEST || !text.starts_with('/') || text.ends_with('/') || !printable {
        return Err(ConfigError::new(
            option,
            format!(
                "{text:?} is not a path such as \"/{option}\": printable ASCII without a query, and no / at its end"
            ),
        ));
    }
    Ok(text.to_owned())
}

const HEALTH: &str = "health";
const METRICS: &str = "metrics";
const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_with_a_slash_and_has_no_query() {
        assert_eq!(health("/health").unwrap(), "/health");
        assert_eq!(health("/a/b-c.d%20e").unwrap(), "/a/b-c.d%20e");
        for text in
            ["", "/", "health", "/health/", "/a b", "/a?b", "/a#b", "/\u{e9}", "/a\n", "//", "http://h/"]
        {
            let error = health(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("health: {text:?} is not a path")), "{error}");
        }
        assert!(health(&format!("/{}", "x".repeat(256))).is_err());
    }

    #[test]
    fn metrics_are_on_every_address_or_on_one_of_their_own() {
        assert_eq!(Metrics::parse("/m").unwrap(), Metrics { path: "/m".to_owned(), listen: None });
        let own = Metrics::parse("http://[::1]:9090/a/metrics").unwrap();
        let listen = own.listen.unwrap();
        assert_eq!((own.path.as_str(), listen.address.to_string().as_str()), ("/a/metrics", "[::1]:9090"));
        assert!(listen.scheme == Some(Scheme::Ws) && !listen.proxy_protocol);
        for text in [
            "metrics",
            "http://",
            "http://127.0.0.1:9090",
            "http://127.0.0.1:9090/",
            "http://127.0.0.1/metrics",
            "http://systemd/metrics",
            "http://127.0.0.1:9090?proxy_protocol/metrics",
            "http://a@127.0.0.1:70000/metrics",
            "https://127.0.0.1:9090/metrics",
            "HTTP://127.0.0.1:9090/metrics",
            "unix:///run/metrics.sock",
        ] {
            let error = Metrics::parse(text).unwrap_err().to_string();
            assert!(error.starts_with("metrics: \""), "{error}");
        }
    }

    #[test]
    fn metrics_may_not_hide_behind_health() {
        let check =
            |health: &str, metrics: &str| check(Some(health), Some(&Metrics::parse(metrics).unwrap()));
        assert!(
            check("/a", "/a").is_err() && check("/a", "/a/ready").is_err() && check("/a", "/a/live").is_err()
        );
        assert!(check("/a", "/ab").is_ok() && check("/a", "/a/b").is_ok());
        assert!(check("/a", "http://127.0.0.1:9/a").is_ok());
    }
}
