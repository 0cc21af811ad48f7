//! Who asks: requests over TCP are signed with a secret that both sides know.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use hyper::http::{HeaderMap, request::Parts};

use super::answer::Failure;
use crate::config::ControlKey;

/// The keys of one listener, ready to verify with.
#[derive(Debug)]
pub(super) struct Keys(Vec<(Box<str>, hmac::Key)>);

/// What a request says of itself before its body is read.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    /// The key's name; empty on a Unix socket.
    pub(super) name: &'a str,
    /// How to verify it; `None` on a Unix socket.
    signed: Option<Signed<'a>>,
}

#[derive(Debug)]
struct Signed<'a> {
    key: &'a hmac::Key,
    timestamp: &'a str,
    seconds: u64,
    signature: Vec<u8>,
}

impl Keys {
    pub(super) fn new(keys: &[ControlKey]) -> Self {
        let key = |key: &ControlKey| {
            (key.name.as_str().into(), hmac::Key::new(hmac::HMAC_SHA256, key.secret.bytes()))
        };
        Self(keys.iter().map(key).collect())
    }

    /// Whose request it claims to be. Its body is read only if it may be true.
    pub(super) fn claim<'a>(&'a self, headers: &'a HeaderMap) -> Result<Claim<'a>, Failure> {
        if self.0.is_empty() {
            return Ok(Claim { name: "", signed: None });
        }
        let header = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.ok_or_else(|| Failure::unauthorized(format!("the header {name} is missing")))
        };
        let (name, timestamp) = (header(KEY)?, header(TIMESTAMP)?);
        let signature = HEXLOWER.decode(header(SIGNATURE)?.as_bytes()).map_err(|_| wrong())?;
        let seconds = timestamp.parse().map_err(|_| {
            Failure::unauthorized(format!("the header {TIMESTAMP} is not Unix time in seconds"))
        })?;
        let (name, key) = self.0.iter().find(|(known, _)| **known == *name).ok_or_else(wrong)?;
        Ok(Claim { name, signed: Some(Signed { key, timestamp, seconds, signature }) })
    }
}

impl Claim<'_> {
    /// Verifies the claim, over all of the request.
    pub(super) fn verify(&self, head: &Parts, id: &str, body: &[u8]) -> Result<(), Failure> {
        let Some(Signed { key, timestamp, seconds, signature }) = &self.signed else { return Ok(()) };
        let target = head.uri.path_and_query().map_or("", |target| target.as_str());
        let mut text = format!("{}\n{target}\n{timestamp}\n{id}\n", head.method).into_bytes();
        text.extend_from_slice(body);
        // In constant time.
        hmac::verify(key, &text, signature).map_err(|_| wrong())?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if now.abs_diff(*seconds) > TOLERANCE.as_secs() {
            let message = format!(
                "the request was signed {} s {} the server's clock, and may be {} s off",
                now.abs_diff(*seconds),
                if *seconds < now { "behind" } else { "ahead of" },
                TOLERANCE.as_secs()
            );
            return Err(Failure::clock(now, message));
        }
        Ok(())
    }
}

/// It does not say which, so that keys cannot be looked for.
fn wrong() -> Failure {
    Failure::unauthorized("the key or the signature is wrong")
}

const KEY: &str = "Ferrite-Key";
const TIMESTAMP: &str = "Ferrite-Timestamp";
const SIGNATURE: &str = "Ferrite-Signature";
/// How far the clocks of both sides may differ.
const TOLERANCE: Duration = Duration::from_secs(300);
