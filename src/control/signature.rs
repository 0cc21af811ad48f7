//! Authentication of requests: over TCP they are signed with a secret that both sides know.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use data_encoding::HEXLOWER;

use super::{answer::Failure, head::Head};
use crate::config::ControlKey;

/// The keys of one listener, ready to verify with.
#[derive(Debug)]
pub(super) struct SigningKeys {
    known: Vec<(Box<str>, hmac::Key)>,
    /// Of a name that nobody has. Requests with it are read as the others are, so that names cannot be looked for.
    nobodys: hmac::Key,
}

/// The claim of a request, before its body is read.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    /// The key's name; empty on a Unix socket.
    pub(super) name: &'a str,
    /// The data for verifying it; `None` on a Unix socket.
    signed: Option<Signed<'a>>,
}

#[derive(Debug)]
struct Signed<'a> {
    key: &'a hmac::Key,
    timestamp: &'a str,
    seconds: u64,
    signature: Vec<u8>,
}

impl SigningKeys {
    pub(super) fn new(keys: &[ControlKey]) -> Self {
        let key = |key: &ControlKey| {
            (key.name.as_str().into(), hmac::Key::new(hmac::HMAC_SHA256, key.secret.bytes()))
        };
        let known: Vec<(Box<str>, hmac::Key)> = keys.iter().map(key).collect();
        // As unknown as a secret that is known here, and without waiting for chance. No name leads to it.
        let seed = known.first().map(|(_, key)| hmac::sign(key, b"nobody"));
        let seed = seed.as_ref().map_or(&[][..], AsRef::as_ref);
        Self { nobodys: hmac::Key::new(hmac::HMAC_SHA256, seed), known }
    }

    /// True if every client that can connect may send.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The sender that a request claims. Its body is read only if that may be true.
    pub(super) fn claim<'a>(&'a self, head: &'a Head) -> Result<Claim<'a>, Failure> {
        if self.is_empty() {
            return Ok(Claim { name: "", signed: None });
        }
        let header = |name: &str| {
            let value = head.one(name)?.and_then(|value| std::str::from_utf8(value).ok());
            value.ok_or_else(|| Failure::unauthorized(format!("the header {name} is missing")))
        };
        let (name, timestamp) = (header(KEY)?, header(TIMESTAMP)?);
        let signature = HEXLOWER.decode(header(SIGNATURE)?.as_bytes()).map_err(|_| wrong())?;
        let seconds = timestamp.parse().map_err(|_| {
            Failure::unauthorized(format!("the header {TIMESTAMP} is not Unix time in seconds"))
        })?;
        let known = self.known.iter().find(|(known, _)| **known == *name);
        let (name, key) = known.map_or(("", &self.nobodys), |(name, key)| (&**name, key));
        Ok(Claim { name, signed: Some(Signed { key, timestamp, seconds, signature }) })
    }
}

impl Claim<'_> {
    /// Verifies the claim, over all of the request.
    pub(super) fn verify(&self, head: &Head, id: &[u8], body: &[u8]) -> Result<(), Failure> {
        let Some(Signed { key, timestamp, seconds, signature }) = &self.signed else { return Ok(()) };
        let begin = format!("{}\n{}\n{timestamp}\n", head.method(), head.target());
        let mut signing = hmac::Context::with_key(key);
        [begin.as_bytes(), id, b"\n", body].iter().for_each(|part| signing.update(part));
        // A name that nobody has is looked at last.
        verify_slices_are_equal(signing.sign().as_ref(), signature).map_err(|_| wrong())?;
        if self.name.is_empty() {
            return Err(wrong());
        }
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
/// Allowed difference between the clocks of both sides.
const TOLERANCE: Duration = Duration::from_secs(300);
