//! The credentials that clients need before PHP is asked.

use std::{fmt, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{ConfigError, paths};

/// One kind of credential that lets a client in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Auth {
    /// A signed token.
    Jwt(Jwt),
    /// The key and secret of an application.
    AppKeys(AppKeys),
}

/// Applications that may connect, as in the file of Gomoob's server.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AppKeys {
    /// In order; of several with one key the last counts.
    pub applications: Vec<Application>,
}

/// One of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Application {
    /// Its name, which need not be kept secret.
    pub key: String,
    /// The secret of the application.
    pub secret: Secret,
    /// True if it may open a connection with its key alone. Default: no.
    pub authorize_open: bool,
}

/// The tokens that are accepted (RFC 7519), and their meaning for a client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Jwt {
    /// The key that checks their signatures.
    pub key: JwtKey,
    /// Accepted audiences; a token must name one of these. Default: none, and then a token that names an audience is
    /// refused (RFC 7519 section 4.1.3).
    pub audience: Vec<String>,
    /// The required issuer. Default: any issuer that has the key.
    pub issuer: Option<String>,
    /// Allowed difference between this machine's clock and the issuer's. Default: 30 s.
    pub leeway: Duration,
    /// True if a token without an end is refused. Default: yes; otherwise a lost token is good for ever.
    pub require_expiry: bool,
    /// True if the connection ends with its token. Default: yes.
    pub close_on_expiry: bool,
    /// The claim that names the user. Default: `sub`.
    pub user_claim: Option<String>,
    /// The claim that lists topics to begin with. Default: `topics`.
    pub topics_claim: Option<String>,
    /// The claim that holds tags to begin with. Default: `tags`.
    pub tags_claim: Option<String>,
    /// The query parameter in which browsers send it, which cannot set headers. Default: `token`.
    pub query_parameter: Option<String>,
    /// The cookie in which it may be. Default: none.
    pub cookie: Option<String>,
}

/// The key that checks a token's signature. Its kind decides the algorithm, never the token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum JwtKey {
    /// Shared with the issuer: HS256.
    Secret(Secret),
    /// A public key in PEM form: RS256 or ES256, by its kind.
    Pem(Pem),
    /// A file with a set of public keys (RFC 7517).
    Jwks(#[serde(with = "paths")] PathBuf),
}

/// A public key in PEM form.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Pem {
    /// As it stands in a variable.
    Text(String),
    /// In a file, which is read again when it changes.
    File(#[serde(with = "paths")] PathBuf),
}

/// Bytes that no log, message or dump shows. Serialised they are plain, for another process of the server.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secret(Box<[u8]>);

impl Jwt {
    /// The defaults, with this key.
    pub fn new(key: JwtKey) -> Self {
        Self {
            key,
            audience: Vec::new(),
            issuer: None,
            leeway: Duration::from_secs(30),
            require_expiry: true,
            close_on_expiry: true,
            user_claim: Some("sub".to_owned()),
            topics_claim: Some("topics".to_owned()),
            tags_claim: Some("tags".to_owned()),
            query_parameter: Some("token".to_owned()),
            cookie: None,
        }
    }

    /// Checks everything that needs no key.
    pub fn check(&self) -> Result<(), ConfigError> {
        if let JwtKey::Secret(secret) = &self.key {
            if secret.bytes().starts_with(b"-----BEGIN") {
                return Err(ConfigError::new("jwt.secret", "is a key in PEM form; that is for publicKey"));
            }
            if secret.bytes().len() < SHORTEST_SECRET {
                let found = secret.bytes().len();
                return Err(ConfigError::new(
                    "jwt.secret",
                    format!(
                        "has {found} bytes; HS256 needs {SHORTEST_SECRET} at least (RFC 7518 section 3.2)"
                    ),
                ));
            }
        }
        if self.leeway > LONGEST_LEEWAY {
            return Err(ConfigError::new("jwt.leeway", "is more than ten minutes"));
        }
        let named = [
            ("jwt.issuer", &self.issuer),
            ("jwt.userClaim", &self.user_claim),
            ("jwt.topicsClaim", &self.topics_claim),
            ("jwt.tagsClaim", &self.tags_claim),
            ("jwt.queryParameter", &self.query_parameter),
            ("jwt.cookie", &self.cookie),
        ];
        let audience = self.audience.iter().map(|name| ("jwt.audience", name));
        let empty = named.into_iter().filter_map(|(option, name)| Some((option, name.as_ref()?)));
        match empty.chain(audience).find(|(_, name)| name.is_empty()) {
            Some((option, _)) => Err(ConfigError::new(option, "is empty; null leaves it out")),
            None => Ok(()),
        }
    }
}

impl AppKeys {
    /// Checks that they can be told apart and kept out.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.applications.is_empty() {
            return Err(ConfigError::new(APP_KEYS, "names no application, so that none could come in"));
        }
        for (index, application) in self.applications.iter().enumerate() {
            let number = index + 1;
            if application.key.is_empty() || application.key.contains(':') {
                let why =
                    "has a key that is empty or has a colon, which the header Authorization cannot hold";
                return Err(ConfigError::new(APP_KEYS, format!("application {number} {why}")));
            }
            if application.secret.bytes().is_empty() {
                return Err(ConfigError::new(APP_KEYS, format!("application {number} has an empty secret")));
            }
        }
        Ok(())
    }
}

impl Secret {
    /// Takes a copy.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The bytes that must not be shown.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

const APP_KEYS: &str = "appKeys";
/// Bytes of the hash, as RFC 7518 section 3.2 demands.
const SHORTEST_SECRET: usize = 32;
const LONGEST_LEEWAY: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    fn with_secret(secret: &[u8]) -> Jwt {
        Jwt::new(JwtKey::Secret(Secret::new(secret)))
    }

    #[test]
    fn a_secret_is_as_long_as_the_hash_and_no_public_key() {
        assert!(with_secret(&[b'x'; 32]).check().is_ok());
        let short = with_secret(b"hush, hush").check().unwrap_err().to_string();
        assert!(short.starts_with("jwt.secret: has 10 bytes") && !short.contains("hush"), "{short}");
        let pem = format!("-----BEGIN PUBLIC KEY-----{}", "x".repeat(99));
        assert!(with_secret(pem.as_bytes()).check().unwrap_err().to_string().contains("publicKey"));
    }

    #[test]
    fn a_name_is_left_out_with_null_and_never_empty() {
        let jwt = Jwt { cookie: Some(String::new()), ..with_secret(&[b'x'; 32]) };
        assert_eq!(jwt.check().unwrap_err().option(), "jwt.cookie");
        let jwt = Jwt { audience: vec!["a".into(), String::new()], ..with_secret(&[b'x'; 32]) };
        assert_eq!(jwt.check().unwrap_err().option(), "jwt.audience");
        let jwt = Jwt { cookie: None, user_claim: None, ..with_secret(&[b'x'; 32]) };
        assert!(jwt.check().is_ok());
    }

    #[test]
    fn no_dump_of_the_options_shows_a_secret() {
        let dump = format!("{:?}", with_secret(b"correct horse battery staple, and more"));
        assert!(dump.contains("***") && !dump.contains("horse"), "{dump}");
        assert!(!dump.contains("99, 111"), "{dump}");
    }
}
