//! Keys that tokens are signed with, from a secret, a PEM or a JWKS; files are read again when they change.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    hmac,
    rsa::PublicEncryptingKey,
    signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents},
};
use data_encoding::BASE64URL_NOPAD;
use parking_lot::{Mutex, RwLock};
use rustls_pki_types::pem::{PemObject, SectionKind};
use serde::Deserialize;
use serde_json::Value;

use super::{
    algorithm::{Algorithm, Curve},
    file,
    json::{list, text},
};
use crate::config::{ConfigError, JwtKey, Pem};

/// A key, good for one algorithm. An RSA key is several of them.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    verifier: Verifier,
}

#[derive(Debug)]
enum Verifier {
    Shared(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

/// The keys in use, and the file they are from.
#[derive(Debug)]
pub(super) struct VerificationKeys {
    current: RwLock<Arc<[Key]>>,
    file: Option<File>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    option: &'static str,
    look: Mutex<Look>,
}

/// The state of the file at the last look.
#[derive(Debug)]
struct Look {
    next: Option<Instant>,
    seen: Stamp,
}

/// The identity of a file's content.
type Stamp = Option<(SystemTime, u64, u64)>;

impl Key {
    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// True if this is the signature of those bytes. In constant time for a shared secret.
    pub(super) fn has_signed(&self, signed: &[u8], signature: &[u8]) -> bool {
        match &self.verifier {
            Verifier::Shared(key) => hmac::verify(key, signed, signature).is_ok(),
            Verifier::Public(key) => key.verify_sig(signed, signature).is_ok(),
        }
    }

    fn public(algorithm: Algorithm, key: ParsedPublicKey) -> Self {
        Self { id: None, algorithm, verifier: Verifier::Public(key) }
    }

    /// The secret, for every algorithm that it is long enough for (RFC 7518 section 3.2).
    fn shared(secret: &[u8]) -> Vec<Self> {
        let key = |(algorithm, hash, least): (Algorithm, hmac::Algorithm, usize)| {
            let verifier = Verifier::Shared(Box::new(hmac::Key::new(hash, secret)));
            (secret.len() >= least).then_some(Self { id: None, algorithm, verifier })
        };
        [
            (Algorithm::Hs256, hmac::HMAC_SHA256, 32),
            (Algorithm::Hs384, hmac::HMAC_SHA384, 48),
            (Algorithm::Hs512, hmac::HMAC_SHA512, 64),
        ]
        .into_iter()
        .filter_map(key)
        .collect()
    }

    /// A key of RSA, for every algorithm that its owner may sign with. `None`: it is none, or too short or long.
    fn rsa(der: &[u8]) -> Option<Vec<Self>> {
        // It checks how long the key is, which the parser of signatures' keys does with the first signature only.
        PublicEncryptingKey::from_der(der).ok()?;
        let key = |algorithm: &Algorithm| {
            Some(Self::public(*algorithm, ParsedPublicKey::new(algorithm.of_public_key()?, der).ok()?))
        };
        Algorithm::OF_RSA.iter().map(key).collect()
    }

    /// A key on that curve. `None`: it is not.
    fn on(curve: Curve, bytes: &[u8]) -> Option<Self> {
        let algorithm = curve.algorithm();
        Some(Self::public(algorithm, ParsedPublicKey::new(algorithm.of_public_key()?, bytes).ok()?))
    }
}

impl VerificationKeys {
    pub(super) fn new(source: &JwtKey) -> Result<Self, ConfigError> {
        let file = |path: &PathBuf, option| File {
            path: path.clone(),
            option,
            look: Mutex::new(Look { next: None, seen: stamp(path) }),
        };
        let (keys, file) = match source {
            JwtKey::Secret(secret) => (Key::shared(secret.bytes()), None),
            JwtKey::Pem(Pem::Text(text)) => {
                (from_pem(text.as_bytes()).map_err(|why| error(PEM, None, &why))?, None)
            }
            // Looked at before it is read: a file that replaces it in between is read again.
            JwtKey::Pem(Pem::File(path)) => {
                let file = file(path, PEM);
                (read(PEM, path)?, Some(file))
            }
            JwtKey::Jwks(path) => {
                let file = file(path, JWKS);
                (read(JWKS, path)?, Some(file))
            }
        };
        Ok(Self { current: RwLock::new(keys.into()), file })
    }

    pub(super) fn current(&self) -> Arc<[Key]> {
        self.current.read().clone()
    }

    /// Reads the file again if it has changed, which is looked at now and then. `Some` if it had; after an error the
    /// keys before stay in use, until the file changes once more.
    pub(super) fn refresh(&self, now: Instant) -> Option<Result<(), ConfigError>> {
        let file = self.file.as_ref()?;
        {
            // Another thread that comes here at the same time goes on with the present keys.
            let mut look = file.look.try_lock()?;
            if look.next.is_some_and(|next| now < next) {
                return None;
            }
            look.next = Some(now + INTERVAL);
            let found = stamp(&file.path);
            if found == look.seen {
                return None;
            }
            look.seen = found;
        }
        Some(read(file.option, &file.path).map(|keys| *self.current.write() = keys.into()))
    }
}

fn read(option: &'static str, path: &Path) -> Result<Vec<Key>, ConfigError> {
    let text = file::read(path).map_err(|why| error(option, Some(path), &why))?;
    let keys = if option == JWKS { from_jwks(&text) } else { from_pem(&text) };
    keys.map_err(|why| error(option, Some(path), &why))
}

/// One public key (RFC 7468 section 13).
fn from_pem(text: &[u8]) -> Result<Vec<Key>, String> {
    const FORM: &str = "a public key in PEM form (-----BEGIN PUBLIC KEY-----)";
    let first = <(SectionKind, Vec<u8>)>::pem_slice_iter(text).next();
    let der = match first {
        Some(Ok((SectionKind::PublicKey, der))) => der,
        Some(Ok((SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey, _))) => {
            return Err("is a private key, which only the issuer may have; make the public one with: \
                        openssl pkey -in KEY -pubout -out PUBLIC"
                .to_owned());
        }
        Some(Ok((SectionKind::Certificate, _))) => {
            return Err(
                "is a certificate; take the key out of it with: openssl x509 -in CERTIFICATE -noout -pubkey"
                    .to_owned(),
            );
        }
        _ => return Err(format!("is not {FORM}")),
    };
    let on_curve = Curve::ALL.into_iter().find_map(|curve| Key::on(curve, &der));
    let keys = on_curve.map(|key| vec![key]).or_else(|| Key::rsa(&der));
    keys.ok_or_else(|| format!("is neither {UNDERSTOOD}"))
}

/// Every key of a set with a supported algorithm; the others are ignored (RFC 7517 section 5).
fn from_jwks(text: &[u8]) -> Result<Vec<Key>, String> {
    let set: Jwks = serde_json::from_slice(text).map_err(|why| {
        format!("is no JWKS, an object with the list \"keys\" (line {}, column {})", why.line(), why.column())
    })?;
    let none = || "is no JWKS: its \"keys\" are no list".to_owned();
    let keys: Vec<Key> = list(&set.keys)
        .ok_or_else(none)?
        .filter_map(|key| Jwk::deserialize(key).ok()?.keys())
        .flatten()
        .collect();
    if keys.is_empty() {
        return Err(format!("holds no key for signatures, neither {UNDERSTOOD}"));
    }
    Ok(keys)
}

#[derive(Deserialize)]
struct Jwks {
    keys: Value,
}

/// A key in a set. Symmetric ones, which have no business in a file of public keys, are not read.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<Value>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    /// The key, once for each algorithm that it may be used with.
    fn keys(self) -> Option<Vec<Key>> {
        let signs = self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|name| name == "verify"));
        if !signs {
            return None;
        }
        let curve = self.crv.as_deref().and_then(Curve::named);
        let keys = match (self.kty.as_str(), curve) {
            ("RSA", _) => {
                let (n, e) = (number(self.n.as_deref()?)?, number(self.e.as_deref()?)?);
                if !(SHORTEST_RSA..=LONGEST_RSA).contains(&n.len()) {
                    return None;
                }
                let key =
                    RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?;
                let der = AsDer::<PublicKeyX509Der<'_>>::as_der(&key).ok()?;
                Key::rsa(der.as_ref())?
            }
            ("EC", Some(curve)) if curve.coordinate() > 0 => {
                // SEC 1 section 2.3.3. PHP's OpenSSL gives coordinates without the zeroes before them.
                let coordinate = |text: Option<String>| padded(number(&text?)?, curve.coordinate());
                let point = [vec![4], coordinate(self.x)?, coordinate(self.y)?].concat();
                vec![Key::on(curve, &point)?]
            }
            ("OKP", Some(curve @ Curve::Ed25519)) => vec![Key::on(curve, &base64url(self.x.as_deref()?)?)?],
            _ => return None,
        };
        let id = self.kid.as_ref().and_then(text);
        let of_set = |key: Key| Key { id: id.clone(), ..key };
        let fits =
            |key: &Key| self.alg.as_deref().is_none_or(|name| Algorithm::named(name) == Some(key.algorithm));
        Some(keys.into_iter().filter(fits).map(of_set).collect())
    }
}

