//! Messages on their way to the script: the rule about them, the callback, and the dialect.

use bytes::Bytes;
use ext_php_rs::types::Zval;

use super::{
    clients::Client,
    gomoob,
    invoke::{fail, invoke, invoke_with_result},
    server::{On, Server},
    session::Session,
};
use crate::{
    php::zend::{
        callback::Callback,
        thrown::{self, ExceptionKind, Outcome, Thrown, throw},
        values,
    },
    port::CloseCode,
};

/// Hands a message to the rule, the script and the dialect, whichever there are.
pub(super) fn message(
    server: &Server,
    session: &Session,
    client: &Client,
    payload: Bytes,
    binary: bool,
) -> Result<usize, Thrown> {
    if client.is_muted() {
        return Ok(0);
    }
    if !server.has_callback(On::Authorize) && server.dialect.is_none() {
        return deliver_message(server, session, client, payload, binary);
    }
    let (rule, callback) = (server.callback(On::Authorize), server.callback(On::Message));
    let is_delivered = rule.is_some() || callback.is_some();
    let data = is_delivered.then(|| values::message(&payload, binary));
    // Its memory is free for the network from here on, unless the dialect reads it.
    let dialect = server.dialect.as_ref().map(|dialect| (dialect, payload));
    let mut ran = 0;
    if let (Some(rule), Some(checked)) = (rule, &data) {
        ran += 1;
        if !authorize_message(server, session, client, rule, checked.shallow_clone(), binary)? {
            data.into_iter().for_each(values::release);
            return Ok(ran);
        }
    }
    match (callback, data) {
        (Some(callback), Some(data)) => {
            ran += invoke(server, session, client, callback, [values::null(), data, values::bool(binary)])?;
        }
        (_, data) => data.into_iter().for_each(values::release),
    }
    match dialect {
        Some((dialect, payload)) if client.handle().is_open() && !session.is_foreign() => {
            Ok(ran + gomoob::message(server, session, client, dialect, &payload)?)
        }
        _ => Ok(ran),
    }
}

/// Hands a message to the script alone. The way of nearly all of them: it asks for nothing else.
fn deliver_message(
    server: &Server,
    session: &Session,
    client: &Client,
    payload: Bytes,
    binary: bool,
) -> Result<usize, Thrown> {
    let Some(callback) = server.callback(On::Message) else { return Ok(0) };
    let data = values::message(&payload, binary);
    // Its memory is free for the network from here on.
    drop(payload);
    invoke(server, session, client, callback, [values::null(), data, values::bool(binary)])
}

/// True if the script lets a message pass. Otherwise the connection is closed and its further messages are dropped.
fn authorize_message(
    server: &Server,
    session: &Session,
    client: &Client,
    rule: Callback,
    data: Zval,
    binary: bool,
) -> Result<bool, Thrown> {
    let arguments = [values::null(), data, values::bool(binary)];
    let read = |answer: &Zval| answer.bool().ok_or_else(|| values::type_name(answer));
    let answer = invoke_with_result(server, session, client, rule, arguments, read)?;
    let Some(answer) = answer else {
        // It threw, and has been closed for that.
        client.mute();
        return Ok(false);
    };
    match answer {
        Ok(true) => return Ok(true),
        Ok(false) => {
            session.link.publish(|publisher| {
                publisher.close(client.handle(), CloseCode::FORBIDDEN, "not authorised")
            });
        }
        Err(what) => {
            let _ = throw(
                ExceptionKind::Type,
                &format!("The callback of onAuthorize must return bool, {what} returned"),
            );
            if let Outcome::Threw(error) = thrown::outcome() {
                fail(server, session, client, error)?;
            }
        }
    }
    client.mute();
    Ok(false)
}
