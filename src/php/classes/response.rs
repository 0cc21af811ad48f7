//! `Ferrite\Response`: a plain value, checked when it is made and once more when it is sent, for a value
//! can be unserialised.

use ext_php_rs::types::{ZendHashTable, ZendObject, Zval};

use super::headers;
use crate::{
    php::zend::{
        call::{Call, handler},
        calls,
        class::{BadDeclaration, Class, ClassKind, Declaration},
        objects,
        properties::{Properties, initialise},
        thrown::{Thrown, bad_argument, failed},
        values,
    },
    port::Respond,
};

pub(in crate::php) static RESPONSE: Class = Class::new();

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    RESPONSE.declare(&Declaration {
        name: "Ferrite\\Response",
        kind: ClassKind::Value,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[
            "public readonly string $body",
            "public readonly int $status",
            "public readonly array $headers",
        ],
        methods: &[
            (
                "public function __construct(string $body = '', int $status = 200, array $headers = [])",
                Some(handler(construct)),
            ),
            ("public static function json(mixed $data, int $status = 200): Response", Some(handler(json))),
            (
                "public static function redirect(string $to, int $status = 302): Response",
                Some(handler(redirect)),
            ),
        ],
        create: None,
    })
}

/// Reads the answer of an `onRequest` callback; `None` if it is no answer.
pub(in crate::php) fn respond(answer: &Zval) -> Option<Respond> {
    if answer.is_null() {
        return Some(Respond { status: 404, body: b"Not Found\n".to_vec(), headers: Vec::new() });
    }
    if let Some(text) = answer.zend_str() {
        return Some(Respond { status: 200, body: text.as_bytes().to_vec(), headers: Vec::new() });
    }
    read(answer.object().filter(|object| RESPONSE.is_of(object))?)
}

/// `None` if it was not made by its constructor.
fn read(object: &ZendObject) -> Option<Respond> {
    let properties = Properties(object);
    let status = properties.get(1).and_then(Zval::long).and_then(status)?;
    let headers = headers::read(properties.get(2)?.array()?).ok()?;
    Some(Respond { status, body: properties.get(0)?.zend_str()?.as_bytes().to_vec(), headers })
}

fn construct(call: &mut Call<'_>) -> Result<(), Thrown> {
    let body = call.string_or_null(1)?.map_or(&[][..], |body| body.as_bytes());
    let status = checked(call, 2, 200, 200..=599)?;
    headers::argument(call, 3)?;
    let headers = call.value(3).map_or_else(|| values::array(ZendHashTable::new()), Zval::shallow_clone);
    initialise(call, [values::bytes(body), values::int(status), headers])
}

fn json(call: &mut Call<'_>) -> Result<(), Thrown> {
    let status = checked(call, 2, 200, 200..=599)?;
    let mut arguments = [call.value(1).ok_or_else(failed)?.shallow_clone(), values::int(JSON_FLAGS)];
    let body = calls::call_needed("json_encode", &mut arguments)?;
    answer(call, body, status, "Content-Type", b"application/json")
}

fn redirect(call: &mut Call<'_>) -> Result<(), Thrown> {
    let to = call.string(1)?.as_bytes();
    if to.is_empty() || !to.iter().all(u8::is_ascii_graphic) {
        return Err(bad_argument(1, "must be a URL or a path: printable ASCII without spaces"));
    }
    let status = checked(call, 2, 302, 300..=399)?;
    answer(call, values::bytes(b""), status, "Location", to)
}

/// Returns a response with one header.
fn answer(call: &mut Call<'_>, body: Zval, status: i64, name: &str, value: &[u8]) -> Result<(), Thrown> {
    let mut headers = ZendHashTable::new();
    headers.insert(name, values::bytes(value)).map_err(|_| failed())?;
    let properties = [body, values::int(status), values::array(headers)];
    call.returns(objects::value(&RESPONSE, properties).ok_or_else(failed)?);
    Ok(())
}

fn checked(
    call: &Call<'_>,
    number: u32,
    default: i64,
    range: std::ops::RangeInclusive<i64>,
) -> Result<i64, Thrown> {
    let given = call.int_or(number, default)?;
    if range.contains(&given) {
        return Ok(given);
    }
    let (least, most) = range.into_inner();
    Err(bad_argument(number, &format!("must be an HTTP status from {least} to {most}, {given} given")))
}

fn status(status: i64) -> Option<u16> {
    u16::try_from(status).ok().filter(|status| (200..=599).contains(status))
}

/// `JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE`.
const JSON_FLAGS: i64 = 1 << 22 | 1 << 6 | 1 << 8;
