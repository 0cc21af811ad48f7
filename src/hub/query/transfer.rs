//! A query on its way to another process of the server: its parts as a flat list, each before those that it consists
//! of.
//!
//! The list is read part by part, and each is checked at once: so bytes from a process that cannot be trusted make no
//! query that is larger than one may be, however deep they say that it is, nor one with a name that no tag has.

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, SeqAccess, Visitor},
};

use super::expression::{Query, QueryError};
use crate::{
    hub::tags::{check_tag, check_tag_name},
    queue::TagValue,
};

/// A query without its parts, which follow it.
#[derive(Serialize, Deserialize)]
enum Part {
    In(Arc<str>, Vec<TagValue>),
    Has(Arc<str>),
    /// With the number of its parts.
    All(usize),
    Any(usize),
    Not,
}

impl Serialize for Query {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parts = Vec::new();
        list(self, &mut parts);
        parts.serialize(serializer)
    }
}

fn list(query: &Query, parts: &mut Vec<Part>) {
    parts.push(match query {
        Query::In(name, values) => Part::In(name.clone(), values.clone()),
        Query::Has(name) => Part::Has(name.clone()),
        Query::All(parts) => Part::All(parts.len()),
        Query::Any(parts) => Part::Any(parts.len()),
        Query::Not(_) => Part::Not,
    });
    match query {
        Query::All(inner) | Query::Any(inner) => inner.iter().for_each(|part| list(part, parts)),
        Query::Not(inner) => list(inner, parts),
        Query::In(..) | Query::Has(_) => {}
    }
}

impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Query;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the parts of a query")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Query, A::Error> {
                let query = read(&mut parts, 1, &mut 0)?;
                match parts.next_element::<Part>()? {
                    None => Ok(query),
                    Some(_) => Err(A::Error::custom("a part behind the end of the query")),
                }
            }
        }
        deserializer.deserialize_seq(Parts)
    }
}

/// Reads the next query, which is at this level of the whole one. `terms` counts the conditions of the whole query.
fn read<'de, A: SeqAccess<'de>>(parts: &mut A, level: usize, terms: &mut usize) -> Result<Query, A::Error> {
    if level > Query::MAX_DEPTH {
        return Err(A::Error::custom(QueryError::TooDeep));
    }
    let part = parts.next_element()?.ok_or_else(|| A::Error::custom("a query that ends early"))?;
    *terms = terms.saturating_add(match &part {
        Part::In(_, values) => values.len().max(1),
        Part::Has(_) | Part::All(0) | Part::Any(0) => 1,
        Part::All(_) | Part::Any(_) | Part::Not => 0,
    });
    if *terms > Query::MAX_TERMS {
        return Err(A::Error::custom(QueryError::TooLong));
    }
    match part {
        Part::In(name, values) => {
            check_tag_name(&name).map_err(A::Error::custom)?;
            values.iter().try_for_each(|value| check_tag(&name, value)).map_err(A::Error::custom)?;
            Ok(Query::In(name, values))
        }
        Part::Has(name) => check_tag_name(&name).map_err(A::Error::custom).map(|()| Query::Has(name)),
        Part::All(count) => read_several(parts, count, level, terms).map(Query::All),
        Part::Any(count) => read_several(parts, count, level, terms).map(Query::Any),
        Part::Not => read(parts, level + 1, terms).map(|query| Query::Not(Box::new(query))),
    }
}

fn read_several<'de, A: SeqAccess<'de>>(
    parts: &mut A,
    count: usize,
    level: usize,
    terms: &mut usize,
) -> Result<Vec<Query>, A::Error> {
    // No capacity by the count, which may be any number. Each query has a condition, so their bound ends the loop.
    let mut queries = Vec::new();
    for _ in 0..count {
        queries.push(read(parts, level + 1, terms)?);
    }
    Ok(queries)
}
