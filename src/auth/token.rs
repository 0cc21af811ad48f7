//! A JWT in compact form: split, its signature checked, and only then read (RFC 7515, RFC 7519).
//!
//! The algorithm is the key's. The token's own `alg` only has to agree with it: a token that could choose would choose
//! `none`, or HS256 with the public key as the secret (RFC 8725 section 2.1).

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

use super::{
    Reason,
    keys::{Algorithm, Key},
};

/// What a token says, by the name of the claim.
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
    let (header, _) = object(header)?;
    let key = choose(&header, keys)?;
    // Strict about the bits behind the last byte too: each token has one form.
    let signature = BASE64URL_NOPAD.decode(signature).map_err(|_| Reason::Malformed)?;
    if !key.has_signed(signed, &signature) {
        return Err(Reason::Signature);
    }
    object(payload)
}

/// The key that a token's header means.
fn choose<'a>(header: &Claims, keys: &'a [Key]) -> Result<&'a Key, Reason> {
    // Nothing that must be understood is (RFC 7515 section 4.1.11).
    if header.contains_key("crit") {
        return Err(Reason::Critical);
    }
    let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Reason::Malformed)?;
    let algorithm = Algorithm::named(algorithm).ok_or(Reason::Algorithm)?;
    let id = match header.get("kid") {
        None => None,
        Some(id) => Some(id.as_str().ok_or(Reason::Malformed)?),
    };
    let fitting = || keys.iter().filter(|key| key.algorithm() == algorithm);
    if fitting().next().is_none() {
        return Err(Reason::Algorithm);
    }
    let only = |mut keys: Box<dyn Iterator<Item = &'a Key> + '_>| match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(key),
        _ => Err(Reason::UnknownKey),
    };
    match id {
        None => only(Box::new(fitting())),
        Some(_) if fitting().any(|key| key.id() == id) => {
            only(Box::new(fitting().filter(move |key| key.id() == id)))
        }
        // A key that was given by itself has no name, whatever the issuer calls it.
        Some(_) => only(Box::new(fitting().filter(|key| key.id().is_none()))),
    }
}

/// A part that is a JSON object. Of a name that comes twice the last counts (RFC 7519 section 4).
fn object(part: &[u8]) -> Result<(Claims, Box<str>), Reason> {
    let json = BASE64URL_NOPAD.decode(part).map_err(|_| Reason::Malformed)?;
    let json = String::from_utf8(json).map_err(|_| Reason::Malformed)?;
    Ok((serde_json::from_str(&json).map_err(|_| Reason::Malformed)?, json.into()))
}

/// As large as most servers let a whole header be.
const LONGEST_TOKEN: usize = 8 << 10;
