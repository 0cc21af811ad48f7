//! `Ferrite\Tag`: which tags a connection must have to be meant. And tags as PHP writes them.

use std::sync::Arc;

use ext_php_rs::{
    boxed::ZBox,
    types::{ArrayKey, ZendHashTable, Zval},
};

use crate::{
    php::zend::{
        call::{Call, handler, not_constructible},
        class::{BadDeclaration, ClassKind, Declaration},
        objects::{Meta, Native, Owned, create, state_of},
        thrown::{ExceptionKind, Thrown, bad_argument, bad_type, failed, throw},
        values,
    },
    port::{Query, QueryError, TagError, TagValue, check_tag, check_tag_name},
};

/// The state of a `Tag` object.
#[derive(Debug)]
pub(in crate::php) struct Tag(pub(in crate::php) Query);

impl Native for Tag {
    fn meta() -> &'static Meta {
        static META: Meta = Meta::new();
        &META
    }
}

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    Tag::class().declare(&Declaration {
        name: "Ferrite\\Tag",
        kind: ClassKind::Native,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[],
        methods: &[
            ("private function __construct()", Some(handler(not_constructible))),
            ("public static function is(string $name, string|int $value): Tag", Some(handler(is))),
            ("public static function in(string $name, array $values): Tag", Some(handler(is_in))),
            ("public static function has(string $name): Tag", Some(handler(has))),
            ("public static function parse(string $query): Tag", Some(handler(parse))),
            ("public function and(Tag ...$others): Tag", Some(handler(and))),
            ("public function or(Tag ...$others): Tag", Some(handler(or))),
            ("public function not(): Tag", Some(handler(not))),
            ("public function __toString(): string", Some(handler(to_string))),
        ],
        create: Some(create::<Tag>),
    })
}

fn is(call: &mut Call<'_>) -> Result<(), Thrown> {
    let (name, value) = (name(call, 1)?, value(call, 2)?);
    check(&name, &value, 2)?;
    returns(call, Query::is(&name, value))
}

fn is_in(call: &mut Call<'_>) -> Result<(), Thrown> {
    let name = name(call, 1)?;
    let list = call.array_or_empty(2)?.map(ZendHashTable::values).into_iter().flatten();
    let mut values = Vec::new();
    for given in list {
        let value =
            read(given.dereference(), 2)?.ok_or_else(|| bad_type(2, "must be a list of strings and ints"))?;
        check(&name, &value, 2)?;
        values.push(value);
    }
    let query = Query::In((&*name).into(), values).checked();
    returns(call, query.map_err(|error| invalid(&error))?)
}

fn has(call: &mut Call<'_>) -> Result<(), Thrown> {
    let name = name(call, 1)?;
    returns(call, Query::Has((&*name).into()))
}

fn parse(call: &mut Call<'_>) -> Result<(), Thrown> {
    let text = call.string(1)?;
    let text = text.as_str().map_err(|_| bad_argument(1, "must be valid UTF-8"))?;
    returns(call, Query::parse(text).map_err(|error| invalid(&error))?)
}

fn and(call: &mut Call<'_>) -> Result<(), Thrown> {
    combine(call, Query::and)
}

fn or(call: &mut Call<'_>) -> Result<(), Thrown> {
    combine(call, Query::or)
}

fn combine(call: &mut Call<'_>, with: fn(Query, Query) -> Result<Query, QueryError>) -> Result<(), Thrown> {
    let mut query = call.this::<Tag>()?.0.clone();
    for number in 1..=call.count() {
        call.object(number, Tag::class())?;
        let other = call.value(number).and_then(state_of::<Tag>).ok_or_else(failed)?;
        query = with(query, other.0.clone()).map_err(|error| invalid(&error))?;
    }
    returns(call, query)
}

fn not(call: &mut Call<'_>) -> Result<(), Thrown> {
    let query = call.this::<Tag>()?.0.clone().negated().map_err(|error| invalid(&error))?;
    returns(call, query)
}

