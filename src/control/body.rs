//! The JSON of requests. Unknown fields are refused, so that a misspelled `except` never sends to all clients.

use std::{borrow::Cow, fmt, marker::PhantomData};

use data_encoding::BASE64;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use super::answer::Failure;
use crate::{
    port::{Audience, Outgoing, Query, QueryError, check_tag, check_topic},
    queue::{ConnectionId, TagValue},
};

/// A message and its recipients: each request takes the field that it needs for them, and none may be left.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order<'a> {
    #[serde(default, deserialize_with = "given")]
    topic: Option<String>,
    #[serde(default, deserialize_with = "given")]
    to: Option<Object<To>>,
    #[serde(default, deserialize_with = "given")]
    except: Option<Ids>,
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(default)]
    binary: bool,
    compress: Option<bool>,
}

/// `POST /v1/close`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Close {
    pub(super) to: Object<To>,
    #[serde(default = "normal_closure")]
    pub(super) code: u16,
    #[serde(default)]
    pub(super) reason: String,
}

/// `POST /v1/count`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Count {
    pub(super) to: Object<To>,
}

/// An audience.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct To {
    #[serde(default, deserialize_with = "given")]
    pub(super) topics: Option<List<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(super) users: Option<List<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(super) tags: Option<Tags>,
    #[serde(default, deserialize_with = "given")]
    pub(super) connections: Option<Ids>,
    #[serde(default)]
    pub(super) except: Ids,
}

/// A value that is written as an object. A list is refused: a PHP script's empty array would mean all clients.
#[derive(Debug)]
pub(super) struct Object<T>(pub(super) T);

/// Connections.
pub(super) type Ids = List<i64>;

/// A list of a bounded length.
#[derive(Debug)]
pub(super) struct List<T>(Vec<T>);

/// Which tags: a query as text, or names and values, all of which are demanded.
#[derive(Debug)]
pub(super) enum Tags {
    Query(String),
    All(Vec<(String, TagValue)>),
}

/// A message, decoded.
#[derive(Debug)]
pub(super) struct Payload<'a> {
    bytes: Cow<'a, [u8]>,
    binary: bool,
    compress: Option<bool>,
}

/// Reads a body.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Failure> {
    let invalid = |error: serde_json::Error| {
        Failure::new(400, "invalid_json", format!("the body is not JSON: {error}"))
    };
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if !error.is_data() {
            return invalid(error);
        }
        Failure::field(if path == WHOLE { "" } else { &path }, error.to_string())
    })?;
    json.end().map_err(invalid)?;
    let Object(read) = read;
    Ok(read)
}

/// A field that is there has a value: null, out of a variable that was never set, would be as good as no field, and that
/// is everybody.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(json: D) -> Result<Option<T>, D::Error> {
    T::deserialize(json).map(Some)
}

impl<'a> Order<'a> {
    /// The topic that it is for.
    pub(super) fn take_topic(&mut self) -> Result<String, Failure> {
        let topic = self.topic.take().ok_or_else(|| Failure::field("topic", "is missing"))?;
        check_topic(&topic).map_err(|error| Failure::field("topic", error.to_string()))?;
        Ok(topic)
    }

    /// The audience that it is for.
    pub(super) fn take_audience(&mut self) -> Result<Audience, Failure> {
        self.to.take().ok_or_else(|| Failure::field("to", "is missing"))?.0.into_audience()
    }

    /// The excluded connections.
    pub(super) fn take_except(&mut self) -> Vec<ConnectionId> {
        self.except.take().map_or_else(Vec::new, List::into_ids)
    }

