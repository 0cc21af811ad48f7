//! Audiences: the recipients of a message, chosen by the properties of connections.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::query::{Query, QueryError};
use crate::queue::ConnectionId;

/// A choice of open connections. Selectors combine with AND, the values of one selector with OR. A selector that is
/// `None` matches every connection; one without values matches none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    /// Connections that subscribe to one of these topics.
    pub topics: Option<Vec<Arc<str>>>,
    /// Connections of one of these users.
    pub users: Option<Vec<Arc<str>>>,
    /// Connections whose tags match this query.
    pub tags: Option<Query>,
    /// These connections.
    pub connections: Option<Vec<ConnectionId>>,
    /// Connections to leave out.
    pub except: Vec<ConnectionId>,
}

impl Audience {
    /// Narrows the audience to connections whose tags match `query` too. An error if the combined query is too large.
    pub fn and_tags(&mut self, query: Query) -> Result<(), QueryError> {
        self.tags = Some(match self.tags.take() {
            None => query.checked()?,
            Some(tags) => tags.and(query)?,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_query_of_an_audience_is_bounded_as_the_others_are() {
        let all = |count| Query::All(vec![Query::Has("a".into()); count]);
        let narrowed = |query| {
            let mut audience = Audience::default();
            audience.and_tags(query).map(|()| audience)
        };
        assert!(narrowed(all(Query::MAX_TERMS)).is_ok());
        assert_eq!(narrowed(all(Query::MAX_TERMS + 1)), Err(QueryError::TooLong));
    }
}
