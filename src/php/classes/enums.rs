//! The enums, and their cases as values.

use std::sync::atomic::{AtomicPtr, Ordering};

use ext_php_rs::types::{ZendStr, Zval};

use crate::{
    config,
    php::zend::{
        class::{BadDeclaration, Class, interned},
        objects::property,
    },
    port,
};

pub(in crate::php) static SLOW_CONSUMER: Class = Class::new();
static SEND_RESULT: Class = Class::new();
static CLOSE_CODE: Class = Class::new();

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    let plain = |names: &[&'static str]| names.iter().map(|name| (*name, None)).collect::<Vec<_>>();
    SEND_RESULT.declare_enum("Ferrite\\SendResult", &plain(&SEND_RESULTS))?;
    SLOW_CONSUMER.declare_enum("Ferrite\\SlowConsumer", &plain(&SLOW_CONSUMERS))?;
    CLOSE_CODE.declare_enum("Ferrite\\CloseCode", &CLOSE_CODES)?;
    for (kept, name) in SEND_RESULT_NAMES.iter().zip(SEND_RESULTS) {
        kept.store(interned(name), Ordering::Release);
    }
    SLOW_CONSUMER_DEFAULT.store(interned("Close"), Ordering::Release);
    Ok(())
}

/// The case for the outcome of a message.
pub(in crate::php) fn send_result(result: port::SendResult) -> Zval {
    let [queued, buffered, dropped, closed] = &SEND_RESULT_NAMES;
    let name = match result {
        port::SendResult::Queued => queued,
        port::SendResult::Buffered => buffered,
        port::SendResult::Dropped => dropped,
        port::SendResult::Closed => closed,
    };
    SEND_RESULT.case(name)
}

/// `SlowConsumer::Close`.
pub(in crate::php) fn slow_consumer_default() -> Zval {
    SLOW_CONSUMER.case(&SLOW_CONSUMER_DEFAULT)
}

/// The policy that a case of `SlowConsumer` means.
pub(in crate::php) fn slow_consumer(case: &Zval) -> Option<config::SlowConsumer> {
    let object = case.object().filter(|object| SLOW_CONSUMER.is_of(object))?;
    // The first property of a case is its name.
    let name = property(object, 0)?;
    Some(match name.str()? {
        "DropNewest" => config::SlowConsumer::DropNewest,
        "DropOldest" => config::SlowConsumer::DropOldest,
        _ => config::SlowConsumer::Close,
    })
}

/// The names as the engine's strings, so that a lookup neither makes nor hashes one.
static SEND_RESULT_NAMES: [AtomicPtr<ZendStr>; 4] = [const { AtomicPtr::new(std::ptr::null_mut()) }; 4];
static SLOW_CONSUMER_DEFAULT: AtomicPtr<ZendStr> = AtomicPtr::new(std::ptr::null_mut());

const SEND_RESULTS: [&str; 4] = ["Queued", "Buffered", "Dropped", "Closed"];
const SLOW_CONSUMERS: [&str; 3] = ["Close", "DropNewest", "DropOldest"];
const CLOSE_CODES: [(&str, Option<i64>); 15] = [
    ("Normal", Some(1000)),
    ("GoingAway", Some(1001)),
    ("ProtocolError", Some(1002)),
    ("UnsupportedData", Some(1003)),
    ("NoStatus", Some(1005)),
    ("Abnormal", Some(1006)),
    ("InvalidPayload", Some(1007)),
    ("PolicyViolation", Some(1008)),
    ("MessageTooBig", Some(1009)),
    ("MandatoryExtension", Some(1010)),
    ("InternalError", Some(1011)),
    ("ServiceRestart", Some(1012)),
    ("TryAgainLater", Some(1013)),
    ("Unauthorized", Some(3000)),
    ("Forbidden", Some(3003)),
];
