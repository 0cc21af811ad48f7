//! Reading a query from its text form, by recursive descent.

use super::{
    display::is_bare,
    expression::{Query, QueryError},
};
use crate::{
    hub::{TagError, check_tag},
    queue::TagValue,
};

impl Query {
    /// Reads the text form: `lang=FR & (role=admin | role=mod) & !muted`.
    ///
    /// `!` binds closer than `&`, and that closer than `|`. A name alone matches connections that have the tag. Names
    /// and values with other characters than letters, digits and `_ - . : / @ + * # $ %` stand in double quotes,
    /// within which `\"` and `\\` are a quote and a backslash. An error names the column of the text.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        let query = parser.any()?;
        match parser.peek() {
            None => query.checked(),
            Some(')') => Err(parser.error("a closing bracket that was not opened")),
            Some(_) => Err(parser.expected("& or |")),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    /// The position in bytes, always at the beginning of a character.
    at: usize,
    /// The number of open brackets and exclamation marks.
    depth: usize,
}

impl Parser<'_> {
    /// `a | b | …`
    fn any(&mut self) -> Result<Query, QueryError> {
        let mut query = self.all()?;
        while self.take('|') {
            self.refuse_twice('|')?;
            query = query.or(self.all()?)?;
        }
        Ok(query)
    }

    /// `a & b & …`
    fn all(&mut self) -> Result<Query, QueryError> {
        let mut query = self.one()?;
        while self.take('&') {
            self.refuse_twice('&')?;
            query = query.and(self.one()?)?;
        }
        Ok(query)
    }

    /// `!a`, `(…)`, `name`, `name=value` or `name!=value`.
    fn one(&mut self) -> Result<Query, QueryError> {
        let bracket = self.peek() == Some('(');
        if bracket || self.peek() == Some('!') {
            self.depth += 1;
            if self.depth > Query::MAX_DEPTH {
                return Err(QueryError::TooDeep);
            }
            self.step();
            let query = if bracket { self.bracketed()? } else { self.one()?.negated()? };
            self.depth -= 1;
            return Ok(query);
        }
        self.condition()
    }

    /// The rest after an opening bracket.
    fn bracketed(&mut self) -> Result<Query, QueryError> {
        let query = self.any()?;
        if !self.take(')') {
            return Err(self.expected("a closing bracket, & or |"));
        }
        Ok(query)
    }

    fn condition(&mut self) -> Result<Query, QueryError> {
        let begin = self.skip_space();
        let name = self.word("the name of a tag")?;
        let differs = self.rest().starts_with("!=");
        if differs {
            self.step();
        }
        let value = if self.take('=') {
            let at = self.skip_space();
            if self.peek() == Some('=') {
                return Err(self.error("one = is enough"));
            }
            Some((at, TagValue::from(&*self.word("a value")?)))
        } else {
            None
        };
        let checked = value.as_ref().map_or(TagValue::Int(0), |(_, value)| value.clone());
        check_tag(&name, &checked).map_err(|error| {
            let at = value.as_ref().map_or(begin, |(at, _)| *at);
            let at = if matches!(error, TagError::BadName(_)) { begin } else { at };
            self.error_at(at, error.to_string())
        })?;
        match value {
            None => Ok(Query::Has((&*name).into())),
            Some((_, value)) if differs => Query::is(&name, value).negated(),
            Some((_, value)) => Ok(Query::is(&name, value)),
        }
    }

    /// A name or value, in quotes or not.
    fn word(&mut self, wanted: &str) -> Result<String, QueryError> {
        let begin = self.skip_space();
        if self.peek() == Some('"') {
            return self.quoted(begin);
        }
        let length = self.rest().find(|c| !is_bare(c)).unwrap_or(self.rest().len());
        let word = self.rest().get(..length).unwrap_or_default().to_owned();
        if word.is_empty() {
            return Err(self.expected(wanted));
        }
        self.at += length;
        self.skip_space();
        Ok(word)
    }

    fn quoted(&mut self, begin: usize) -> Result<String, QueryError> {
        self.step_one();
        let mut word = String::new();
        loop {
            let at = self.at;
            match self.step_one() {
                None => return Err(self.error_at(begin, "a quote that is not closed".to_owned())),
                Some('"') => break,
                Some('\\') => match self.step_one() {
                    Some(c @ ('"' | '\\')) => word.push(c),
                    _ => {
                        let reason = "after a backslash in quotes comes \" or \\";
                        return Err(self.error_at(at, reason.to_owned()));
                    }
                },
                Some(c) => word.push(c),
            }
        }
        self.skip_space();
        Ok(word)
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) -> usize {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.at
    }

    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        self.skip_space();
        self.rest().chars().next()
    }

    /// Takes the next character if it is this one. Returns true if it was.
    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.step();
        }
        found
    }

    fn step(&mut self) {
        self.skip_space();
        self.step_one();
    }

    fn step_one(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Refuses `&&` and `||`, as in PHP, with a hint that one is enough.
    fn refuse_twice(&mut self, operator: char) -> Result<(), QueryError> {
        if self.rest().starts_with(operator) {
            return Err(self.error(&format!("one {operator} is enough")));
        }
        Ok(())
    }

    fn expected(&mut self, wanted: &str) -> QueryError {
        match self.peek() {
            Some(found) => self.error(&format!("expected {wanted}, found {found:?}")),
            None => self.error(&format!("expected {wanted}, but the query ends here")),
        }
    }

    fn error(&mut self, reason: &str) -> QueryError {
        let at = self.skip_space();
        self.error_at(at, reason.to_owned())
    }

    fn error_at(&self, at: usize, reason: String) -> QueryError {
        let column = self.text.char_indices().take_while(|(index, _)| *index < at).count() + 1;
        QueryError::Syntax { column, reason }
    }
}
