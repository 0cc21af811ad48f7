//! Rules about subscriptions, asked before a topic is added.
//!
//! The server owns them. Its connections reach them weakly: a rule mostly is a closure that knows its server, and the
//! cycle collector must find one owner only.

use std::{
    cell::RefCell,
    rc::{Rc, Weak},
};

use ext_php_rs::types::{ZendHashTable, Zval};

use crate::{
    php::zend::{
        callback::{Callback, Calls},
        nesting::Nesting,
        thrown::{self, ExceptionKind, Thrown, throw},
        values,
    },
    port::TopicPattern,
};

/// All of a server, in the order of their registration.
#[derive(Debug, Default)]
pub(in crate::php) struct Rules {
    rules: RefCell<Vec<(String, TopicPattern, Callback)>>,
    /// A rule may subscribe to a topic that another rule, or itself, is then asked about.
    nesting: Rc<Nesting>,
    /// The rules that are asked now, perhaps in Fibers that are suspended.
    calls: Rc<Calls>,
}

/// A question to a rule about a topic.
struct Question {
    rule: Callback,
    pattern: String,
    parameters: Vec<(String, String)>,
}

impl Rules {
    /// Adds one, or replaces that of the same pattern.
    pub(in crate::php) fn set(&self, text: &str, pattern: TopicPattern, rule: Callback) {
        let mut rules = self.rules.borrow_mut();
        let old = match rules.iter_mut().find(|(_, known, _)| *known == pattern) {
            Some((_, _, old)) => Some(std::mem::replace(old, rule)),
            None => {
                rules.push((text.to_owned(), pattern, rule));
                None
            }
        };
        drop(rules);
        drop(old);
    }

    /// True if a rule concerns one of these topics.
    pub(in crate::php) fn concern(&self, topics: &[&str]) -> bool {
        let rules = self.rules.borrow();
        topics.iter().any(|topic| rules.iter().any(|(_, pattern, _)| pattern.matches(topic).is_some()))
    }

    /// For the cycle collector.
    pub(in crate::php) fn trace(&self, found: &mut dyn FnMut(&Zval)) {
        if let Ok(rules) = self.rules.try_borrow() {
            rules.iter().for_each(|(_, _, rule)| found(rule.zval()));
        }
        self.calls.trace(found);
    }

    /// The first rule that matches decides.
    fn about(&self, topic: &str) -> Option<Question> {
        self.rules.borrow().iter().find_map(|(text, pattern, rule)| {
            let parameters = pattern.matches(topic)?;
            let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Some(Question { rule: rule.clone(), pattern: text.clone(), parameters: parameters.collect() })
        })
    }
}

/// Asks about the topics that a connection does not have yet; returns the first that a rule refuses, and the rule's
/// pattern. A rule may end the server, which owns the rules: so they are reached weakly, and for a look only.
pub(in crate::php) fn refused<'a>(
    rules: &Weak<Rules>,
    connection: &Zval,
    is_subscribed: impl Fn(&str) -> bool,
    topics: &[&'a str],
) -> Result<Option<(&'a str, String)>, Thrown> {
    for topic in topics.iter().filter(|topic| !is_subscribed(topic)) {
        let question = rules
            .upgrade()
            .and_then(|rules| Some((rules.about(topic)?, rules.nesting.clone(), rules.calls.clone())));
        let Some((question, nesting, calls)) = question else { continue };
        if nesting.is_too_deep()? {
            let why =
                "The rules of onSubscribe are nested too deep: one subscribes to what it is asked about";
            return Err(throw(ExceptionKind::State, why));
        }
        let fiber = nesting.enter();
        let refused = question.refuses(&calls, connection, topic);
        nesting.leave(fiber);
        if let Some(pattern) = refused? {
            return Ok(Some((topic, pattern)));
        }
    }
    Ok(None)
}

impl Question {
    /// The pattern of the rule, if it says no.
    fn refuses(self, calls: &Calls, connection: &Zval, topic: &str) -> Result<Option<String>, Thrown> {
        let Self { rule, pattern, parameters } = self;
        let mut array = ZendHashTable::new();
        for (name, value) in &parameters {
            let _ = array.insert(name.as_str(), values::text(value.as_bytes()));
        }
        let arguments =
            vec![connection.shallow_clone(), values::text(topic.as_bytes()), values::array(array)];
        let (answer, held) = calls.ask_through(rule, arguments);
        let allowed = match thrown::pending() {
            Some(thrown) => Err(thrown),
            None => answer.bool().ok_or_else(|| {
                let what = values::type_name(&answer);
                throw(
                    ExceptionKind::Type,
                    &format!("The rule of onSubscribe must return bool, {what} returned"),
                )
            }),
        };
        drop((answer, held));
        let allowed = allowed?;
        // Values that end here may throw as the rule itself may, at the method that the script has called.
        thrown::pending().map_or(Ok((!allowed).then_some(pattern)), Err)
    }
}
