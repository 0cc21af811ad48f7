//! Sets of connections by key: [`KeySet`] as the index keeps them, [`Set`] for computing with them.

use std::{borrow::Cow, sync::Arc};

use roaring::RoaringBitmap;

/// A set of connections that is never empty. Sets of one connection are the most frequent, such as those of users. A
/// copy costs nothing; the bitmap is copied when a shared set changes.
#[derive(Debug, Clone)]
pub(super) enum KeySet {
    One(u32),
    Many(Arc<RoaringBitmap>),
}

impl KeySet {
    pub(super) fn insert(&mut self, key: u32) {
        match self {
            Self::One(one) if *one == key => {}
            Self::One(one) => *self = Self::Many(Arc::new([*one, key].into_iter().collect())),
            Self::Many(keys) => {
                Arc::make_mut(keys).insert(key);
            }
        }
    }

    /// Removes a key. Returns true if the set has no other: then the caller removes the set.
    pub(super) fn remove(&mut self, key: u32) -> bool {
        match self {
            Self::One(one) => *one == key,
            Self::Many(keys) => {
                Arc::make_mut(keys).remove(key);
                keys.is_empty()
            }
        }
    }

    /// True if a key is in both sets.
    pub(super) fn intersects(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(one), Self::One(other)) => one == other,
            (Self::One(one), Self::Many(many)) | (Self::Many(many), Self::One(one)) => many.contains(*one),
            (Self::Many(many), Self::Many(others)) => !many.is_disjoint(others),
        }
    }

    pub(super) fn each(&self, visit: impl FnMut(u32)) {
        match self {
            Self::One(one) => std::iter::once(*one).for_each(visit),
            Self::Many(keys) => keys.iter().for_each(visit),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(keys) => usize::try_from(keys.len()).unwrap_or(usize::MAX),
        }
    }
}

/// Some of the connections, or all but some. Connections outside of the index are in the sets of the second kind.
#[derive(Debug)]
pub(super) struct Set<'a> {
    keys: Cow<'a, RoaringBitmap>,
    all_but: bool,
}

impl<'a> Set<'a> {
    pub(super) fn empty() -> Self {
        Self { keys: Cow::Owned(RoaringBitmap::new()), all_but: false }
    }

    pub(super) fn full() -> Self {
        Self::empty().complement()
    }

    /// The connections in one of these sets.
    pub(super) fn union(sets: impl IntoIterator<Item = &'a KeySet>) -> Self {
        let mut sets = sets.into_iter();
        let keys = match sets.next() {
            None => return Self::empty(),
            Some(KeySet::One(key)) => Cow::Owned(RoaringBitmap::from_iter([*key])),
            Some(KeySet::Many(keys)) => Cow::Borrowed(&**keys),
        };
        let add = |mut all: Cow<'a, RoaringBitmap>, set: &KeySet| {
            match set {
                KeySet::One(key) => {
                    all.to_mut().insert(*key);
                }
                KeySet::Many(keys) => *all.to_mut() |= &**keys,
            }
            all
        };
        Self { keys: sets.fold(keys, add), all_but: false }
    }

    pub(super) fn complement(self) -> Self {
        Self { all_but: !self.all_but, ..self }
    }

    /// The connections in both sets.
    pub(super) fn and(self, other: Self) -> Self {
        let (a, b) = (&*self.keys, &*other.keys);
        let keys = match (self.all_but, other.all_but) {
            (true, _) if a.is_empty() => return other,
            (_, true) if b.is_empty() => return self,
            (false, false) => a & b,
            (false, true) => a - b,
            (true, false) => b - a,
            (true, true) => a | b,
        };
        Self { keys: Cow::Owned(keys), all_but: self.all_but && other.all_but }
    }

    /// The connections in at least one of the two sets.
    pub(super) fn or(self, other: Self) -> Self {
        self.complement().and(other.complement()).complement()
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.all_but && self.keys.is_empty()
    }

    pub(super) fn contains(&self, key: u32) -> bool {
        self.keys.contains(key) != self.all_but
    }

    /// True if the connections without a key are in it.
    pub(super) fn contains_unindexed(&self) -> bool {
        self.all_but
    }

    /// The keys in the set; `None` if it is all but some.
    pub(super) fn keys(&self) -> Option<&RoaringBitmap> {
        (!self.all_but).then_some(&*self.keys)
    }
}
