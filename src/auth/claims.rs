//! What the claims of a token have to be, and whom they make of its client.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{Accepted, Reason, TraitRules, token::Claims};
use crate::{
    config::Jwt,
    queue::{Identity, TagValue},
};

/// Judges claims whose signature is right.
pub(super) fn accept(
    claims: &Claims,
    json: Box<str>,
    options: &Jwt,
    now: Duration,
    rules: &TraitRules,
) -> Result<Accepted, Reason> {
    let until = in_time(claims, options, now)?;
    by_issuer(claims, options)?;
    for_audience(claims, options)?;
    let identity = Identity {
        user: user(claims, options.user_claim.as_deref())?,
        topics: topics(claims, options.topics_claim.as_deref(), rules)?,
        tags: tags(claims, options.tags_claim.as_deref(), rules)?,
        claims: json,
    };
    Ok(Accepted { identity, until: until.filter(|_| options.close_on_expiry) })
}

/// Gives the end, the leeway included.
fn in_time(claims: &Claims, options: &Jwt, now: Duration) -> Result<Option<Duration>, Reason> {
    let (now, leeway) = (now.as_secs_f64(), options.leeway.as_secs_f64());
    let end = date(claims, "exp")?;
    match end {
        None if options.require_expiry => return Err(Reason::NoExpiry),
        Some(end) if now >= end + leeway => return Err(Reason::Expired),
        _ => {}
    }
    if date(claims, "nbf")?.is_some_and(|begin| now + leeway < begin) {
        return Err(Reason::NotYet);
    }
    if date(claims, "iat")?.is_some_and(|issued| now + leeway < issued) {
        return Err(Reason::FromTheFuture);
    }
    // One that is too far to be written down is none.
    Ok(end.and_then(|end| Duration::try_from_secs_f64(end + leeway).ok()))
}

fn by_issuer(claims: &Claims, options: &Jwt) -> Result<(), Reason> {
    let Some(wanted) = &options.issuer else { return Ok(()) };
    let is_by = claims.get("iss").and_then(Value::as_str) == Some(wanted);
    if is_by { Ok(()) } else { Err(Reason::Issuer) }
}

/// RFC 7519 section 4.1.3: who is not named in a token that names somebody must refuse it.
fn for_audience(claims: &Claims, options: &Jwt) -> Result<(), Reason> {
    let named: Vec<&str> = match claims.get("aud") {
        None => Vec::new(),
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => {
            names.iter().map(|name| name.as_str().ok_or_else(|| claim("aud"))).collect::<Result<_, _>>()?
        }
        Some(_) => return Err(claim("aud")),
    };
    let nobody_matters = named.is_empty() && options.audience.is_empty();
    if nobody_matters || named.iter().any(|name| options.audience.iter().any(|wanted| wanted == name)) {
        return Ok(());
    }
    Err(Reason::Audience)
}

/// A NumericDate: seconds since 1970, perhaps with a fraction.
fn date(claims: &Claims, name: &str) -> Result<Option<f64>, Reason> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    value.as_f64().map(Some).ok_or_else(|| claim(name))
}

fn user(claims: &Claims, name: Option<&str>) -> Result<Option<String>, Reason> {
    let Some((name, value)) = find(claims, name) else { return Ok(None) };
    match value {
        Value::String(user) if !user.is_empty() => Ok(Some(user.clone())),
        // RFC 7519 has text; many backends put their row's number there.
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(Some(number.to_string())),
        _ => Err(claim(name)),
    }
}

fn topics(claims: &Claims, name: Option<&str>, rules: &TraitRules) -> Result<Vec<Arc<str>>, Reason> {
    let Some((name, value)) = find(claims, name) else { return Ok(Vec::new()) };
    let mut topics: Vec<Arc<str>> = Vec::new();
    for topic in value.as_array().ok_or_else(|| claim(name))? {
        let topic = topic.as_str().filter(|topic| (rules.is_topic)(topic)).ok_or_else(|| claim(name))?;
        if !topics.iter().any(|known| **known == *topic) {
            topics.push(topic.into());
        }
    }
    if topics.len() > rules.max_topics {
        return Err(claim(name));
    }
    Ok(topics)
}

fn tags(
    claims: &Claims,
    name: Option<&str>,
    rules: &TraitRules,
) -> Result<Vec<(Arc<str>, TagValue)>, Reason> {
    let Some((name, value)) = find(claims, name) else { return Ok(Vec::new()) };
    let mut tags = Vec::new();
    for (tag, value) in value.as_object().ok_or_else(|| claim(name))? {
        let value = match value {
            Value::String(text) => TagValue::from(text.as_str()),
            value => TagValue::from(value.as_i64().ok_or_else(|| claim(name))?),
        };
        if !(rules.is_tag)(tag, &value) {
            return Err(claim(name));
        }
        tags.push((tag.as_str().into(), value));
    }
    if tags.len() > rules.max_tags {
        return Err(claim(name));
    }
    Ok(tags)
}

/// A claim that the options name. Null is as good as none.
fn find<'a>(claims: &'a Claims, name: Option<&'a str>) -> Option<(&'a str, &'a Value)> {
    let name = name?;
    claims.get(name).filter(|value| !value.is_null()).map(|value| (name, value))
}

fn claim(name: &str) -> Reason {
    Reason::Claim(name.to_owned())
}
