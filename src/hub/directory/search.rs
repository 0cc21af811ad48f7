//! The search for the connections of an audience, by intersections and unions of the directory's sets.
//!
//! A search copies the sets that it names under the lock, which costs nothing, and works on the copies without the
//! lock.

use std::{collections::HashMap, sync::Arc};

use super::{
    Directory, Index,
    pages::Pages,
    set::{KeySet, Set},
};
use crate::{
    hub::{
        audience::Audience,
        query::{Condition, Plan, Step},
    },
    queue::ConnectionId,
};

impl Directory {
    /// The connections of an audience; [`Audience::except`] is left to the caller. `all_open` is called only if the
    /// audience has neither topics nor users nor connections, and no query or one that matches connections without
    /// tags. It is called under the lock: a connection that opens is in the index before it is anywhere else, so none
    /// is found without its first tags.
    pub(in crate::hub) fn find(
        &self,
        audience: &Audience,
        all_open: impl FnOnce() -> Vec<ConnectionId>,
    ) -> Vec<ConnectionId> {
        let plan = audience.tags.as_ref().map(Plan::of);
        let is_selective = audience.topics.is_some()
            || audience.users.is_some()
            || plan.as_ref().is_some_and(|plan| !plan.root.matches_untagged());

        let index = self.index.lock();
        let topics = audience.topics.as_ref().map(|topics| sets_of(&index.topics, topics));
        let users = audience.users.as_ref().map(|users| sets_of(&index.users, users));
        let tagged: Vec<Option<KeySet>> =
            plan.iter().flat_map(|plan| index.matching(&plan.conditions)).collect();
        let candidates = match &audience.connections {
            Some(ids) => Candidates::Listed(ids.iter().map(|id| self.with_key(&index, *id)).collect()),
            None if is_selective => Candidates::Indexed(index.ids.clone()),
            None => Candidates::Listed(all_open().into_iter().map(|id| self.with_key(&index, id)).collect()),
        };
        drop(index);

        let mut set = Set::full();
        if let Some(topics) = &topics {
            set = set.and(Set::union(topics));
        }
        if let Some(users) = &users {
            set = set.and(Set::union(users));
        }
        if let Some(plan) = &plan {
            set = set.and(evaluate(&plan.root, &tagged));
        }
        match candidates {
            Candidates::Listed(ids) => {
                let is_in = |key: Option<u32>| key.map_or(set.contains_unindexed(), |key| set.contains(key));
                ids.into_iter().filter(|(_, key)| is_in(*key)).map(|(id, _)| id).collect()
            }
            Candidates::Indexed(ids) => set.keys().into_iter().flatten().map(|key| *ids.get(key)).collect(),
        }
    }

    /// A connection and its key; `None` if the connection is not in the index.
    fn with_key(&self, index: &Index, id: ConnectionId) -> (ConnectionId, Option<u32>) {
        let key = self.key(id);
        (id, (*index.ids.get(key) == id).then_some(key))
    }
}

impl Index {
    /// For each condition, the set of the connections that meet it.
    fn matching(&self, conditions: &[Condition]) -> impl Iterator<Item = Option<KeySet>> {
        conditions.iter().map(|condition| match condition {
            Condition::Has(name) => self.tags.get(name).map(|tagged| tagged.all.clone()),
            Condition::Is(name, value) => {
                self.tags.get(name).and_then(|tagged| tagged.by_value.get(value).cloned())
            }
        })
    }
}

/// The connections among which a search selects.
enum Candidates {
    Listed(Vec<(ConnectionId, Option<u32>)>),
    /// All connections in the index.
    Indexed(Pages<ConnectionId>),
}

/// The connections that match a step of a plan. `tagged` holds the set of each of the plan's conditions.
fn evaluate<'a>(step: &Step, tagged: &'a [Option<KeySet>]) -> Set<'a> {
    match step {
        Step::Condition(number) => Set::union(tagged.get(*number).into_iter().flatten()),
        Step::Not(step) => evaluate(step, tagged).complement(),
        Step::All(parts) => {
            let mut set = Set::full();
            for part in parts {
                if set.is_empty() {
                    break;
                }
                set = set.and(evaluate(part, tagged));
            }
            set
        }
        Step::Any(parts) => {
            // One union for all the parts that are sets already.
            let sets = parts.iter().filter_map(|part| match part {
                Step::Condition(number) => tagged.get(*number)?.as_ref(),
                _ => None,
            });
            let others = parts.iter().filter(|part| !matches!(part, Step::Condition(_)));
            others.fold(Set::union(sets), |set, part| set.or(evaluate(part, tagged)))
        }
    }
}

/// The sets of these names; a name without a set is left out.
fn sets_of(sets: &HashMap<Arc<str>, KeySet>, names: &[Arc<str>]) -> Vec<KeySet> {
    names.iter().filter_map(|name| sets.get(name).cloned()).collect()
}
