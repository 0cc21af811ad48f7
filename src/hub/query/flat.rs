//! A query as a flat list, in which it crosses to another process: each node comes before its parts.
//!
//! The list may come from a broken process: it is read without recursion beyond the depth that a query may have.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{Query, QueryError};
use crate::queue::TagValue;

/// One node of a query, with the number of its parts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Node {
    In(Arc<str>, Vec<TagValue>),
    Has(Arc<str>),
    All(u32),
    Any(u32),
    Not,
}

impl Serialize for Query {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut nodes = Vec::new();
        flatten(self.clone(), &mut nodes);
        nodes.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        unflatten_all(Vec::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn flatten(query: Query, nodes: &mut Vec<Node>) {
    let count = |parts: &[Query]| u32::try_from(parts.len()).unwrap_or(u32::MAX);
    match query {
        Query::In(name, values) => nodes.push(Node::In(name, values)),
        Query::Has(name) => nodes.push(Node::Has(name)),
        Query::All(parts) => {
            nodes.push(Node::All(count(&parts)));
            parts.into_iter().for_each(|part| flatten(part, nodes));
        }
        Query::Any(parts) => {
            nodes.push(Node::Any(count(&parts)));
            parts.into_iter().for_each(|part| flatten(part, nodes));
        }
        Query::Not(part) => {
            nodes.push(Node::Not);
            flatten(*part, nodes);
        }
    }
}

fn unflatten_all(nodes: Vec<Node>) -> Result<Query, QueryError> {
    let mut nodes = nodes.into_iter();
    let query = unflatten(&mut nodes, Query::MAX_DEPTH)?;
    if nodes.next().is_some() {
        return Err(QueryError::TooLong);
    }
    query.checked()
}

fn unflatten(nodes: &mut std::vec::IntoIter<Node>, depth: usize) -> Result<Query, QueryError> {
    let depth = depth.checked_sub(1).ok_or(QueryError::TooDeep)?;
    let lost = || QueryError::Syntax { column: 1, reason: "a part is missing".to_owned() };
    Ok(match nodes.next().ok_or_else(lost)? {
        Node::In(name, values) => Query::In(name, values),
        Node::Has(name) => Query::Has(name),
        Node::All(count) => Query::All(parts(nodes, count, depth)?),
        Node::Any(count) => Query::Any(parts(nodes, count, depth)?),
        Node::Not => Query::Not(Box::new(unflatten(nodes, depth)?)),
    })
}

fn parts(nodes: &mut std::vec::IntoIter<Node>, count: u32, depth: usize) -> Result<Vec<Query>, QueryError> {
    // Collected one by one: the count may be any number, and each part needs a node.
    let mut parts = Vec::new();
    for _ in 0..count {
        parts.push(unflatten(nodes, depth)?);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_crosses_as_it_is() {
        for text in ["a=1", "a=1 & (b=x | c) & !d", "!(a | b & c=2)", "a=1,2"] {
            let Ok(query) = Query::parse(text) else { continue };
            let bytes = postcard::to_allocvec(&query).unwrap();
            assert_eq!(postcard::from_bytes::<Query>(&bytes).unwrap(), query, "{text}");
        }
    }

    #[test]
    fn a_list_that_is_no_query_is_refused_without_much_memory_or_stack() {
        let deep = vec![Node::Not; 1_000_000];
        let wide = vec![Node::All(u32::MAX)];
        let rest = vec![Node::Has("a".into()), Node::Has("b".into())];
        for nodes in [Vec::new(), deep, wide, rest] {
            let bytes = postcard::to_allocvec(&nodes).unwrap();
            assert!(postcard::from_bytes::<Query>(&bytes).is_err());
        }
    }
}
