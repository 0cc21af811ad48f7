//! Where in a request a credential is.

use data_encoding::BASE64;

use super::Reason;
use crate::http::Request;

/// The token of a request: in the header, the query or the cookie, in that order.
///
/// A second token in the same place is refused: one program could check the first and another use the second. A
/// cookie may well come twice, from two paths, and then the first counts, as in PHP.
pub(super) fn token(request: &Request, query: Option<&str>, cookie: Option<&str>) -> Result<Vec<u8>, Reason> {
    if let Some(token) = authorization(request, "bearer")? {
        return Ok(token.to_vec());
    }
    if let Some(token) = query.map(|name| parameter(request, name)).transpose()?.flatten() {
        return Ok(token);
    }
    let cookie = cookie.and_then(|name| request.cookie(name)).filter(|token| !token.is_empty());
    cookie.map(<[u8]>::to_vec).ok_or(Reason::NoCredential)
}

/// The credentials in the header Authorization, for that scheme (RFC 9110 section 11.6.2).
fn authorization<'a>(request: &'a Request, scheme: &str) -> Result<Option<&'a [u8]>, Reason> {
    let mut lines = request
        .headers()
        .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .map(|(_, value)| value);
    let first = lines.next();
    if lines.next().is_some() {
        return Err(Reason::GivenTwice);
    }
    let of_scheme = first.and_then(|value| {
        let (name, rest) = value.split_at_checked(scheme.len())?;
        (name.eq_ignore_ascii_case(scheme.as_bytes()) && rest.starts_with(b" ")).then(|| rest.trim_ascii())
    });
    Ok(of_scheme.filter(|value| !value.is_empty()))
}

/// Key and secret of an application: in the header, or else in the query, where Gomoob's clients have them.
pub(super) fn application(request: &Request) -> Result<(Vec<u8>, Option<Vec<u8>>), Reason> {
    if let Some(encoded) = authorization(request, "basic")? {
        let both = BASE64.decode(encoded).map_err(|_| Reason::Header)?;
        let colon = both.iter().position(|byte| *byte == b':').ok_or(Reason::Header)?;
        let (key, secret) = both.split_at_checked(colon).ok_or(Reason::Header)?;
        return Ok((key.to_vec(), secret.get(1..).map(<[u8]>::to_vec)));
    }
    let secret = parameter(request, SECRET)?;
    Ok((parameter(request, KEY)?.ok_or(Reason::NoCredential)?, secret))
}

fn parameter(request: &Request, name: &str) -> Result<Option<Vec<u8>>, Reason> {
    let mut values = request.query_values(name);
    let first = values.next();
    if values.next().is_some() {
        return Err(Reason::GivenTwice);
    }
    Ok(first.filter(|value| !value.is_empty()))
}

/// The query parameters of Gomoob's clients.
const KEY: &str = "key";
pub(super) const SECRET: &str = "secret";