/// With the `=` behind it or without.
fn base64url(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes()).ok()
}

/// An integer, without the zeroes before it that some write.
fn number(text: &str) -> Option<Vec<u8>> {
    Some(base64url(text)?.into_iter().skip_while(|byte| *byte == 0).collect())
}

/// An integer in so many bytes.
fn padded(number: Vec<u8>, length: usize) -> Option<Vec<u8>> {
    let zeroes = length.checked_sub(number.len())?;
    Some([vec![0; zeroes], number].concat())
}

fn stamp(path: &Path) -> Stamp {
    use std::os::unix::fs::MetadataExt;
    // Follows links: the file at their end is read.
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len(), found.ino()))
}

fn error(option: &'static str, path: Option<&Path>, why: &str) -> ConfigError {
    ConfigError::new(
        option,
        match path {
            Some(path) => format!("{} {why}", path.display()),
            None => why.to_owned(),
        },
    )
}

const PEM: &str = "jwt.publicKey";
const JWKS: &str = "jwt.jwks";
const UNDERSTOOD: &str =
    "an RSA key of 2048 to 8192 bits nor one of P-256, P-384, P-521, secp256k1 or Ed25519";
/// The least interval between looks at the file, which happen when a client comes.
const INTERVAL: Duration = Duration::from_secs(5);
/// Bytes of the modulus.
const SHORTEST_RSA: usize = 256;
const LONGEST_RSA: usize = 1024;
