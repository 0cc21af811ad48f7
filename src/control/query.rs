//! The query of a request.

use super::{
    answer::Failure,
    body::{List, Tags, To},
};
use crate::{http::form_decoded, port::Audience};

/// The fields of a query, in order, each to be taken once; fields that are left at the end are refused.
#[derive(Debug)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `a=1&b=2`, percent-encoded, a `+` for a space.
    pub(super) fn parse(query: &str) -> Result<Self, Failure> {
        let decode = |text: &str| String::from_utf8(form_decoded(text.as_bytes()));
        let mut fields = Vec::new();
        for field in query.split('&').filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let name = decode(name).map_err(|_| Failure::request("the query is not UTF-8"))?;
            let value = decode(value).map_err(|_| Failure::field(name.clone(), "is not UTF-8"))?;
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    /// Every value of a field; `None` if it is not there.
    pub(super) fn all(&mut self, name: &str) -> Option<Vec<String>> {
        let values: Vec<_> = self.0.extract_if(.., |(n, _)| n == name).map(|(_, value)| value).collect();
        (!values.is_empty()).then_some(values)
    }

    /// The only value of a field.
    pub(super) fn one(&mut self, name: &str) -> Result<Option<String>, Failure> {
        match self.all(name).as_deref() {
            None => Ok(None),
            Some([value]) => Ok(Some(value.clone())),
            Some(_) => Err(Failure::field(name, "is there twice")),
        }
    }

    /// A number.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<i64>, Failure> {
        self.one(name)?.map(|value| number(name, &value)).transpose()
    }

    /// The number of results at once.
    pub(super) fn limit(&mut self) -> Result<usize, Failure> {
        let limit = self.number("limit")?.unwrap_or(100);
        match usize::try_from(limit) {
            Ok(limit) if limit <= MOST => Ok(limit),
            _ => Err(Failure::field("limit", format!("is not between 0 and {MOST}"))),
        }
    }

    /// Several numbers.
    fn numbers(&mut self, name: &str) -> Result<Option<List<i64>>, Failure> {
        let values = self.all(name).map(|values| values.iter().map(|value| number(name, value)).collect());
        Ok(values.transpose()?.map(List::of))
    }

    /// The audience that `topic`, `user`, `tags`, `id` and `except` select.
    pub(super) fn audience(&mut self) -> Result<Audience, Failure> {
        let to = To {
            topics: self.all("topic").map(List::of),
            users: self.all("user").map(List::of),
            tags: self.one("tags")?.map(Tags::Query),
            connections: self.numbers("id")?,
            except: self.numbers("except")?.unwrap_or_default(),
        };
        // The body has them in `to`, the query does not.
        to.into_audience().map_err(|failure| match failure.in_field() {
            Some("to.tags") => failure.of_field("tags"),
            Some(_) => failure.of_field("topic"),
            None => failure,
        })
    }

    /// Refuses fields that were not taken.
    pub(super) fn end(self) -> Result<(), Failure> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(Failure::field(name, "is not a field of this request")),
        }
    }
}

fn number(name: &str, value: &str) -> Result<i64, Failure> {
    value.parse().map_err(|_| Failure::field(name, "is not an integer"))
}

const MOST: usize = 1000;
