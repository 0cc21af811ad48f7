//! From files to rustls's types, or to an error that names the option and the file.

use std::{fs, path::Path, sync::Arc};

use rustls::{
    InconsistentKeys, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    sign::CertifiedKey,
};

use crate::{
    config::{ConfigError, Tls},
    descriptors::keep_standard,
};

/// A certificate with its key, and the names it is for.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    /// In lower case; some may begin with `*.`.
    pub(super) names: Vec<String>,
}

impl Identity {
    pub(super) fn load(files: &Tls, provider: &CryptoProvider) -> Result<Self, ConfigError> {
        let chain = certificates("tls.certificate", &files.certificate)?;
        let names = names(&chain).map_err(|reason| error("tls.certificate", &files.certificate, &reason))?;
        let key = private_key(&files.key)?;
        let key = CertifiedKey::from_der(chain, key, provider).map_err(|reason| match reason {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                let certificate = files.certificate.display();
                error("tls.key", &files.key, &format!("is not the key of the certificate in {certificate}"))
            }
            reason => error("tls.key", &files.key, &format!("holds a key that cannot be used: {reason}")),
        })?;
        Ok(Self { key: Arc::new(key), names })
    }
}

/// Authorities that may vouch for clients.
pub(super) fn authorities(file: &Path) -> Result<RootCertStore, ConfigError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates("tls.clientCa", file)? {
        store.add(certificate).map_err(|reason| {
            error("tls.clientCa", file, &format!("holds a certificate that cannot be used: {reason}"))
        })?;
    }
    Ok(store)
}

fn certificates(option: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let text = read(option, file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(error(option, file, "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")),
        Err(reason) => Err(error(option, file, &format!("is not in PEM form: {reason}"))),
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let text = read("tls.key", file)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|reason| {
        let encrypted = [b"ENCRYPTED PRIVATE KEY".as_slice(), b"Proc-Type: 4,ENCRYPTED"];
        let is_encrypted = encrypted.iter().any(|mark| text.windows(mark.len()).any(|part| part == *mark));
        let reason = if is_encrypted {
            "is encrypted; write it decrypted with: openssl pkey -in KEY -out NEWKEY".to_owned()
        } else {
            let form = "holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)";
            match reason {
                pem::Error::NoItemsFound => form.to_owned(),
                reason => format!("{form}: {reason}"),
            }
        };
        error("tls.key", file, &reason)
    })
}

/// The names that the first certificate, the server's own, is for.
fn names(chain: &[CertificateDer<'_>]) -> Result<Vec<String>, String> {
    let Some(own) = chain.first() else { return Ok(Vec::new()) };
    let own = webpki::EndEntityCert::try_from(own)
        .map_err(|reason| format!("holds a certificate that cannot be used: {reason:?}"))?;
    Ok(own.valid_dns_names().map(str::to_ascii_lowercase).collect())
}

fn read(option: &'static str, file: &Path) -> Result<Vec<u8>, ConfigError> {
    keep_standard();
    fs::read(file).map_err(|reason| error(option, file, &format!("cannot be read: {reason}")))
}

fn error(option: &'static str, file: &Path, reason: &str) -> ConfigError {
    ConfigError::new(option, format!("{} {reason}", file.display()))
}
