//! Which tags a connection must have to be meant: a boolean query.

mod parse;
mod plan;
#[cfg(test)]
pub(super) mod tests;

use std::{fmt, sync::Arc};

pub(super) use self::plan::{Condition, Plan, Step};
use crate::queue::TagValue;

/// A boolean query over tags. It matches exactly the connections that it says.
///
/// Its size is bounded where it is made ([`MAX_DEPTH`](Self::MAX_DEPTH), [`MAX_TERMS`](Self::MAX_TERMS)), so
/// whoever works through it may recurse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Has this tag with one of these values.
    In(Arc<str>, Vec<TagValue>),
    /// Has this tag, whatever its value.
    Has(Arc<str>),
    /// Matches all of these; none of them: everybody does.
    All(Vec<Query>),
    /// Matches any of these; none of them: nobody does.
    Any(Vec<Query>),
    /// Does not match this.
    Not(Box<Query>),
}

/// Why a text is no query, or a query is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The text cannot be read from here on.
    #[error("column {column}: {reason}")]
    Syntax {
        /// In characters, from 1.
        column: usize,
        /// What was expected there, and what was found.
        reason: String,
    },
    /// It is nested too deeply.
    #[error("the query is nested more than {} levels deep", Query::MAX_DEPTH)]
    TooDeep,
    /// It has too many conditions.
    #[error("the query has more than {} conditions", Query::MAX_TERMS)]
    TooLong,
}

impl Query {
    /// How deeply a query may be nested.
    pub const MAX_DEPTH: usize = 32;
    /// How many conditions it may have; each value of [`In`](Self::In) is one.
    pub const MAX_TERMS: usize = 1024;

    /// Has the tag with this value.
    pub fn is(name: &str, value: impl Into<TagValue>) -> Self {
        Self::In(name.into(), vec![value.into()])
    }

    /// Reads the text form: `lang=FR & (role=admin | role=mod) & !muted`.
    ///
    /// `!` binds closer than `&`, and that closer than `|`. A name alone asks whether the tag is there. Names
    /// and values with other characters than letters, digits and `_ - . : / @ + * # $ %` stand in double quotes,
    /// within which `\"` and `\\` are a quote and a backslash.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        parse::parse(text)
    }

    /// Both this and the other.
    pub fn and(self, other: Self) -> Result<Self, QueryError> {
        let mut all = match self {
            Self::All(all) => all,
            one => vec![one],
        };
        match other {
            Self::All(more) => all.extend(more),
            one => all.push(one),
        }
        Self::All(all).checked()
    }

    /// This or the other, or both.
    pub fn or(self, other: Self) -> Result<Self, QueryError> {
        let mut any = match self {
            Self::Any(any) => any,
            one => vec![one],
        };
        match other {
            Self::Any(more) => any.extend(more),
            one => any.push(one),
        }
        Self::Any(any).checked()
    }

    /// Whatever this does not match.
    pub fn negated(self) -> Result<Self, QueryError> {
        match self {
            Self::Not(query) => Ok(*query),
            query => Self::Not(Box::new(query)).checked(),
        }
    }

    /// The query, or an error if it is larger than a query may be.
    pub fn checked(self) -> Result<Self, QueryError> {
        let (depth, terms) = self.size();
        if depth > Self::MAX_DEPTH {
            return Err(QueryError::TooDeep);
        }
        if terms > Self::MAX_TERMS {
            return Err(QueryError::TooLong);
        }
        Ok(self)
    }

    /// Whether its text has & or | outside of brackets.
    fn is_compound(&self) -> bool {
        match self {
            Self::Has(_) | Self::Not(_) => false,
            Self::In(_, values) => values.len() > 1,
            Self::All(parts) | Self::Any(parts) => match parts.as_slice() {
                [] => false,
                [part] => part.is_compound(),
                _ => true,
            },
        }
    }

    /// Levels and conditions. Of parts that were checked: one level more than them at most.
    fn size(&self) -> (usize, usize) {
        match self {
            Self::In(_, values) => (1, values.len().max(1)),
            Self::Has(_) => (1, 1),
            Self::Not(query) => {
                let (depth, terms) = query.size();
                (depth + 1, terms)
            }
            Self::All(parts) | Self::Any(parts) => {
                let sizes = parts.iter().map(Self::size);
                let (depth, terms) = sizes.fold((0, 0), |a, b| (a.0.max(b.0), a.1 + b.1));
                (depth + 1, terms.max(1))
            }
        }
    }
}

/// The text form, which [`Query::parse`] reads as the same query, but for what has no text: matching
/// everybody or nobody is written as a condition of that kind.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Self], between: &str| {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    f.write_str(between)?;
                }
                if parts.len() > 1 && part.is_compound() {
                    write!(f, "({part})")?;
                } else {
                    part.fmt(f)?;
                }
            }
            Ok(())
        };
        match self {
            Self::Has(name) => f.write_str(&parse::word(name)),
            Self::In(_, values) if values.is_empty() => f.write_str(NOBODY),
            Self::In(name, values) => {
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        f.write_str(" | ")?;
                    }
                    write!(f, "{}={}", parse::word(name), parse::word(&value.to_string()))?;
                }
                Ok(())
            }
            Self::All(parts) if parts.is_empty() => f.write_str(EVERYBODY),
            Self::Any(parts) if parts.is_empty() => f.write_str(NOBODY),
            Self::All(parts) => list(f, parts, " & "),
            Self::Any(parts) => list(f, parts, " | "),
            Self::Not(part) => {
                f.write_str("!")?;
                match &**part {
                    Self::Has(_) => part.fmt(f),
                    _ => write!(f, "({part})"),
                }
            }
        }
    }
}

const EVERYBODY: &str = "(any | !any)";
const NOBODY: &str = "(any & !any)";
