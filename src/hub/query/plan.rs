//! The plan of a search: a query with each of its conditions once.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::expression::Query;
use crate::hub::tags::TagKey;

/// A query whose equal parts are merged. Its evaluation reads one set of the index for each condition, and takes at
/// most as many operations on sets as the query has conditions ([`Query::MAX_TERMS`]).
#[derive(Debug)]
pub(in crate::hub) struct Plan {
    /// The conditions, each once.
    pub(in crate::hub) conditions: Vec<Condition>,
    pub(in crate::hub) root: Step,
}

/// A condition for which the index has a set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::hub) enum Condition {
    /// The connection has this tag.
    Has(Arc<str>),
    /// The connection has this tag with this value.
    Is(Arc<str>, TagKey),
}

/// A part of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::hub) enum Step {
    /// The condition of this number in the plan.
    Condition(usize),
    Not(Box<Step>),
    All(Vec<Step>),
    Any(Vec<Step>),
}

impl Plan {
    pub(in crate::hub) fn of(query: &Query) -> Self {
        let mut numbers = HashMap::new();
        let root = step(query, &mut numbers);
        let mut conditions: Vec<_> = numbers.into_iter().collect();
        conditions.sort_unstable_by_key(|(_, number)| *number);
        Self { conditions: conditions.into_iter().map(|(condition, _)| condition).collect(), root }
    }
}

impl Step {
    /// True if connections without any tag match.
    pub(in crate::hub) fn matches_untagged(&self) -> bool {
        match self {
            Self::Condition(_) => false,
            Self::Not(step) => !step.matches_untagged(),
            Self::All(parts) => parts.iter().all(Self::matches_untagged),
            Self::Any(parts) => parts.iter().any(Self::matches_untagged),
        }
    }

    fn negated(self) -> Self {
        match self {
            Self::Not(step) => *step,
            step => Self::Not(Box::new(step)),
        }
    }
}

fn step(query: &Query, numbers: &mut HashMap<Condition, usize>) -> Step {
    match query {
        Query::Has(name) => condition(Condition::Has(name.clone()), numbers),
        Query::In(name, values) => {
            let is = |value| condition(Condition::Is(name.clone(), TagKey::from(value)), numbers);
            merged(values.iter().map(is), Step::Any, any_parts)
        }
        Query::Not(query) => step(query, numbers).negated(),
        Query::All(parts) => merged(parts.iter().map(|part| step(part, numbers)), Step::All, all_parts),
        Query::Any(parts) => merged(parts.iter().map(|part| step(part, numbers)), Step::Any, any_parts),
    }
}

fn condition(condition: Condition, numbers: &mut HashMap<Condition, usize>) -> Step {
    let next = numbers.len();
    Step::Condition(*numbers.entry(condition).or_insert(next))
}

/// Merges parts: parts of the same kind are replaced by their own parts, and equal parts occur once.
fn merged(
    parts: impl Iterator<Item = Step>,
    whole: fn(Vec<Step>) -> Step,
    of_kind: fn(Step) -> Result<Vec<Step>, Step>,
) -> Step {
    let (mut known, mut merged) = (HashSet::new(), Vec::new());
    for part in parts.flat_map(|part| of_kind(part).unwrap_or_else(|other| vec![other])) {
        if known.insert(part.clone()) {
            merged.push(part);
        }
    }
    if merged.len() == 1
        && let Some(only) = merged.pop()
    {
        return only;
    }
    whole(merged)
}

fn all_parts(step: Step) -> Result<Vec<Step>, Step> {
    if let Step::All(parts) = step { Ok(parts) } else { Err(step) }
}

fn any_parts(step: Step) -> Result<Vec<Step>, Step> {
    if let Step::Any(parts) = step { Ok(parts) } else { Err(step) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> (usize, Step) {
        let plan = Plan::of(&Query::parse(text).unwrap());
        (plan.conditions.len(), plan.root)
    }

    #[test]
    fn equal_conditions_are_looked_for_once() {
        for between in [" & ", " | "] {
            assert_eq!(plan(&["a"; 1024].join(between)), (1, Step::Condition(0)));
            assert_eq!(plan(&["a=1", "a=\"1\""].join(between)), (1, Step::Condition(0)));
        }
        // The same in any brackets.
        let wrapped = ["a=1", "(a=1 | a=1)", "(a=1 & (a=1))", "!!a=1", "!(!a=1 | !a=1)"].map(str::to_owned);
        assert_eq!(plan(&vec![wrapped.join(" & "); 100].join(" & ")), (1, Step::Condition(0)));
        // Equal parts are merged too, different ones stay.
        let part = "(a & !(b | c=2))";
        assert_eq!(plan(&vec![part; 300].join(" | ")), plan(part));
        assert_eq!(plan("a=1 | a=2 | a=1 | a").0, 3);
    }

    #[test]
    fn queries_for_no_and_for_every_connection_keep_their_meaning() {
        for (query, matches_all) in [(Query::All(vec![]), true), (Query::Any(vec![]), false)] {
            assert_eq!(Plan::of(&query).root.matches_untagged(), matches_all);
            let within = Query::Any(vec![query, Query::In("a".into(), vec![])]);
            assert_eq!(Plan::of(&within).root.matches_untagged(), matches_all);
        }
    }
}
