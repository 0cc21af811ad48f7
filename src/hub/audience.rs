//! Whom a message is for, by what connections are.

use std::sync::Arc;

use super::{
    Hub,
    query::{Query, QueryError},
};
use crate::queue::ConnectionId;

/// Connections by what they are. What is left out does not matter; without any of it everybody is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audience {
    /// Subscribe to one of these topics.
    pub topics: Option<Vec<Arc<str>>>,
    /// Are one of these users.
    pub users: Option<Vec<Arc<str>>>,
    /// Have tags that this matches.
    pub tags: Option<Query>,
    /// Are one of these.
    pub connections: Option<Vec<ConnectionId>>,
    /// Are none of these.
    pub except: Vec<ConnectionId>,
}

impl Audience {
    /// Narrows it to those whose tags a query matches too.
    pub fn and_tags(&mut self, query: Query) -> Result<(), QueryError> {
        self.tags = Some(match self.tags.take() {
            None => query,
            Some(tags) => tags.and(query)?,
        });
        Ok(())
    }
}

impl Hub {
    /// Who is meant, each once: those that are open now. All connections are looked at only if nothing but what they
    /// are not chooses among them.
    pub fn select(&self, audience: &Audience) -> Vec<ConnectionId> {
        let mut ids = self.directory.find(audience, || self.registry.open_ids());
        if audience.connections.is_some() {
            ids.sort_unstable();
            ids.dedup();
            ids.retain(|id| self.registry.get(*id).is_some_and(|member| member.is_open()));
        }
        if !audience.except.is_empty() {
            let mut except = audience.except.clone();
            except.sort_unstable();
            ids.retain(|id| except.binary_search(id).is_err());
        }
        ids
    }
}
