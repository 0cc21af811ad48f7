//! Sets of connections, as they are kept and as they are computed with.

use std::{borrow::Cow, sync::Arc};

use roaring::RoaringBitmap;

/// The connections that have something: most users are one connection. A copy costs nothing; a set of which there is
/// one is copied when it changes.
#[derive(Debug, Clone)]
pub(super) enum Keys {
    One(u32),
    Many(Arc<RoaringBitmap>),
}

impl Keys {
    pub(super) fn insert(&mut self, key: u32) {
        match self {
            Self::One(one) if *one == key => {}
            Self::One(one) => *self = Self::Many(Arc::new([*one, key].into_iter().collect())),
            Self::Many(keys) => {
                Arc::make_mut(keys).insert(key);
            }
        }
    }

    /// True if none is left: then the set is to be forgotten.
    pub(super) fn remove(&mut self, key: u32) -> bool {
        match self {
            Self::One(one) => *one == key,
            Self::Many(keys) => {
                Arc::make_mut(keys).remove(key);
                keys.is_empty()
            }
        }
    }

    /// Whether some are in both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(one), Self::One(other)) => one == other,
            (Self::One(one), Self::Many(many)) | (Self::Many(many), Self::One(one)) => many.contains(*one),
            (Self::Many(many), Self::Many(others)) => !many.is_disjoint(others),
        }
    }

    pub(super) fn each(&self, what: impl FnMut(u32)) {
        match self {
            Self::One(one) => std::iter::once(*one).for_each(what),
            Self::Many(keys) => keys.iter().for_each(what),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(keys) => usize::try_from(keys.len()).unwrap_or(usize::MAX),
        }
    }
}

/// Some of the connections, or all but some: who is not in the index is in the sets of that kind.
#[derive(Debug)]
pub(super) struct Set<'a> {
    keys: Cow<'a, RoaringBitmap>,
    all_but: bool,
}

impl<'a> Set<'a> {
    pub(super) fn nobody() -> Self {
        Self { keys: Cow::Owned(RoaringBitmap::new()), all_but: false }
    }

    pub(super) fn everybody() -> Self {
        Self::nobody().complement()
    }

    /// Everyone in one of these.
    pub(super) fn union(sets: impl IntoIterator<Item = &'a Keys>) -> Self {
        let mut sets = sets.into_iter();
        let keys = match sets.next() {
            None => return Self::nobody(),
            Some(Keys::One(key)) => Cow::Owned(RoaringBitmap::from_iter([*key])),
            Some(Keys::Many(keys)) => Cow::Borrowed(&**keys),
        };
        let add = |mut all: Cow<'a, RoaringBitmap>, set: &Keys| {
            match set {
                Keys::One(key) => {
                    all.to_mut().insert(*key);
                }
                Keys::Many(keys) => *all.to_mut() |= &**keys,
            }
            all
        };
        Self { keys: sets.fold(keys, add), all_but: false }
    }

    pub(super) fn complement(self) -> Self {
        Self { all_but: !self.all_but, ..self }
    }

    /// Those in both.
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

    /// Those in one of them.
    pub(super) fn or(self, other: Self) -> Self {
        self.complement().and(other.complement()).complement()
    }

    pub(super) fn is_nobody(&self) -> bool {
        !self.all_but && self.keys.is_empty()
    }

    pub(super) fn contains(&self, key: u32) -> bool {
        self.keys.contains(key) != self.all_but
    }

    /// Whether those are in it that have no key.
    pub(super) fn contains_others(&self) -> bool {
        self.all_but
    }

    /// The keys in it; `None` if it is all but some.
    pub(super) fn keys(&self) -> Option<&RoaringBitmap> {
        (!self.all_but).then_some(&*self.keys)
    }
}
