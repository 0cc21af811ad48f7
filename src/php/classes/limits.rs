//! `Ferrite\Limits` and `Ferrite\Heartbeat`: plain values, checked when they are made and once more
//! when a server reads them, for a value can be unserialised or cloned.

use ext_php_rs::types::{ZendObject, Zval};

use super::enums;
use crate::{
    config::{self, ConfigError, PerAddress},
    php::zend::{
        call::{Call, handler},
        class::{BadDeclaration, Class, ClassKind, Declaration},
        properties::{Properties, initialise},
        thrown::{ExceptionKind, Thrown, failed, throw},
        values,
    },
};

pub(in crate::php) static LIMITS: Class = Class::new();
pub(in crate::php) static HEARTBEAT: Class = Class::new();

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    let value = Declaration {
        name: "",
        kind: ClassKind::Value,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[],
        methods: &[],
        create: None,
    };
    LIMITS.declare(&Declaration {
        name: "Ferrite\\Limits",
        properties: &[
            "public readonly int $maxMessageSize",
            "public readonly int $maxConnections",
            "public readonly ?int $maxConnectionsPerAddress",
            "public readonly ?float $connectRatePerAddress",
            "public readonly float $handshakeTimeout",
            "public readonly int $sendBuffer",
            "public readonly int $totalSendBuffer",
            "public readonly float $sendTimeout",
            "public readonly SlowConsumer $slowConsumer",
            "public readonly int $receiveMessages",
            "public readonly int $receiveBytes",
            "public readonly int $totalReceiveBytes",
            "public readonly float $messageRate",
            "public readonly float $closeTimeout",
            "public readonly int $maxTopics",
            "public readonly int $maxTags",
            "public readonly int $maxRequestBody",
            "public readonly int $maxHeadSize",
            "public readonly int $maxHeaders",
        ],
        methods: &[(
            "public function __construct(int $maxMessageSize = 1048576, int $maxConnections = 10000, \
             ?int $maxConnectionsPerAddress = null, ?float $connectRatePerAddress = null, \
             float $handshakeTimeout = 5.0, int $sendBuffer = 16777216, int $totalSendBuffer = 268435456, \
             float $sendTimeout = 10.0, SlowConsumer $slowConsumer = \\Ferrite\\SlowConsumer::Close, \
             int $receiveMessages = 64, int $receiveBytes = 262144, int $totalReceiveBytes = 67108864, \
             float $messageRate = 0.0, float $closeTimeout = 2.0, int $maxTopics = 256, \
             int $maxTags = 64, int $maxRequestBody = 262144, int $maxHeadSize = 16384, int $maxHeaders = 64)",
            Some(handler(construct_limits)),
        )],
        ..value
    })?;
    HEARTBEAT.declare(&Declaration {
        name: "Ferrite\\Heartbeat",
        properties: &["public readonly float $interval", "public readonly float $timeout"],
        methods: &[(
            "public function __construct(float $interval = 25.0, float $timeout = 10.0)",
            Some(handler(construct_heartbeat)),
        )],
        ..value
    })
}

/// Reads a `Limits` object.
pub(in crate::php) fn limits(object: &ZendObject) -> Result<config::Limits, ConfigError> {
    let properties = Properties(object);
    let limits = config::Limits {
        max_message_size: properties.size("maxMessageSize", 0)?,
        max_connections: properties.size("maxConnections", 1)?,
        max_connections_per_address: per_address(properties.get(2), || {
            properties.size("maxConnectionsPerAddress", 2)
        })?,
        connect_rate_per_address: per_address(properties.get(3), || {
            properties.float("connectRatePerAddress", 3)
        })?,
        handshake_timeout: properties.seconds("handshakeTimeout", 4)?,
        send_buffer: properties.size("sendBuffer", 5)?,
        total_send_buffer: properties.size("totalSendBuffer", 6)?,
        send_timeout: Some(properties.seconds("sendTimeout", 7)?).filter(|time| !time.is_zero()),
        slow_consumer: properties
            .get(8)
            .and_then(enums::slow_consumer)
            .ok_or_else(|| ConfigError::new("slowConsumer", "is not a case of SlowConsumer"))?,
        receive_messages: properties.size("receiveMessages", 9)?,
        receive_bytes: properties.size("receiveBytes", 10)?,
        total_receive_bytes: properties.size("totalReceiveBytes", 11)?,
        message_rate: Some(properties.float("messageRate", 12)?).filter(|n| *n > 0.0),
        close_timeout: properties.seconds("closeTimeout", 13)?,
        max_topics: properties.size("maxTopics", 14)?,
        max_tags: properties.size("maxTags", 15)?,
        max_request_body: properties.size("maxRequestBody", 16)?,
        max_head_size: properties.size("maxHeadSize", 17)?,
        max_headers: properties.size("maxHeaders", 18)?,
    };
    limits.check()?;
    Ok(limits)
}

