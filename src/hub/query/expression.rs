//! A boolean query over the tags of a connection.

use std::sync::Arc;

use crate::queue::TagValue;

/// A boolean query over tags.
///
/// Its size is bounded when it is made ([`MAX_DEPTH`](Self::MAX_DEPTH), [`MAX_TERMS`](Self::MAX_TERMS)), so code that
/// walks through it may recurse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Matches connections that have this tag with one of these values.
    In(Arc<str>, Vec<TagValue>),
    /// Matches connections that have this tag with any value.
    Has(Arc<str>),
    /// Matches connections that match all of these. Without a part it matches every connection.
    All(Vec<Query>),
    /// Matches connections that match any of these. Without a part it matches no connection.
    Any(Vec<Query>),
    /// Matches connections that do not match this.
    Not(Box<Query>),
}

/// An error in the text of a query, or a query that is too large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The text is not a query.
    #[error("column {column}: {reason}")]
    Syntax {
        /// The position of the error, in characters, from 1.
        column: usize,
        /// The expected and the found text.
        reason: String,
    },
    /// The query is nested too deeply.
    #[error("the query is nested more than {} levels deep", Query::MAX_DEPTH)]
    TooDeep,
    /// The query has too many conditions.
    #[error("the query has more than {} conditions", Query::MAX_TERMS)]
    TooLong,
}

impl Query {
    /// The most levels of a query.
    pub const MAX_DEPTH: usize = 32;
    /// The most conditions of a query; each value of [`In`](Self::In) is one.
    pub const MAX_TERMS: usize = 1024;

    /// Makes a query for connections that have the tag with this value.
    pub fn is(name: &str, value: impl Into<TagValue>) -> Self {
        Self::In(name.into(), vec![value.into()])
    }

    /// Makes a query for connections that match both queries.
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

    /// Makes a query for connections that match at least one of the two.
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

    /// Makes a query for connections that do not match this one.
    pub fn negated(self) -> Result<Self, QueryError> {
        match self {
            Self::Not(query) => Ok(*query),
            query => Self::Not(Box::new(query)).checked(),
        }
    }

    /// Returns the query, or an error if it is larger than a query may be.
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

    /// True if its text has & or | outside of brackets.
    pub(super) fn is_compound(&self) -> bool {
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

    /// The number of levels and of conditions. The parts were checked, so there is at most one level more than allowed.
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
