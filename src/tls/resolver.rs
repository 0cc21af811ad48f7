//! Which certificate a client is shown (SNI, RFC 6066 section 3).

use std::{collections::HashMap, sync::Arc};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::identity::Identity;

/// Certificates by name.
#[derive(Debug)]
pub(super) struct Resolver {
    /// All of them, in the order in which they were given.
    all: Vec<Arc<CertifiedKey>>,
    /// For each name its certificates, in the same order; there may be one for each kind of key.
    named: HashMap<String, Vec<Arc<CertifiedKey>>>,
}

impl Resolver {
    pub(super) fn new(identities: Vec<Identity>) -> Self {
        let mut all = Vec::new();
        let mut named: HashMap<String, Vec<_>> = HashMap::new();
        for Identity { key, names } in identities {
            for name in names {
                named.entry(name).or_default().push(key.clone());
            }
            all.push(key);
        }
        Self { all, named }
    }

    /// The certificates that are for `name`: its own, or else those with a wildcard in place of its first
    /// label (RFC 6125 section 6.4.3), or else all.
    fn candidates(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        let name = name.map(str::to_ascii_lowercase);
        let wildcard = || {
            let (_, parent) = name.as_deref()?.split_once('.')?;
            self.named.get(&format!("*.{parent}"))
        };
        name.as_deref().and_then(|name| self.named.get(name)).or_else(wildcard).unwrap_or(&self.all)
    }
}

impl ResolvesServerCert for Resolver {
    /// The first whose key the client can verify. A name that no certificate bears is no error: the client sees the
    /// certificate and says so better than the server could.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let usable = |candidate: &&Arc<CertifiedKey>| candidate.key.choose_scheme(schemes).is_some();
        self.candidates(hello.server_name()).iter().find(usable).cloned()
    }
}