/// Reads a limit per address: null is the usual one, 0 none.
fn per_address<T: PartialOrd + Default>(
    value: Option<&Zval>,
    read: impl FnOnce() -> Result<T, ConfigError>,
) -> Result<PerAddress<T>, ConfigError> {
    if value.is_some_and(Zval::is_null) {
        return Ok(PerAddress::Usual);
    }
    let bound = read()?;
    Ok(if bound > T::default() { PerAddress::AtMost(bound) } else { PerAddress::Off })
}

/// Reads a `Heartbeat` object.
pub(in crate::php) fn heartbeat(object: &ZendObject) -> Result<config::Heartbeat, ConfigError> {
    let properties = Properties(object);
    let heartbeat = config::Heartbeat {
        interval: Some(properties.seconds("interval", 0)?).filter(|time| !time.is_zero()),
        timeout: properties.seconds("timeout", 1)?,
    };
    heartbeat.check()?;
    Ok(heartbeat)
}

/// Throws the exception for a wrong option of `Limits` or `Heartbeat`: there it is named alone.
fn refuse(error: &ConfigError) -> Thrown {
    let text = error.to_string();
    let text = text.strip_prefix("limits.").or_else(|| text.strip_prefix("heartbeat.")).unwrap_or(&text);
    throw(ExceptionKind::Configuration, text)
}

fn construct_limits(call: &mut Call<'_>) -> Result<(), Thrown> {
    let slow_consumer = match call.value(9) {
        None => enums::slow_consumer_default(),
        Some(value) => {
            call.object(9, &enums::SLOW_CONSUMER)?;
            value.shallow_clone()
        }
    };
    let given = [
        values::int(call.int_or(1, 1 << 20)?),
        values::int(call.int_or(2, 10_000)?),
        call.int_or_null(3)?.map_or_else(Zval::null, values::int),
        call.float_or_null(4)?.map_or_else(Zval::null, values::float),
        values::float(call.float_or(5, 5.0)?),
        values::int(call.int_or(6, 16 << 20)?),
        values::int(call.int_or(7, 256 << 20)?),
        values::float(call.float_or(8, 10.0)?),
        slow_consumer,
        values::int(call.int_or(10, 64)?),
        values::int(call.int_or(11, 256 << 10)?),
        values::int(call.int_or(12, 64 << 20)?),
        values::float(call.float_or(13, 0.0)?),
        values::float(call.float_or(14, 2.0)?),
        values::int(call.int_or(15, 256)?),
        values::int(call.int_or(16, 64)?),
        values::int(call.int_or(17, 256 << 10)?),
        values::int(call.int_or(18, 16 << 10)?),
        values::int(call.int_or(19, 64)?),
    ];
    initialise(call, given)?;
    let this = call.this_zval();
    let this = this.object().ok_or_else(failed)?;
    limits(this).map(drop).map_err(|error| refuse(&error))
}

fn construct_heartbeat(call: &mut Call<'_>) -> Result<(), Thrown> {
    let given = [values::float(call.float_or(1, 25.0)?), values::float(call.float_or(2, 10.0)?)];
    initialise(call, given)?;
    let this = call.this_zval();
    let this = this.object().ok_or_else(failed)?;
    heartbeat(this).map(drop).map_err(|error| refuse(&error))
}
