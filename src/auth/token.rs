//! A JWT in compact form: split, its signature checked, and only then read (RFC 7515, RFC 7519).
//!
//! The key decides about algorithms: a secret allows those that it is long enough for, an RSA key those of RSA, any
//! other key its one. The token's `alg` is one of these or the token is refused: a token that could choose would
//! choose `none`, or HS256 with the public key as the secret (RFC 8725 section 2.1).

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

use super::{Reason, algorithm::Algorithm, json::text, keys::Key};

/// The claims of a token, by name.
pub(super) type Claims = Map<String, Value>;

/// The claims of a token that one of the keys has signed; and as its issuer wrote them, for numbers need not come out
/// of a reader as they went in.
pub(super) fn verify(token: &[u8], keys: &[Key]) -> Result<(Claims, Box<str>), Reason> {
    if token.len() > LONGEST_TOKEN {
        return Err(Reason::TooLong);
    }
    let mut parts = token.split(|byte| *byte == b'.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Reason::Malformed);
    };
    let signed = token.get(..header.len() + 1 + payload.len()).ok_or(Reason::Malformed)?;
    let (Value::Object(header), _) = json(header)? else { return Err(Reason::Malformed) };
    let fitting = choose(&header, keys)?;
    // Strict about the bits behind the last byte too: each token has one form.
    let signature = BASE64URL_NOPAD.decode(signature).map_err(|_| Reason::Malformed)?;
    if !fitting.iter().any(|key| key.has_signed(signed, &signature)) {
        return Err(Reason::Signature);
    }
    match json(payload)? {
        (Value::Object(claims), json) => Ok((claims, json)),
        // PHP has one kind of array: without claims it is written as a list.
        (Value::Array(claims), json) if claims.is_empty() => Ok((Claims::new(), json)),
        _ => Err(Reason::Malformed),
    }
}

/// The keys that a token's header may mean. A name may occur more than once, as while keys are replaced, and a token
/// may have no name; a signature of any of these keys is good.
fn choose<'a>(header: &Claims, keys: &'a [Key]) -> Result<Vec<&'a Key>, Reason> {
    // Nothing that must be understood is (RFC 7515 section 4.1.11).
    if header.contains_key("crit") {
        return Err(Reason::Critical);
    }
    let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Reason::Malformed)?;
    let algorithm = Algorithm::named(algorithm).ok_or(Reason::Algorithm)?;
    let id = match header.get("kid") {
        None | Some(Value::Null) => None,
        Some(id) => Some(text(id).ok_or(Reason::Malformed)?),
    };
    let fitting: Vec<_> = keys.iter().filter(|key| key.algorithm() == algorithm).collect();
    if fitting.is_empty() {
        return Err(Reason::Algorithm);
    }
    let with = |id: Option<&str>| -> Vec<_> {
        fitting.iter().copied().filter(|key| key.id() == id).take(MOST_TRIED).collect()
    };
    let meant = match &id {
        None => fitting.iter().copied().take(MOST_TRIED).collect(),
        Some(id) => with(Some(id)),
    };
    // A single key has no name, whatever name the issuer uses.
    let meant = if meant.is_empty() { with(None) } else { meant };
    if meant.is_empty() { Err(Reason::UnknownKey) } else { Ok(meant) }
}

/// A part that is JSON, and its text. Of a name that comes twice the last counts (RFC 7519 section 4).
fn json(part: &[u8]) -> Result<(Value, Box<str>), Reason> {
    let json = BASE64URL_NOPAD.decode(part).map_err(|_| Reason::Malformed)?;
    let json = String::from_utf8(json).map_err(|_| Reason::Malformed)?;
    Ok((serde_json::from_str(&json).map_err(|_| Reason::Malformed)?, json.into()))
}

/// As large as most servers let a whole header be.
const LONGEST_TOKEN: usize = 8 << 10;
/// Keys that one token may cost the work of.
const MOST_TRIED: usize = 16;
