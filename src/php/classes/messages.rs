//! The methods of a server that send: to one connection, some or all of them.

use ext_php_rs::types::ZendHashTable;

use super::{
    arguments::{message, too_big, topic_name},
    connection::except,
    enums,
};
use crate::{
    php::{
        event_loop::server::this,
        zend::{
            call::Call,
            thrown::{Thrown, failed},
            values,
        },
    },
    port::{ConnectionId, SendResult},
};

pub(in crate::php) fn send(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let id = ConnectionId::from_php(call.int_or(1, 0)?);
    let message = message(call, 2, 3, 4)?;
    let result = match server.session() {
        None => SendResult::Closed,
        Some(session) => match session.link.ask(|publisher| publisher.connection(id)).flatten() {
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
    let counted = call.is_result_used();
    let reached = server
        .session()
        .and_then(|session| session.link.ask(|publisher| publisher.broadcast(message, &except, counted)))
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
    let counted = call.is_result_used();
    let reached = server
        .session()
        .and_then(|session| session.link.ask(|publisher| publisher.publish(topic, message, &except, counted)))
        .unwrap_or(Ok(0))
        .map_err(|error| too_big(2, error))?;
    call.returns_int(i64::try_from(reached).unwrap_or(i64::MAX));
    Ok(())
}

pub(in crate::php) fn to(call: &mut Call<'_>) -> Result<(), Thrown> {
    this(call)?;
    let target = super::audience::everybody(call.this_zval()).ok_or_else(failed)?;
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
    let open = session.and_then(|session| session.link.ask(|publisher| publisher.count())).unwrap_or(0);
    call.returns_int(i64::try_from(open).unwrap_or(i64::MAX));
    Ok(())
}
