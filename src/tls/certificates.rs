//! The certificates of TLS sessions; replaced as a whole when the files change.

use std::sync::Arc;

use parking_lot::RwLock;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier},
};

use super::{
    identity::{Identity, authorities},
    resolver::Resolver,
    session::TlsSession,
    stamp::{Stamp, stamps},
};
use crate::config::{ConfigError, Tls};

/// The certificates of a server. Every shard begins sessions with them; a session keeps those that it began with.
#[derive(Debug)]
pub struct Certificates {
    files: Vec<Tls>,
    current: RwLock<Arc<Current>>,
}

#[derive(Debug)]
struct Current {
    /// The stamps of the files just before they were read.
    read_from: Vec<Stamp>,
    config: Arc<ServerConfig>,
    authorities: Option<Arc<RootCertStore>>,
}

impl Certificates {
    /// Reads the files. The error names the option and the file.
    pub fn load(files: &[Tls]) -> Result<Self, ConfigError> {
        let current = Arc::new(Current::load(files, None)?);
        Ok(Self { files: files.to_vec(), current: RwLock::new(current) })
    }

    /// Reads the files again, for sessions that begin from now on. After an error everything is as it was.
    pub fn reload(&self) -> Result<(), ConfigError> {
        let before = self.current.read().clone();
        let fresh = Arc::new(Current::load(&self.files, Some(&before))?);
        *self.current.write() = fresh;
        Ok(())
    }

    /// A session with a client that has connected.
    pub fn session(&self) -> Result<TlsSession, rustls::Error> {
        let config = self.current.read().config.clone();
        TlsSession::new(config)
    }

    /// The configuration for a library that keeps its own buffers.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.current.read().config.clone()
    }

    /// True if the certificates in use come from files with these stamps.
    pub(super) fn are_read_from(&self, stamps: &[Stamp]) -> bool {
        self.current.read().read_from == stamps
    }

    /// The files they come from.
    pub(super) fn files(&self) -> &[Tls] {
        &self.files
    }
}

impl Current {
    fn load(files: &[Tls], before: Option<&Self>) -> Result<Self, ConfigError> {
        let broken = |error: rustls::Error| ConfigError::new("tls", error.to_string());
        let read_from = stamps(files);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let identities =
            files.iter().map(|files| Identity::load(files, &provider)).collect::<Result<Vec<_>, _>>()?;
        let client_ca = files.first().and_then(|files| files.client_ca.as_deref());
        let authorities = client_ca.map(authorities).transpose()?.map(Arc::new);
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(broken)?;
        let mut config = match &authorities {
            None => builder.with_no_client_auth(),
            Some(authorities) => builder.with_client_cert_verifier(verifier(authorities, provider)?),
        }
        .with_cert_resolver(Arc::new(Resolver::new(identities)));
        // The protocol that a browser asks for before a WebSocket handshake (RFC 7301).
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Clients keep their sessions themselves, in tickets (RFC 5077, RFC 8446 section 4.6.1), so
        // those cost no memory here. A ticket vouches for its client's certificate, so it does not
        // outlive the authorities that did.
        let same = before.filter(|before| roots(&before.authorities) == roots(&authorities));
        config.ticketer = match same {
            Some(before) => before.config.ticketer.clone(),
            None => tickets().map_err(broken)?,
        };
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self { read_from, config: Arc::new(config), authorities })
    }
}

/// Sealed with keys that are replaced every six hours.
fn tickets() -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    aws_lc_rs::Ticketer::new()
}

fn verifier(
    authorities: &Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, ConfigError> {
    WebPkiClientVerifier::builder_with_provider(authorities.clone(), provider)
        .build()
        .map_err(|error| ConfigError::new("tls.clientCa", error.to_string()))
}

fn roots(authorities: &Option<Arc<RootCertStore>>) -> Option<&[rustls::pki_types::TrustAnchor<'static>]> {
    authorities.as_deref().map(|store| store.roots.as_slice())
}
