//! A query as it is worked through: each of its conditions once.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::Query;
use crate::hub::tags::TagKey;

/// A query whose equal parts were merged. Working through it takes one look at the index for each condition, and no
/// more operations on sets than the query has conditions ([`Query::MAX_TERMS`]).
#[derive(Debug)]
pub(in crate::hub) struct Plan {
    /// Each once.
    pub(in crate::hub) conditions: Vec<Condition>,
    pub(in crate::hub) root: Step,
}

/// What the index can say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::hub) enum Condition {
    /// Has this tag.
    Has(Arc<str>),
    /// Has it with this value.
    Is(Arc<str>, TagKey),
}

/// What is made of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::hub) enum Step {
    /// The condition of this number.
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
    /// Whether whoever has no tags at all matches.
    pub(in crate::hub) fn is_everybody_but(&self) -> bool {
        match self {
            Self::Condition(_) => false,
            Self::Not(step) => !step.is_everybody_but(),
            Self::All(parts) => parts.iter().all(Self::is_everybody_but),
            Self::Any(parts) => parts.iter().any(Self::is_everybody_but),
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

/// Parts of one kind, and those of parts of the same kind, each once.
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
        // However they are wrapped.
        let wrapped = ["a=1", "(a=1 | a=1)", "(a=1 & (a=1))", "!!a=1", "!(!a=1 | !a=1)"].map(str::to_owned);
        assert_eq!(plan(&vec![wrapped.join(" & "); 100].join(" & ")), (1, Step::Condition(0)));
        // Equal parts too, and what differs stays.
        let part = "(a & !(b | c=2))";
        assert_eq!(plan(&vec![part; 300].join(" | ")), plan(part));
        assert_eq!(plan("a=1 | a=2 | a=1 | a").0, 3);
    }

    #[test]
    fn nobody_and_everybody_stay_what_they_are() {
        for (query, everybody) in [(Query::All(vec![]), true), (Query::Any(vec![]), false)] {
            assert_eq!(Plan::of(&query).root.is_everybody_but(), everybody);
            let within = Query::Any(vec![query, Query::In("a".into(), vec![])]);
            assert_eq!(Plan::of(&within).root.is_everybody_but(), everybody);
        }
    }
}
