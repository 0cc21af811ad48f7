//! A table by key with cheap copies: a copy shares its pages, and a change afterwards copies one page.

use std::sync::Arc;

/// Values by key. Memory grows with the largest key that was set.
#[derive(Debug, Clone)]
pub(super) struct Pages<T> {
    pages: Vec<Arc<Vec<T>>>,
    empty: T,
}

impl<T: Clone> Pages<T> {
    /// Makes a table in which every key has the value `empty`.
    pub(super) fn new(empty: T) -> Self {
        Self { pages: Vec::new(), empty }
    }

    pub(super) fn get(&self, key: u32) -> &T {
        let (page, place) = (key as usize / PAGE, key as usize % PAGE);
        self.pages.get(page).and_then(|page| page.get(place)).unwrap_or(&self.empty)
    }

    pub(super) fn set(&mut self, key: u32, value: T) {
        let (page, place) = (key as usize / PAGE, key as usize % PAGE);
        if page >= self.pages.len() {
            // All pages without a value are one.
            let none = Arc::new(Vec::new());
            self.pages.resize(page + 1, none);
        }
        let Some(page) = self.pages.get_mut(page).map(Arc::make_mut) else { return };
        if place >= page.len() {
            page.resize(place + 1, self.empty.clone());
        }
        if let Some(known) = page.get_mut(place) {
            *known = value;
        }
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flat_map(|page| page.iter())
    }
}

/// The number of keys in a page.
const PAGE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_stays_as_it_was() {
        let mut pages = Pages::new(0);
        pages.set(700, 7);
        let copy = pages.clone();
        pages.set(700, 8);
        pages.set(3, 9);
        pages.set(70_000, 1);
        assert_eq!([3, 699, 700, 70_000].map(|key| *copy.get(key)), [0, 0, 7, 0]);
        assert_eq!([3, 4, 700, 70_000, u32::MAX].map(|key| *pages.get(key)), [9, 0, 8, 1, 0]);
    }
}
