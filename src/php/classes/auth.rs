//! The server's option `auth`, and the proven identity of a client: `Ferrite\Auth\Identity`.

use ext_php_rs::types::{ZendHashTable, Zval};

use super::{app_keys::AppKeys, jwt::Jwt, tag};
use crate::{
    config,
    php::zend::{
        call::{Call, handler, not_constructible},
        class::{BadDeclaration, Class, ClassKind, Declaration},
        engine,
        objects::{self, state_of},
        thrown::{ExceptionKind, Thrown, bad_type, throw},
        values,
    },
    port::Identity,
};

static IDENTITY: Class = Class::new();

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    IDENTITY.declare(&Declaration {
        name: "Ferrite\\Auth\\Identity",
        kind: ClassKind::Value,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[
            "public readonly ?string $user",
            "public readonly array $topics",
            "public readonly array $tags",
            "public readonly array $claims",
        ],
        methods: &[("private function __construct()", Some(handler(not_constructible)))],
        create: None,
    })
}

/// The object for a client's proven identity; null where credentials are not asked for.
pub(in crate::php) fn identity(identity: Option<&Identity>) -> Zval {
    let Some(identity) = identity else { return values::null() };
    let user = identity.user.as_ref().map_or_else(values::null, |user| values::text(user.as_bytes()));
    let topics = values::array(values::list(identity.topics.iter().map(|topic| topic.as_bytes())));
    let tags = values::array(tag::array(&identity.tags));
    let object = objects::value(&IDENTITY, [user, topics, tags, claims(&identity.claims)]);
    object.unwrap_or_else(values::null)
}

/// As PHP reads JSON.
fn claims(json: &str) -> Zval {
    let mut decoded = Zval::new();
    engine::call_function(
        "json_decode",
        &mut [values::text(json.as_bytes()), values::bool(true)],
        Some(&mut decoded),
    );
    if decoded.is_array() { decoded } else { values::array(ZendHashTable::new()) }
}

/// The option's value: one object, a list of them, or null.
pub(in crate::php) fn options(call: &Call<'_>, number: u32) -> Result<Vec<config::Auth>, Thrown> {
    let Some(value) = call.value(number).filter(|value| !value.is_null()) else { return Ok(Vec::new()) };
    let Some(list) = value.array() else {
        let given = values::type_name(value);
        let complaint =
            format!("must be of type Ferrite\\Auth\\Jwt|Ferrite\\Auth\\AppKeys|array|null, {given} given");
        return Ok(vec![option(value).ok_or_else(|| bad_type(number, &complaint))?]);
    };
    if list.is_empty() {
        return Err(throw(
            ExceptionKind::Configuration,
            "auth: an empty list would let nobody in; null asks nothing",
        ));
    }
    let each = |value: &Zval| {
        option(value).ok_or_else(|| {
            let error = format!(
                "auth: must be Ferrite\\Auth\\Jwt and Ferrite\\Auth\\AppKeys objects, and one is {}",
                values::type_name(value)
            );
            throw(ExceptionKind::Configuration, &error)
        })
    };
    list.values().map(Zval::dereference).map(each).collect()
}

fn option(value: &Zval) -> Option<config::Auth> {
    let jwt = state_of::<Jwt>(value).map(|jwt| config::Auth::Jwt(jwt.0.clone()));
    jwt.or_else(|| state_of::<AppKeys>(value).map(|keys| config::Auth::AppKeys(keys.0.clone())))
}
