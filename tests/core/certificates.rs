//! An authority of the tests' own, the files it makes, and clients that trust it.

use std::{
    fs,
    io::{self, Read, Write},
    net::TcpStream,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use ferrite::config::Tls;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use tokio_tungstenite::tungstenite::{self, WebSocket, client::IntoClientRequest};

use crate::harness::Running;

/// A folder of certificates, gone at the end of the test.
pub(crate) struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

/// One certificate that the authority made.
pub(crate) struct Made {
    pub(crate) files: Tls,
    pub(crate) der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

pub(crate) type Secure = StreamOwned<ClientConnection, TcpStream>;

impl Authority {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("ferrite-tls-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        fs::write(folder.join("root.pem"), certificate.pem()).unwrap();
        let root = certificate.der().clone();
        Self { folder, issuer: Issuer::new(params, key), root }
    }

    /// Makes a certificate for `names`, in files called after the first.
    pub(crate) fn make(&self, names: &[&str]) -> Made {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let file = self.folder.join(names[0].replace('*', "star"));
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        let files =
            Tls { certificate: file.with_extension("pem"), key: file.with_extension("key"), client_ca: None };
        fs::write(&files.certificate, certificate.pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        Made {
            files,
            der: certificate.der().clone(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    pub(crate) fn root_file(&self) -> PathBuf {
        self.folder.join("root.pem")
    }

    /// What a client begins sessions with that trusts this authority.
    pub(crate) fn trusting(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        own: Option<&Made>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match own {
            None => builder.with_no_client_auth(),
            Some(own) => builder.with_client_auth_cert(vec![own.der.clone()], own.key.clone_key()).unwrap(),
        })
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A socket on which a TLS session has just begun.
pub(crate) fn begin(server: &Running, config: &Arc<ClientConfig>, name: &str) -> Secure {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    StreamOwned::new(ClientConnection::new(config.clone(), name).unwrap(), server.socket())
}

/// The same after the handshake, or why there is no after.
pub(crate) fn secured(server: &Running, config: &Arc<ClientConfig>, name: &str) -> io::Result<Secure> {
    let mut stream = begin(server, config, name);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// A WebSocket client over TLS.
pub(crate) fn client(server: &Running, config: &Arc<ClientConfig>, name: &str) -> WebSocket<Secure> {
    let stream = secured(server, config, name).unwrap();
    let (client, _) =
        tungstenite::client(format!("wss://{name}/").into_client_request().unwrap(), stream).unwrap();
    client
}

/// Reads to the end. True if the server said that this was all (close_notify).
pub(crate) fn read_to_end(stream: &mut Secure, into: &mut Vec<u8>) -> bool {
    stream.flush().unwrap();
    match stream.read_to_end(into) {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
        Err(error) => panic!("{error}"),
    }
}
