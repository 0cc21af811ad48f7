//! The nesting of native code that calls into the script.
//!
//! A callback can call the method that has called it: `poll()` in a callback of `poll()`, `subscribe()` in a rule
//! that `subscribe()` asks. Each time costs native stack, and where that ends the process dies; a client's message
//! may be enough to cause it. So each such place counts its entries and exits, and refuses beyond [`DEEPEST`].
//!
//! Calls that wait in a suspended Fiber do not count: they keep a stack of their own, the running code is not nested
//! in them, and an application may have thousands. Those in Fibers that have resumed one another do count.

use std::cell::RefCell;

use super::{calls, engine, thrown::Thrown};

/// The Fibers in which the place is entered, in order; 0 outside of all Fibers.
#[derive(Debug, Default)]
pub(in crate::php) struct Nesting(RefCell<Vec<usize>>);

impl Nesting {
    pub(in crate::php) const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// True if one more is too many.
    pub(in crate::php) fn is_too_deep(&self) -> Result<bool, Thrown> {
        if self.0.borrow().len() < DEEPEST {
            return Ok(false);
        }
        let current = engine::current_fiber();
        // Not borrowed while the engine is asked.
        let entered = self.0.borrow().clone();
        let mut depth = 0;
        for fiber in entered.into_iter().rev() {
            if fiber == 0 || fiber == current || !calls::is_suspended(fiber)? {
                depth += 1;
            }
            if depth >= DEEPEST {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The running Fiber enters.
    pub(in crate::php) fn enter(&self) -> usize {
        let fiber = engine::current_fiber();
        self.0.borrow_mut().push(fiber);
        fiber
    }

    /// True if there is no entry.
    pub(in crate::php) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// It leaves. Those of several Fibers leave in any order.
    pub(in crate::php) fn leave(&self, fiber: usize) {
        let mut entered = self.0.borrow_mut();
        if let Some(index) = entered.iter().rposition(|entered| *entered == fiber) {
            entered.remove(index);
        }
    }
}

/// Far more than anybody means, and far less than the smallest stack has room for.
const DEEPEST: usize = 16;
