//! Certificates for TLS, by their files.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Listen, Scheme, listen::Address, paths};

/// A certificate and its key. Files in PEM form, read when the server starts and whenever they change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// The certificate, and behind it the intermediate ones that clients do not have.
    #[serde(with = "paths")]
    pub certificate: PathBuf,
    /// Its private key, not encrypted.
    #[serde(with = "paths")]
    pub key: PathBuf,
    /// The authorities of which every client must show a certificate. Default: clients need none.
    #[serde(with = "paths::optional")]
    pub client_ca: Option<PathBuf>,
}

/// Checks the certificates against each other and against the addresses that need them.
pub(super) fn check(certificates: &[Tls], listen: &[Listen], control: bool) -> Result<(), ConfigError> {
    let refuse = |reason: String| Err(ConfigError::new("tls", reason));
    let Some(first) = certificates.first() else {
        return match listen.iter().find(|listen| listen.scheme == Some(Scheme::Wss)) {
            Some(listen) => refuse(format!("is needed to listen on wss://{}", listen.address)),
            None => Ok(()),
        };
    };
    // Clients choose the certificate by a name of theirs; the name must not choose the authority that lets them in.
    if certificates.iter().any(|other| other.client_ca != first.client_ca) {
        return refuse("its certificates differ in clientCa, which holds for all or none of them".to_owned());
    }
    let serves = |listen: &Listen| {
        listen.scheme != Some(Scheme::Ws) && !matches!(listen.address, Address::Unix { .. })
    };
    if !control && !listen.iter().any(serves) {
        return refuse(
            "is given, but nothing in listen would use it: ws:// and unix:// are plain".to_owned(),
        );
    }
    Ok(())
}
