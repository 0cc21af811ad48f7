//! Boolean queries over tags: `lang=FR & (role=admin | role=mod) & !muted`.
//!
//! [`expression`] holds the query and its bounds, [`parse`] and [`display`] read and write its text form, and [`plan`]
//! merges its equal parts for the search in the directory; [`transfer`] is its form for other processes. Nothing here
//! knows connections.

mod display;
mod expression;
mod parse;
mod plan;
#[cfg(test)]
pub(super) mod tests;
mod transfer;

pub(super) use self::plan::{Condition, Plan, Step};
pub use expression::{Query, QueryError};
