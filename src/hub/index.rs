//! The subscribers of one shard, by topic.

use std::{collections::HashMap, sync::Arc};

/// Maps each topic to the slots of its subscribers, and back.
#[derive(Debug, Default)]
pub struct TopicIndex {
    subscribers: HashMap<Arc<str>, Subscribers>,
    /// The topics of each subscriber, and its place in each topic's list.
    topics: HashMap<u32, Vec<(Arc<str>, u32)>>,
}

/// The subscribers of a topic.
#[derive(Debug, Default)]
struct Subscribers {
    slots: Vec<u32>,
    /// For each subscriber the place of this topic in the subscriber's own list of topics. So the cost of a leave grows
    /// neither with the number of subscribers nor with the number of their topics.
    back: Vec<u32>,
}

impl TopicIndex {
    /// Adds a subscriber to a topic. The caller makes sure that the subscriber is not in the topic yet.
    pub fn join(&mut self, slot: u32, topic: Arc<str>) {
        let list = self.subscribers.entry(topic.clone()).or_default();
        let mine = self.topics.entry(slot).or_default();
        list.back.push(mine.len() as u32);
        mine.push((topic, list.slots.len() as u32));
        list.slots.push(slot);
    }

    /// Takes a subscriber from a topic.
    pub fn leave(&mut self, slot: u32, topic: &str) {
        let Some(mine) = self.topics.get_mut(&slot) else { return };
        let Some(at) = mine.iter().position(|(t, _)| **t == *topic) else { return };
        let (topic, place) = mine.swap_remove(at);
        if let Some((moved, its_place)) = mine.get(at) {
            let back =
                self.subscribers.get_mut(moved).and_then(|list| list.back.get_mut(*its_place as usize));
            if let Some(back) = back {
                *back = at as u32;
            }
        }
        if mine.is_empty() {
            self.topics.remove(&slot);
        }
        self.remove(&topic, place);
    }

    /// Takes a subscriber from all its topics. Returns the number of them.
    pub fn leave_all(&mut self, slot: u32) -> usize {
        let topics = self.topics.remove(&slot).unwrap_or_default();
        for (topic, place) in &topics {
            self.remove(topic, *place);
        }
        topics.len()
    }

    /// The slots of a topic's subscribers.
    pub fn subscribers(&self, topic: &str) -> &[u32] {
        self.subscribers.get(topic).map_or(&[], |list| &list.slots)
    }

    /// Takes the subscriber at `place` from the topic's list; the last one moves there.
    fn remove(&mut self, topic: &Arc<str>, place: u32) {
        let Some(list) = self.subscribers.get_mut(topic) else { return };
        let at = place as usize;
        if at < list.slots.len() {
            list.slots.swap_remove(at);
            list.back.swap_remove(at);
        }
        let moved = list.slots.get(at).copied().zip(list.back.get(at).copied());
        if list.slots.is_empty() {
            self.subscribers.remove(topic);
        }
        let entry = moved.and_then(|(slot, back)| {
            self.topics.get_mut(&slot).and_then(|topics| topics.get_mut(back as usize))
        });
        if let Some((_, its_place)) = entry {
            *its_place = place;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_index_is_what_a_plain_set_would_be(
            steps in prop::collection::vec((0..3_u8, 0..6_u32, 0..4_usize), 0..200),
        ) {
            let names = ["a", "b", "c", "d"];
            let mut index = TopicIndex::default();
            let mut plain: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
            for (kind, slot, topic) in steps {
                let name = names[topic];
                match kind {
                    0 => if plain.entry(name).or_default().insert(slot) { index.join(slot, name.into()); },
                    1 => { plain.entry(name).or_default().remove(&slot); index.leave(slot, name); }
                    _ => {
                        let left = plain.values_mut().filter_map(|s| s.remove(&slot).then_some(())).count();
                        prop_assert_eq!(index.leave_all(slot), left);
                    }
                }
                for name in names {
                    let found: BTreeSet<u32> = index.subscribers(name).iter().copied().collect();
                    prop_assert_eq!(index.subscribers(name).len(), found.len());
                    prop_assert_eq!(found, plain.get(name).cloned().unwrap_or_default());
                }
                // Each side knows its place on the other.
                for (slot, topics) in &index.topics {
                    for (at, (topic, place)) in topics.iter().enumerate() {
                        let list = &index.subscribers[topic];
                        prop_assert_eq!(list.slots[*place as usize], *slot);
                        prop_assert_eq!(list.back[*place as usize] as usize, at);
                    }
                }
            }
            (0..6).for_each(|slot| { index.leave_all(slot); });
            prop_assert!(index.subscribers.is_empty() && index.topics.is_empty());
        }
    }
}
