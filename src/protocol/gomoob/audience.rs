//! The audience of a message, and forwarding to it.

use std::sync::Arc;

use crate::port::{Audience, ConnectionId, Outgoing, PayloadTooBig, Publish, Query, TagValue, check_tag};

/// Sends a message, which is JSON, to every connection that has all these tags, the sender included. Returns the number
/// of recipients; in a worker, 0. With `legacy` the recipients are those of the original (see `legacy_audience`).
pub fn forward(
    publisher: &mut dyn Publish,
    tags: &[(Arc<str>, TagValue)],
    message: &str,
    legacy: bool,
) -> Result<usize, PayloadTooBig> {
    let message = Outgoing::new(message.as_bytes(), false);
    if tags.is_empty() {
        return publisher.broadcast(message, &[], false);
    }
    let audience = if legacy { legacy_audience(publisher, tags) } else { all_of(tags) };
    publisher.send_to(&audience, message, false)
}

fn all_of(tags: &[(Arc<str>, TagValue)]) -> Audience {
    let is = |(name, value): &(Arc<str>, TagValue)| Query::In(name.clone(), vec![value.clone()]);
    // Clients write any names and values; an audience with such a one does not cross to another process.
    let can_exist = tags.iter().all(|(name, value)| check_tag(name, value).is_ok());
    let query = if can_exist { Query::All(tags.iter().map(is).collect()) } else { Query::Any(Vec::new()) };
    Audience { tags: Some(query), ..Audience::default() }
}

/// The recipients by the rules of the original: a tag without a connection does not narrow the audience, and when no
/// connection has all tags so far, the next tag starts a new audience.
fn legacy_audience(publisher: &mut dyn Publish, tags: &[(Arc<str>, TagValue)]) -> Audience {
    let mut found: Vec<ConnectionId> = Vec::new();
    for tag in tags {
        let mut having = publisher.connections(&all_of(std::slice::from_ref(tag)));
        having.sort_unstable();
        if found.is_empty() {
            found = having;
        } else if !having.is_empty() {
            found.retain(|id| having.binary_search(id).is_ok());
        }
    }
    Audience { connections: Some(found), ..Audience::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_no_connection_can_have_selects_none() {
        let (good, long) = (TagValue::from("EN"), TagValue::from(&*"x".repeat(201)));
        let query = |name: &str, value: &TagValue| all_of(&[(name.into(), value.clone())]).tags;
        assert_eq!(query("lang", &good), Some(Query::All(vec![Query::is("lang", "EN")])));
        for (name, value) in [("", &good), ("a\n", &good), ("lang", &long)] {
            assert_eq!(query(name, value), Some(Query::Any(vec![])), "{name:?}");
        }
    }
}
