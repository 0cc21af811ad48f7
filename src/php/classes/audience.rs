//! How a server speaks to its connections: one, some or all of them.

use ext_php_rs::types::{ZendHashTable, Zval};

use super::{connection::Connection, enums, target};
use crate::php::event_loop::server::this;
use crate::php::zend::{
    call::Call,
    objects::state_of,
    thrown::{Thrown, bad_argument, bad_type, failed},
    values,
};
use crate::port::{ConnectionId, Outgoing, PayloadTooBig, SendResult, check_topic};

pub(in crate::php) fn send(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let id = ConnectionId::from_php(call.int_or(1, 0)?);
    let message = message(call, 2, 3, 4)?;
    let result = match server.session() {
        None => SendResult::Closed,
        Some(session) => match session.link.publish(|publisher| publisher.connection(id)).flatten() {
            None => SendResult::Closed,
            Some(handle) => session.link.send(&handle, message).map_err(|error| too_big(2, error))?,
        },
    };
    if call.is_result_used() {
        call.returns(enums::send_result(result));
    }
    Ok(())
}

pub(in crate::php) fn broadcast(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let message = message(call, 1, 2, 4)?;
    let except = except(call, 3)?;
    let reached = server
        .session()
        .and_then(|session| session.link.publish(|publisher| publisher.broadcast(message, &except)))
        .unwrap_or(Ok(0))
        .map_err(|error| too_big(1, error))?;
    call.returns_int(i64::try_from(reached).unwrap_or(i64::MAX));
    Ok(())
}

pub(in crate::php) fn publish(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let topic = topic_name(call.string(1)?.as_bytes(), 1)?;
    let message = message(call, 2, 3, 5)?;
    let except = except(call, 4)?;
    let reached = server
        .session()
        .and_then(|session| session.link.publish(|publisher| publisher.publish(topic, message, &except)))
        .unwrap_or(Ok(0))
        .map_err(|error| too_big(2, error))?;
    call.returns_int(i64::try_from(reached).unwrap_or(i64::MAX));
    Ok(())
}

/// Reads `Connection|array|null`.
fn except(call: &Call<'_>, number: u32) -> Result<Vec<ConnectionId>, Thrown> {
    let wrong = |what| bad_type(number, what);
    match call.value(number) {
        None => Ok(Vec::new()),
        Some(value) if value.is_null() => Ok(Vec::new()),
        Some(value) => match value.array() {
            Some(list) => list
                .values()
                .map(|value| connection_id(value.dereference()))
                .collect::<Option<_>>()
                .ok_or_else(|| wrong("must be a list of Ferrite\\Connection objects or ids")),
            None => Ok(vec![
                state_of::<Connection>(value)
                    .map(|connection| connection.handle().id())
                    .ok_or_else(|| wrong("must be of type Ferrite\\Connection|array|null"))?,
            ]),
        },
    }
}

/// Reads `Connection|int`.
pub(in crate::php) fn connection_id(value: &Zval) -> Option<ConnectionId> {
    let connection = state_of::<Connection>(value).map(|connection| connection.handle().id());
    connection.or_else(|| value.long().map(ConnectionId::from_php))
}

pub(in crate::php) fn to(call: &mut Call<'_>) -> Result<(), Thrown> {
    this(call)?;
    let target = target::everybody(call.this_zval()).ok_or_else(failed)?;
    call.returns_native(&target);
    Ok(())
}

pub(in crate::php) fn connection(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let id = ConnectionId::from_php(call.int_or(1, 0)?);
    let object = server.session().and_then(|session| {
        session.client(id).filter(|client| client.handle().is_open())?.object(&session.link)
    });
    call.returns(object.unwrap_or_else(values::null));
    Ok(())
}

pub(in crate::php) fn connections(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let mut list = ZendHashTable::new();
    if let Some(session) = server.session() {
        for client in session.clients().iter().filter(|client| client.handle().is_open()) {
            if let Some(object) = client.object(&session.link) {
                let _ = list.push(object);
            }
        }
    }
    call.returns_array(list);
    Ok(())
}

pub(in crate::php) fn count(call: &mut Call<'_>) -> Result<(), Thrown> {
    let session = this(call)?.session();
    let open = session.and_then(|session| session.link.publish(|publisher| publisher.count())).unwrap_or(0);
    call.returns_int(i64::try_from(open).unwrap_or(i64::MAX));
    Ok(())
}

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
