//! `Ferrite\Compression`: a plain value, checked as `Limits` is.

use ext_php_rs::types::ZendObject;

use crate::{
    config::{self, ConfigError},
    php::zend::{
        call::{Call, handler},
        class::{BadDeclaration, Class, ClassKind, Declaration},
        properties::{Properties, initialise},
        thrown::{ExceptionKind, Thrown, failed, throw},
        values,
    },
};

pub(in crate::php) static COMPRESSION: Class = Class::new();

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    COMPRESSION.declare(&Declaration {
        name: "Ferrite\\Compression",
        kind: ClassKind::Value,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[
            "public readonly int $level",
            "public readonly int $threshold",
            "public readonly int $windowBits",
            "public readonly bool $contextTakeover",
        ],
        methods: &[(
            "public function __construct(int $level = 1, int $threshold = 1024, int $windowBits = 15, \
             bool $contextTakeover = false)",
            Some(handler(construct)),
        )],
        create: None,
    })
}

/// Reads a `Compression` object.
pub(in crate::php) fn compression(object: &ZendObject) -> Result<config::Compression, ConfigError> {
    let properties = Properties(object);
    // A number that does not fit is out of range all the more.
    let small = |size: usize| u8::try_from(size).unwrap_or(u8::MAX);
    let compression = config::Compression {
        level: small(properties.size("compression.level", 0)?),
        threshold: properties.size("compression.threshold", 1)?,
        window_bits: small(properties.size("compression.windowBits", 2)?),
        context_takeover: properties.bool("compression.contextTakeover", 3)?,
    };
    compression.check()?;
    Ok(compression)
}

fn construct(call: &mut Call<'_>) -> Result<(), Thrown> {
    let given = [
        values::int(call.int_or(1, 1)?),
        values::int(call.int_or(2, 1024)?),
        values::int(call.int_or(3, 15)?),
        values::bool(call.bool_or(4, false)?),
    ];
    initialise(call, given)?;
    let this = call.this_zval();
    let this = this.object().ok_or_else(failed)?;
    compression(this).map(drop).map_err(|error| throw(ExceptionKind::Configuration, &error.to_string()))
}
