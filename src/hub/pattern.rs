//! Patterns of topics, for rules about them: `orders.{id}`, `private:*`.
//!
//! `{name}` stands for one or more characters other than `.`, `:` and `/`, which the match returns by name. `*` stands
//! for any number of any characters. Every other character stands for itself. A pattern is bounded like a topic's name.

use std::collections::HashSet;

use super::topics::{MAX_NAME, is_topic_byte};

/// A pattern for topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    /// A named segment.
    Segment(Box<str>),
    Anything,
}

/// An error in the text of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Empty, or longer than a topic can be.
    #[error("must have 1 to 200 bytes")]
    Length,
    /// A character that topics cannot have.
    #[error("must be printable ASCII without spaces and commas")]
    Character,
    /// A brace without its counterpart, or braces around a text that is not a name.
    #[error("must have a name between braces, as in \"orders.{{id}}\"")]
    Braces,
    /// A name that occurs twice.
    #[error("must not have one name in braces twice")]
    Twice,
    /// Two placeholders without anything between them.
    #[error("must have something between two placeholders")]
    Adjacent,
}

impl TopicPattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if !(1..=MAX_NAME).contains(&text.len()) {
            return Err(PatternError::Length);
        }
        if !text.bytes().all(is_topic_byte) {
            return Err(PatternError::Character);
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let (part, after) = match next {
                '*' => (Part::Anything, rest.get(1..).unwrap_or_default()),
                '{' => {
                    let (name, after) =
                        rest.get(1..).and_then(|rest| rest.split_once('}')).ok_or(PatternError::Braces)?;
                    (Part::Segment(checked_name(name)?.into()), after)
                }
                '}' => return Err(PatternError::Braces),
                _ => {
                    let (text, after) = rest.split_at(rest.find(['*', '{', '}']).unwrap_or(rest.len()));
                    (Part::Text(text.into()), after)
                }
            };
            let is_text = |part: &Part| matches!(part, Part::Text(_));
            if !is_text(&part) && parts.last().is_some_and(|last| !is_text(last)) {
                return Err(PatternError::Adjacent);
            }
            if matches!(part, Part::Segment(_)) && parts.contains(&part) {
                return Err(PatternError::Twice);
            }
            parts.push(part);
            rest = after;
        }
        Ok(Self { parts })
    }

    /// Matches a topic. Returns the name and the text of each placeholder, or `None` without a match. Of several ways
    /// to match it takes the one in which the first placeholders are longest.
    pub fn matches<'a>(&'a self, topic: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        let mut search = Search { parts: &self.parts, topic, found: Vec::new(), dead: HashSet::new() };
        search.walk(0, 0).then(|| {
            search.found.reverse();
            search.found
        })
    }
}

/// A search for a match, with backtracking.
struct Search<'a> {
    parts: &'a [Part],
    topic: &'a str,
    /// Names and texts of the placeholders, the last one first.
    found: Vec<(&'a str, &'a str)>,
    /// Parts and positions from which there is no match. So the time is bounded by the number of parts times the square
    /// of the topic's length.
    dead: HashSet<(usize, usize)>,
}

impl<'a> Search<'a> {
    /// Matches the topic from `at` on with the parts from `number` on. Returns true, and adds to `found`, if it
    /// matches.
    fn walk(&mut self, number: usize, at: usize) -> bool {
        let topic = self.topic.get(at..).unwrap_or_default();
        let Some(part) = self.parts.get(number) else { return topic.is_empty() };
        let (least, most) = match part {
            Part::Text(text) => return topic.starts_with(&**text) && self.walk(number + 1, at + text.len()),
            Part::Segment(_) => (1, topic.find(SEPARATORS).unwrap_or(topic.len())),
            Part::Anything => (0, topic.len()),
        };
        if self.dead.contains(&(number, at)) {
            return false;
        }
        for length in (least..=most).rev() {
            if self.walk(number + 1, at + length) {
                if let Part::Segment(name) = part {
                    self.found.push((name, topic.get(..length).unwrap_or_default()));
                }
                return true;
            }
        }
        self.dead.insert((number, at));
        false
    }
}

fn checked_name(name: &str) -> Result<&str, PatternError> {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let is_name = first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_name { Ok(name) } else { Err(PatternError::Braces) }
}

const SEPARATORS: [char; 3] = ['.', ':', '/'];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str, topic: &str) -> Option<String> {
        let pattern = TopicPattern::parse(pattern).unwrap();
        let found = pattern.matches(topic)?;
        Some(
            found
                .iter()
                .map(|(name, value)| format!("{name}={value} "))
                .collect::<String>()
                .trim_end()
                .to_owned(),
        )
    }

    #[test]
    fn a_name_in_braces_stands_for_one_segment() {
        assert_eq!(of("orders.{id}", "orders.42").unwrap(), "id=42");
        assert_eq!(of("{a}:{b}/{c}", "x:y/z").unwrap(), "a=x b=y c=z");
        for other in
            ["orders.", "orders.4.2", "orders.4:2", "orders.4/2", "order.42", "xorders.42", "orders.42."]
        {
            assert_eq!(of("orders.{id}", other), None, "{other}");
        }
        assert_eq!(of("user-{id}-inbox", "user-a-b-inbox").unwrap(), "id=a-b");
    }

    #[test]
    fn an_asterisk_stands_for_anything() {
        for topic in ["private.", "private.a", "private.a.b:c/d"] {
            assert_eq!(of("private.*", topic).unwrap(), "");
        }
        assert_eq!(of("*", "a").unwrap(), "");
        assert_eq!(of("*.{last}", "a.b.c").unwrap(), "last=c");
        assert_eq!(of("private.*", "private"), None);
        assert_eq!(of("a*b*c", "abbcb"), None);
    }

    #[test]
    fn everything_else_stands_for_itself() {
        assert_eq!(of("lobby", "lobby").unwrap(), "");
        for topic in ["Lobby", "lobby1", "1lobby", "lobb"] {
            assert_eq!(of("lobby", topic), None);
        }
        assert_eq!(of("a+(b)?[c]^$|\\", "a+(b)?[c]^$|\\").unwrap(), "");
    }

    #[test]
    fn of_several_ways_the_first_placeholder_takes_as_much_as_it_can() {
        assert_eq!(of("{a}-{b}", "1-2-3").unwrap(), "a=1-2 b=3");
    }

    #[test]
    fn texts_that_are_no_patterns_are_refused() {
        for (text, error) in [
            ("", PatternError::Length),
            (&*"x".repeat(201), PatternError::Length),
            ("a b", PatternError::Character),
            ("a,b", PatternError::Character),
            ("\u{e9}", PatternError::Character),
            ("a.{id", PatternError::Braces),
            ("a.id}", PatternError::Braces),
            ("{}", PatternError::Braces),
            ("{1}", PatternError::Braces),
            ("{a-b}", PatternError::Braces),
            ("{{a}}", PatternError::Braces),
            ("{a}.{a}", PatternError::Twice),
            ("{a}{b}", PatternError::Adjacent),
            ("**", PatternError::Adjacent),
            ("{a}*", PatternError::Adjacent),
        ] {
            assert_eq!(TopicPattern::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_pattern_that_could_match_in_very_many_ways_is_decided_all_the_same() {
        let pattern = format!("{}b", "*a".repeat(60));
        assert_eq!(of(&pattern, &"a".repeat(200)), None);
    }
}
