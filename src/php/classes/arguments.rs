//! Arguments that several methods take.

use std::time::Duration;

use crate::{
    php::zend::{
        call::Call,
        thrown::{ExceptionKind, Thrown, bad_argument, throw},
        values,
    },
    port::{MAX_REASON, Outgoing, PayloadTooBig, check_topic, close_code_allowed},
};

/// The message of a `send`, `broadcast` or `publish`: text must be UTF-8.
pub(in crate::php) fn message<'a>(
    call: &Call<'a>,
    data: u32,
    binary: u32,
    compress: u32,
) -> Result<Outgoing<'a>, Thrown> {
    let payload = call.string(data)?;
    let binary = call.bool_or(binary, false)?;
    if !binary && !values::is_utf8(payload) {
        return Err(bad_argument(data, "must be valid UTF-8 unless the message is binary"));
    }
    Ok(Outgoing { payload: payload.as_bytes(), binary, compress: call.bool_or_null(compress)? })
}

pub(in crate::php) fn too_big(data: u32, error: PayloadTooBig) -> Thrown {
    bad_argument(
        data,
        &format!(
            "must not be longer than {} bytes, what may wait for all clients of an I/O thread (Limits::$totalSendBuffer), has {}",
            error.limit, error.payload
        ),
    )
}

/// Checks one topic name, the argument of that number.
pub(in crate::php) fn topic_name(name: &[u8], number: u32) -> Result<&str, Thrown> {
    let refuse = || {
        let name: String = name.escape_ascii().to_string().chars().take(60).collect();
        bad_argument(
            number,
            &format!(
                "must be a topic, 1 to 200 bytes of printable ASCII without spaces and commas, \"{name}\" given"
            ),
        )
    };
    let name = std::str::from_utf8(name).map_err(|_| refuse())?;
    check_topic(name).map_err(|_| refuse())?;
    Ok(name)
}

/// Topic names among the arguments, from number `first` on, each checked.
pub(in crate::php) fn topic_names<'a>(call: &Call<'a>, first: u32) -> Result<Vec<&'a str>, Thrown> {
    (first..=call.count()).map(|number| topic_name(call.string(number)?.as_bytes(), number)).collect()
}

/// All arguments, as strings of UTF-8.
pub(in crate::php) fn strings<'a>(call: &Call<'a>) -> Result<Vec<&'a str>, Thrown> {
    let string =
        |number| call.string(number)?.as_str().map_err(|_| bad_argument(number, "must be valid UTF-8"));
    (1..=call.count()).map(string).collect()
}

/// The code and reason of a `close`.
pub(in crate::php) fn close_arguments<'a>(call: &Call<'a>) -> Result<(u16, &'a str), Thrown> {
    let code = call.int_or(1, 1000)?;
    let allowed = u16::try_from(code).ok().filter(|code| close_code_allowed(*code));
    let code = allowed.ok_or_else(|| {
        bad_argument(1, &format!("must be 1000, 1001, 1003, 1007 to 1013 or 3000 to 4999, {code} given"))
    })?;
    let reason = call.string_or_null(2)?.map_or(&b""[..], |reason| reason.as_bytes());
    if reason.len() > MAX_REASON {
        return Err(bad_argument(
            2,
            &format!("must be at most {MAX_REASON} bytes long, has {}", reason.len()),
        ));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| bad_argument(2, "must be valid UTF-8"))?;
    Ok((code, reason))
}

pub(in crate::php) fn too_many_topics(limit: usize) -> Thrown {
    throw(ExceptionKind::Value, &format!("A connection may have at most {limit} topics (Limits::$maxTopics)"))
}

/// Reads a time.
pub(in crate::php) fn seconds(
    call: &Call<'_>,
    number: u32,
    default: f64,
    may_be_zero: bool,
) -> Result<Duration, Thrown> {
    let value = call.float_or(number, default)?;
    let time = Duration::try_from_secs_f64(value).ok().filter(|time| *time <= LONGEST);
    time.filter(|time| may_be_zero || !time.is_zero()).ok_or_else(|| {
        let least = if may_be_zero { "0 seconds or more" } else { "more than 0 seconds" };
        bad_argument(number, &format!("must be {least}, and at most ten years, {value} given"))
    })
}

/// Far more than anybody means, and small enough to be added to any instant.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);
