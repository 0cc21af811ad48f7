//! `Ferrite\Tls`: a plain value, whose files are read at once so that a wrong one is found where it is
//! named.

use ext_php_rs::types::{ZendObject, Zval};

use crate::{
    config::{self, ConfigError},
    php::zend::{
        call::{Call, handler},
        class::{BadDeclaration, Class, ClassKind, Declaration},
        properties::{Properties, file as file_of, initialise},
        thrown::{ExceptionKind, Thrown, bad_type, failed, throw},
        values,
    },
    runtime,
};

static TLS: Class = Class::new();

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    TLS.declare(&Declaration {
        name: "Ferrite\\Tls",
        kind: ClassKind::Value,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[
            "public readonly string $certificate",
            "public readonly string $key",
            "public readonly ?string $clientCa",
        ],
        methods: &[(
            "public function __construct(string $certificate, string $key, ?string $clientCa = null)",
            Some(handler(construct)),
        )],
        create: None,
    })
}

/// The certificates of an argument that is one `Tls`, a list of them, or null.
pub(in crate::php) fn certificates(call: &Call<'_>, number: u32) -> Result<Vec<config::Tls>, Thrown> {
    let Some(value) = call.value(number).filter(|value| !value.is_null()) else { return Ok(Vec::new()) };
    let given: Vec<&Zval> = match value.array() {
        Some(list) => list.values().map(Zval::dereference).collect(),
        None => vec![value],
    };
    let is_list = value.is_array();
    given
        .into_iter()
        .map(|value| match value.object().filter(|object| TLS.is_of(object)) {
            Some(object) => {
                files(object).map_err(|error| throw(ExceptionKind::Configuration, &error.to_string()))
            }
            None if is_list => {
                let error =
                    format!("tls: must be Ferrite\\Tls objects, and one is {}", values::type_name(value));
                Err(throw(ExceptionKind::Configuration, &error))
            }
            None => {
                let given = values::type_name(value);
                Err(bad_type(number, &format!("must be of type Ferrite\\Tls|array|null, {given} given")))
            }
        })
        .collect()
}

fn files(object: &ZendObject) -> Result<config::Tls, ConfigError> {
    let properties = Properties(object);
    let file = |name, index| {
        properties.get(index).and_then(Zval::zend_str).map(|text| file_of(name, text.as_bytes()))
    };
    let needed = |name, index| file(name, index).ok_or_else(|| ConfigError::new(name, "is not set"))?;
    Ok(config::Tls {
        certificate: needed("tls.certificate", 0)?,
        key: needed("tls.key", 1)?,
        client_ca: file("tls.clientCa", 2).transpose()?,
    })
}

fn construct(call: &mut Call<'_>) -> Result<(), Thrown> {
    let client_ca = call.string_or_null(3)?;
    let given = [
        values::bytes(call.string(1)?.as_bytes()),
        values::bytes(call.string(2)?.as_bytes()),
        client_ca.map_or_else(values::null, |file| values::bytes(file.as_bytes())),
    ];
    initialise(call, given)?;
    let this = call.this_zval();
    let this = this.object().ok_or_else(failed)?;
    files(this)
        .and_then(|files| runtime::check_certificate(&files))
        .map_err(|error| throw(ExceptionKind::Configuration, &error.to_string()))
}