    /// The message, once the fields for its recipients have been taken.
    pub(super) fn into_payload(self) -> Result<Payload<'a>, Failure> {
        let left =
            [("topic", self.topic.is_some()), ("to", self.to.is_some()), ("except", self.except.is_some())];
        if let Some((field, _)) = left.into_iter().find(|(_, is_left)| *is_left) {
            return Err(Failure::field(field, "is not a field of this request"));
        }
        let bytes = match (self.binary, self.data) {
            (true, data) => Cow::Owned(
                BASE64
                    .decode(data.as_bytes())
                    .map_err(|error| Failure::field("data", format!("is not Base64: {error}")))?,
            ),
            (false, Cow::Borrowed(text)) => Cow::Borrowed(text.as_bytes()),
            (false, Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
        };
        Ok(Payload { bytes, binary: self.binary, compress: self.compress })
    }
}

impl Payload<'_> {
    pub(super) fn outgoing(&self) -> Outgoing<'_> {
        Outgoing { compress: self.compress, ..Outgoing::new(&self.bytes, self.binary) }
    }
}

impl To {
    /// The audience, if there can be such connections.
    pub(super) fn into_audience(self) -> Result<Audience, Failure> {
        let Self { topics, users, tags, connections, except } = self;
        for (index, topic) in topics.iter().flat_map(|topics| &topics.0).enumerate() {
            check_topic(topic)
                .map_err(|error| Failure::field(format!("to.topics[{index}]"), error.to_string()))?;
        }
        let names = |list: List<String>| list.0.into_iter().map(Into::into).collect();
        Ok(Audience {
            topics: topics.map(names),
            users: users.map(names),
            tags: tags.map(Tags::into_query).transpose()?,
            connections: connections.map(List::into_ids),
            except: except.into_ids(),
        })
    }
}

impl Tags {
    fn into_query(self) -> Result<Query, Failure> {
        match self {
            Self::Query(text) => Query::parse(&text).map_err(|error| query_failure(&error)),
            Self::All(tags) => {
                for (name, value) in &tags {
                    check_tag(name, value).map_err(|error| Failure::field("to.tags", error.to_string()))?;
                }
                let all = tags.into_iter().map(|(name, value)| Query::is(&name, value)).collect();
                Query::All(all).checked().map_err(|error| query_failure(&error))
            }
        }
    }
}

fn query_failure(error: &QueryError) -> Failure {
    let column = match error {
        QueryError::Syntax { column, .. } => Some(*column),
        QueryError::TooDeep | QueryError::TooLong => None,
    };
    Failure::query("to.tags", column, error.to_string())
}

impl<T> List<T> {
    pub(super) fn of(values: Vec<T>) -> Self {
        Self(values)
    }
}

impl Ids {
    fn into_ids(self) -> Vec<ConnectionId> {
        self.0.into_iter().map(ConnectionId::from_php).collect()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        json.deserialize_map(Fields(PhantomData))
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Elements<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Elements<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {LONGEST_LIST} values")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = elements.next_element()? {
                    if list.len() == LONGEST_LIST {
                        return Err(A::Error::invalid_length(LONGEST_LIST + 1, &self));
                    }
                    list.push(element);
                }
                Ok(List(list))
            }
        }
        json.deserialize_seq(Elements(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Tags;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a query, or an object of at most 1024 tags")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Tags, E> {
                Ok(Tags::Query(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tags, A::Error> {
                let mut tags = Vec::new();
                while let Some((name, Value(value))) = map.next_entry()? {
                    if tags.len() == Query::MAX_TERMS {
                        return Err(A::Error::invalid_length(tags.len() + 1, &self));
                    }
                    tags.push((name, value));
                }
                Ok(Tags::All(tags))
            }
        }
        json.deserialize_any(Either)
    }
}

/// The value of a tag.
struct Value(TagValue);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an integer")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value(text.into()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
                Ok(Value(number.into()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
                let number = i64::try_from(number);
                number.map(|number| Value(number.into())).map_err(|_| E::custom("an integer beyond 64 bits"))
            }
        }
        json.deserialize_any(Scalar)
    }
}

/// RFC 6455 section 7.4.1.
fn normal_closure() -> u16 {
    1000
}

const LONGEST_LIST: usize = 10_000;
/// The path that `serde_path_to_error` gives for the whole value.
const WHOLE: &str = ".";
