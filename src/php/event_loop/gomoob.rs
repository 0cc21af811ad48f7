//! Messages of Gomoob's protocol that need the script: it sees them, parses them, or authorises them.

use std::time::Instant;

use ext_php_rs::types::{ZendHashTable, Zval};

use super::{
    clients::Client,
    invoke::occupied,
    log,
    server::{On, Server},
    session::Session,
};
use crate::{
    php::{
        classes::gomoob::Gomoob,
        zend::{
            callback::Callback,
            calls,
            thrown::{self, ExceptionKind, Outcome, Thrown, throw},
            values,
        },
    },
    port::{CloseCode, LOG_INTERVAL, LogLevel, LogRecord},
    protocol::gomoob::{Frame, MAX_DEPTH, Message, encode, forward},
};

/// Deals with a message after `onMessage`; returns the number of callbacks. A client whose message cannot be
/// forwarded is closed.
pub(in crate::php) fn message(
    server: &Server,
    session: &Session,
    client: &Client,
    gomoob: &Gomoob,
    payload: &[u8],
) -> Result<usize, Thrown> {
    let Frame { message, tags } = match Frame::read(payload, gomoob.parser.is_some()) {
        Ok(frame) => frame,
        Err(refusal) => return refuse(server, session, client, &refusal.to_string()).map(|()| 0),
    };
    let (ran, json) = match message {
        Message::Text(text) if gomoob.authorizer.is_none() => (0, encode(&text)),
        _ => match occupied(session, client, || ask(server, session, client, gomoob, payload)) {
            Ok(asked) => asked,
            Err(outcome) => return failed_to_ask(server, session, client, outcome).map(|()| 1),
        },
    };
    // A callback may have forked, and a child must not speak to its parent's clients.
    if session.is_foreign() {
        return Ok(ran);
    }
    let sent = session.link.publish(|publisher| forward(publisher, &tags, &json, gomoob.legacy));
    if let Some(Err(error)) = sent {
        let message = format!("A message was not forwarded: {error}");
        log::record(server, &LogRecord { level: LogLevel::Error, message, context: Vec::new() })?;
    }
    Ok(ran)
}

/// Has the script make the message of an array, and say whether it may be sent. Gives how many callbacks ran, and the
/// message as JSON.
fn ask(
    server: &Server,
    session: &Session,
    client: &Client,
    gomoob: &Gomoob,
    payload: &[u8],
) -> Result<(usize, String), Outcome> {
    let about = Some((session, client));
    let mut ran = 0;
    let depth = i64::try_from(MAX_DEPTH).unwrap_or(i64::MAX);
    let frame = call("json_decode", [values::text(payload), values::bool(true), values::int(depth)])?;
    // A frame that was read already is an array for PHP too.
    let Some(frame) = frame.array() else { return Err(Outcome::Done) };
    let part = |name: &str| frame.get(name).map(Zval::shallow_clone);
    let mut message = part("message").unwrap_or_else(values::null);
    if message.is_array()
        && let Some(parser) = &gomoob.parser
    {
        ran += 1;
        message = answer(server.ask(parser.clone(), [message], about, Zval::shallow_clone))?;
    }
    let authorized = match &gomoob.authorizer {
        None => Ok(()),
        Some(authorizer) => {
            ran += 1;
            let empty = || values::array(ZendHashTable::new());
            let [tags, metadata] = ["tags", "metadata"].map(|name| part(name).unwrap_or_else(empty));
            authorize(server, session, client, authorizer.clone(), [message.shallow_clone(), tags, metadata])
        }
    };
    let json = authorized.and_then(|()| encoded(&message));
    match server.release(message, about) {
        Ok(()) => json.map(|json| (ran, json)),
        Err(thrown) => Err(Outcome::Leaving(thrown)),
    }
}

/// An exception unless the script lets the message pass.
fn authorize(
    server: &Server,
    session: &Session,
    client: &Client,
    authorizer: Callback,
    [message, tags, metadata]: [Zval; 3],
) -> Result<(), Outcome> {
    let Some(connection) = client.object(&session.link) else { return Err(Outcome::Done) };
    let arguments = [connection, message, tags, metadata];
    if answer(server.ask(authorizer, arguments, Some((session, client)), Zval::bool))? == Some(true) {
        return Ok(());
    }
    let id = client.handle().id().to_php();
    Err(exception(&format!(
        "Message sending is not authorized on WebSocket connection with resource id '{id}' !"
    )))
}

fn encoded(message: &Zval) -> Result<String, Outcome> {
    let json = call("json_encode", [message.shallow_clone(), values::int(JSON_THROW_ON_ERROR)])?;
    json.str().map(str::to_owned).ok_or(Outcome::Done)
}

fn answer<R>(asked: Result<Result<R, Zval>, Thrown>) -> Result<R, Outcome> {
    asked.map_err(Outcome::Leaving)?.map_err(Outcome::Threw)
}

/// Calls a function of the JSON extension, which is part of every PHP, but can be disabled.
fn call<const N: usize>(name: &str, mut arguments: [Zval; N]) -> Result<Zval, Outcome> {
    calls::call_needed(name, &mut arguments).map_err(|_| thrown::outcome())
}

fn exception(message: &str) -> Outcome {
    let _ = throw(ExceptionKind::InvalidArgument, message);
    thrown::outcome()
}

fn failed_to_ask(
    server: &Server,
    session: &Session,
    client: &Client,
    outcome: Outcome,
) -> Result<(), Thrown> {
    match outcome {
        // The connection is gone, or PHP has answered something impossible.
        Outcome::Done => close(session, client),
        Outcome::Leaving(thrown) => return Err(thrown),
        Outcome::Threw(error) if thrown::is_invalid_argument(&error) && !has_callback(server) => {
            server.release(error, Some((session, client)))?;
            tell_operator(server, session)?;
            close(session, client);
        }
        Outcome::Threw(error) => {
            let about = Some((session, client));
            let reported = occupied(session, client, || server.report(error, about));
            close(session, client);
            reported?;
        }
    }
    Ok(())
}

/// Closes a client for its message, and lets the script know why.
fn refuse(server: &Server, session: &Session, client: &Client, why: &str) -> Result<(), Thrown> {
    if has_callback(server) {
        return failed_to_ask(server, session, client, exception(why));
    }
    tell_operator(server, session)?;
    close(session, client);
    Ok(())
}

fn has_callback(server: &Server) -> bool {
    server.has_callback(On::Error)
}

/// Not for each message: any client could fill the log.
fn tell_operator(server: &Server, session: &Session) -> Result<(), Thrown> {
    let now = Instant::now();
    if session.refusal_logged.get().is_some_and(|last| now < last + LOG_INTERVAL) {
        return Ok(());
    }
    session.refusal_logged.set(Some(now));
    let message = "A client sent what cannot be forwarded and was closed: onError() hears why".to_owned();
    log::record(server, &LogRecord { level: LogLevel::Warning, message, context: Vec::new() })
}

fn close(session: &Session, client: &Client) {
    if !session.is_foreign() {
        session.link.publish(|publisher| publisher.close(client.handle(), CloseCode::NORMAL, ""));
    }
}

const JSON_THROW_ON_ERROR: i64 = 1 << 22;
