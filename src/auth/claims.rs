//! The rules for the claims of a token, and the identity that they give its client.
//!
//! Most tokens are made by PHP, which has one kind of array and writes nulls for missing values. So a null counts as
//! no claim, an empty list may stand for an object, and an object may be the rest of a list. None of that gives a
//! client more than its issuer said; a claim that could be read in two ways is refused.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    Accepted, Reason, TraitRules,
    json::{list, text},
    token::Claims,
};
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

/// RFC 7519 section 4.1.3: a server that a token with audiences does not name must refuse it.
fn for_audience(claims: &Claims, options: &Jwt) -> Result<(), Reason> {
    let named: Vec<String> = match present(claims, "aud") {
        None => Vec::new(),
        Some(Value::String(name)) => vec![name.clone()],
        Some(names) => texts(names).ok_or_else(|| claim("aud"))?,
    };
    let nobody_matters = named.is_empty() && options.audience.is_empty();
    if nobody_matters || named.iter().any(|name| options.audience.contains(name)) {
        return Ok(());
    }
    Err(Reason::Audience)
}

/// A NumericDate: seconds since 1970, perhaps with a fraction.
fn date(claims: &Claims, name: &str) -> Result<Option<f64>, Reason> {
    let Some(value) = present(claims, name) else { return Ok(None) };
    value.as_f64().map(Some).ok_or_else(|| claim(name))
}

fn user(claims: &Claims, name: Option<&str>) -> Result<Option<String>, Reason> {
    let Some((name, value)) = find(claims, name) else { return Ok(None) };
    // RFC 7519 has text; many backends put their row's number there.
    text(value).filter(|user| !user.is_empty()).map(Some).ok_or_else(|| claim(name))
}

fn topics(claims: &Claims, name: Option<&str>, rules: &TraitRules) -> Result<Vec<Arc<str>>, Reason> {
    let Some((name, value)) = find(claims, name) else { return Ok(Vec::new()) };
    let named = match value {
        Value::String(topic) => vec![topic.clone()],
        list => texts(list).ok_or_else(|| claim(name))?,
    };
    let mut topics: Vec<Arc<str>> = Vec::new();
    for topic in named {
        if !(rules.is_topic)(&topic) {
            return Err(claim(name));
        }
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
    if is_empty(value) {
        return Ok(Vec::new());
    }
    let mut tags = Vec::new();
    for (tag, value) in value.as_object().ok_or_else(|| claim(name))? {
        let value = match value {
            // A tag without a value is none.
            nothing if nothing.is_null() || is_empty(nothing) => continue,
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
    present(claims, name).map(|value| (name, value))
}

fn present<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    claims.get(name).filter(|value| !value.is_null())
}

/// True for an empty array of PHP's.
fn is_empty(value: &Value) -> bool {
    list(value).is_some_and(|mut values| values.next().is_none())
}

/// The names in a list, without nulls. `None`: it is no such list.
fn texts(value: &Value) -> Option<Vec<String>> {
    list(value)?.filter(|value| !value.is_null()).map(text).collect()
}

fn claim(name: &str) -> Reason {
    Reason::Claim(name.to_owned())
}
