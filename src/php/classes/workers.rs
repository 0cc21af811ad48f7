//! `Ferrite\Workers`, a plain value that is checked as `Limits` is, and `Ferrite\Worker`.

use std::time::Duration;

use ext_php_rs::types::{ZendObject, Zval};

use crate::{
    config::ConfigError,
    front::Recycling,
    php::zend::{
        call::{Call, handler, not_constructible},
        class::{BadDeclaration, Class, ClassKind, Declaration},
        objects::{Meta, Native, Owned, create},
        properties::{Properties, initialise},
        thrown::{ExceptionKind, Thrown, failed, throw},
        values,
    },
    port::WorkerStatus,
};

pub(in crate::php) static WORKERS: Class = Class::new();

/// The workers that a script asks for.
#[derive(Debug, Default)]
pub(in crate::php) struct Workers {
    pub(in crate::php) count: usize,
    pub(in crate::php) recycling: Recycling,
}

/// The state of a `Worker` object: it has properties only.
#[derive(Debug)]
struct Worker;

impl Native for Worker {
    fn meta() -> &'static Meta {
        static META: Meta = Meta::new();
        &META
    }
}

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    WORKERS.declare(&Declaration {
        name: "Ferrite\\Workers",
        kind: ClassKind::Value,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[
            "public readonly int $count",
            "public readonly ?int $maxMessages",
            "public readonly ?int $maxMemory",
            "public readonly ?float $maxAge",
            "public readonly ?float $handlerTimeout",
            "public readonly bool $redeliver",
        ],
        methods: &[(
            "public function __construct(int $count, ?int $maxMessages = null, ?int $maxMemory = null, \
             ?float $maxAge = null, ?float $handlerTimeout = null, bool $redeliver = true)",
            Some(handler(construct)),
        )],
        create: None,
    })?;
    Worker::class().declare(&Declaration {
        name: "Ferrite\\Worker",
        kind: ClassKind::Native,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[
            "public readonly int $index",
            "public readonly int $count",
            "public readonly int $generation",
            "public readonly int $pid",
            "public readonly bool $leader",
        ],
        methods: &[("private function __construct()", Some(handler(not_constructible)))],
        create: Some(create::<Worker>),
    })
}

/// Makes the object of this worker.
pub(in crate::php) fn worker(status: WorkerStatus) -> Option<Zval> {
    let int = |number: usize| values::int(i64::try_from(number).unwrap_or(i64::MAX));
    let properties = [
        int(status.index),
        int(status.workers),
        int(usize::try_from(status.generation).unwrap_or(usize::MAX)),
        values::int(std::process::id().into()),
        values::bool(status.is_leader),
    ];
    let object = Owned::new(Worker)?;
    for (index, value) in properties.into_iter().enumerate() {
        object.initialise(index, value);
    }
    Some(object.into_zval())
}

/// Reads a number of workers.
pub(in crate::php) fn count(number: i64) -> Result<usize, ConfigError> {
    let count = usize::try_from(number).ok().filter(|count| *count <= MOST);
    count.ok_or_else(|| ConfigError::new("workers", format!("{number} is not from 0 to {MOST}")))
}

/// Reads a `Workers` object.
pub(in crate::php) fn workers(object: &ZendObject) -> Result<Workers, ConfigError> {
    let properties = Properties(object);
    let is_null = |index| properties.get(index).is_none_or(Zval::is_null);
    let positive = |option, index| {
        if is_null(index) {
            return Ok(None);
        }
        match properties.size(option, index)? {
            0 => Err(ConfigError::new(option, "0 is not positive")),
            size => Ok(Some(size as u64)),
        }
    };
    let seconds = |option, index| {
        if is_null(index) {
            return Ok(None);
        }
        let seconds = properties.float(option, index)?;
        match Duration::try_from_secs_f64(seconds) {
            Ok(time) if !time.is_zero() => Ok(Some(time)),
            _ => Err(ConfigError::new(option, format!("{seconds} is not a positive number of seconds"))),
        }
    };
    Ok(Workers {
        count: count(i64::try_from(properties.size("workers.count", 0)?).unwrap_or(i64::MAX))?,
        recycling: Recycling {
            max_messages: positive("workers.maxMessages", 1)?,
            max_memory: positive("workers.maxMemory", 2)?,
            max_age: seconds("workers.maxAge", 3)?,
            handler_timeout: seconds("workers.handlerTimeout", 4)?,
            redeliver: properties.bool("workers.redeliver", 5)?,
        },
    })
}

fn construct(call: &mut Call<'_>) -> Result<(), Thrown> {
    let int_or_null = |number| call.int_or_null(number);
    let float_or_null = |number| call.float_or_null(number);
    let optional_int = |value: Option<i64>| value.map_or_else(values::null, values::int);
    let optional_float = |value: Option<f64>| value.map_or_else(values::null, values::float);
    let given = [
        values::int(call.int_or(1, 0)?),
        optional_int(int_or_null(2)?),
        optional_int(int_or_null(3)?),
        optional_float(float_or_null(4)?),
        optional_float(float_or_null(5)?),
        values::bool(call.bool_or(6, true)?),
    ];
    initialise(call, given)?;
    let this = call.this_zval();
    let this = this.object().ok_or_else(failed)?;
    workers(this).map(drop).map_err(|error| throw(ExceptionKind::Configuration, &error.to_string()))
}

/// The most workers of a server.
const MOST: usize = 256;