fn to_string(call: &mut Call<'_>) -> Result<(), Thrown> {
    let text = call.this::<Tag>()?.0.to_string();
    call.returns(values::text(text.as_bytes()));
    Ok(())
}

fn returns(call: &mut Call<'_>, query: Query) -> Result<(), Thrown> {
    let tag = Owned::new(Tag(query)).ok_or_else(failed)?;
    call.returns_native(&tag);
    Ok(())
}

/// A query that is none, or too large.
pub(in crate::php) fn invalid(error: &QueryError) -> Thrown {
    throw(ExceptionKind::InvalidQuery, &error.to_string())
}

/// The name of a tag.
pub(in crate::php) fn name(call: &Call<'_>, number: u32) -> Result<String, Thrown> {
    let name = call.string(number)?;
    let name = name.as_str().map_err(|_| bad_argument(number, "must be valid UTF-8"))?;
    check_tag_name(name).map_err(|error| refused(&error, number))?;
    Ok(name.to_owned())
}

/// The value of a tag, `string|int`.
pub(in crate::php) fn value(call: &Call<'_>, number: u32) -> Result<TagValue, Thrown> {
    let given = call.value(number).ok_or_else(failed)?;
    read(given, number)?.ok_or_else(|| bad_type(number, "must be of type string|int"))
}

/// Tags by name, `array<string, string|int>`; none if the argument is left out.
pub(in crate::php) fn pairs(call: &Call<'_>, number: u32) -> Result<Vec<(Arc<str>, TagValue)>, Thrown> {
    let Some(array) = call.array_or_empty(number)? else { return Ok(Vec::new()) };
    let mut pairs = Vec::new();
    for (key, given) in array.iter() {
        let name = match key {
            ArrayKey::Long(number) => number.to_string(),
            key => key.to_string(),
        };
        let value = read(given.dereference(), number)?.ok_or_else(|| {
            let name = name.escape_debug();
            bad_type(number, &format!("must have strings and ints as values, at \"{name}\""))
        })?;
        check(&name, &value, number)?;
        pairs.push((name.into(), value));
    }
    Ok(pairs)
}

/// Tags by name, as PHP has them.
pub(in crate::php) fn array(tags: &[(Arc<str>, TagValue)]) -> ZBox<ZendHashTable> {
    let mut array = ZendHashTable::new();
    for (name, value) in tags {
        let value = match value {
            TagValue::Int(number) => values::int(*number),
            TagValue::Text(text) => values::text(text.as_bytes()),
        };
        // A number becomes an int, as every key of an array does. An array cannot be full.
        let _ = array.insert(ArrayKey::from(&**name), value);
    }
    array
}

/// Throws for a tag that no connection can have.
pub(in crate::php) fn check(name: &str, value: &TagValue, number: u32) -> Result<(), Thrown> {
    check_tag(name, value).map_err(|error| refused(&error, number))
}

/// Throws for tags that a connection may not have.
pub(in crate::php) fn refused(error: &TagError, number: u32) -> Thrown {
    match error {
        TagError::BadName(name) => {
            let name: String = name.escape_debug().take(60).collect();
            bad_argument(
                number,
                &format!(
                    "must name a tag, 1 to 200 bytes of UTF-8 without control characters, \"{name}\" given"
                ),
            )
        }
        TagError::LongValue { name, length } => bad_argument(
            number,
            &format!("must not have values of more than 200 bytes, that of the tag \"{name}\" has {length}"),
        ),
        TagError::TooMany { limit } => throw(
            ExceptionKind::Value,
            &format!("A connection may have at most {limit} tags (Limits::$maxTags)"),
        ),
    }
}

/// `None` if it is neither a string nor an int.
fn read(given: &Zval, number: u32) -> Result<Option<TagValue>, Thrown> {
    if let Some(value) = given.long() {
        return Ok(Some(TagValue::Int(value)));
    }
    let Some(text) = given.zend_str() else { return Ok(None) };
    match text.as_str() {
        Ok(text) => Ok(Some(TagValue::from(text))),
        Err(_) => Err(bad_argument(number, "must be valid UTF-8")),
    }
}
