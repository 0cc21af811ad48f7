//! The audience of a message, and forwarding to it.

use std::sync::Arc;

use crate::port::{Audience, ConnectionId, Outgoing, PayloadTooBig, Publish, Query, TagValue};

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
    Audience { tags: Some(Query::All(tags.iter().map(is).collect())), ..Audience::default() }
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
