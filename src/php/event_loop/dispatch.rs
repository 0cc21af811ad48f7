//! Dispatching: a batch of events to callbacks.

use ext_php_rs::types::Zval;

use super::{
    clients::{Client, ClientState},
    invoke::invoke,
    log,
    message::message,
    server::{On, Server},
    session::{BATCH, Session},
};
use crate::{
    php::{
        classes::{handshake, request, response},
        zend::{
            thrown::{self, ExceptionKind, Outcome, Thrown, throw},
            values,
        },
    },
    port::{
        Accept, Asked, ConnectionId, Delivery, Event, Handshake, LogLevel, LogRecord, PresenceChange,
        Receipt, Respond,
    },
    runtime::Notifier,
};

/// Deals with the events that wait, at most a batch of them, and with the timers that are due. Says how
/// many callbacks ran.
pub(in crate::php) fn dispatch_batch(server: &Server, session: &Session) -> Result<usize, Thrown> {
    in_batch(server, session, || Ok(events(server, session)? + timers(server, session)?))
}

/// The same without the timers, for a stop from outside.
pub(in crate::php) fn dispatch_events(server: &Server, session: &Session) -> Result<usize, Thrown> {
    in_batch(server, session, || events(server, session))
}

/// Wakes each shard at most once for all that the callbacks say.
fn in_batch(
    server: &Server,
    session: &Session,
    body: impl FnOnce() -> Result<usize, Thrown>,
) -> Result<usize, Thrown> {
    session.begin_batch();
    let result = body();
    // A callback may have forked. In the child nothing serves: it must not go on as if.
    if result.is_ok() {
        session.link.check_process()?;
        session.notify(Notifier::notify_due);
    }
    session.end_batch();
    if result.is_ok() {
        log::output_lost(server, session)?;
    }
    result
}

fn events(server: &Server, session: &Session) -> Result<usize, Thrown> {
    let mut ran = 0;
    for _ in 0..BATCH {
        let Some(delivery) = session.next_event() else { break };
        ran += deal(server, session, delivery)?;
        // A callback may have forked, or been suspended until the run was over.
        if session.is_foreign() || session.has_ended() {
            break;
        }
    }
    Ok(ran)
}

fn timers(server: &Server, session: &Session) -> Result<usize, Thrown> {
    let mut ran = 0;
    let round = server.timers.round();
    // The timers of a later run are none of this loop's.
    let is_leader = session.is_leader();
    while !session.is_foreign()
        && !session.has_ended()
        && let Some(callback) = server.timers.take_due(round, is_leader)
    {
        ran += 1;
        session.consumer().show_timer(true);
        let called = server.call(callback, []);
        session.consumer().show_timer(false);
        called?;
    }
    Ok(ran)
}

/// Deals with one event; says how many callbacks ran.
pub(in crate::php) fn deal(
    server: &Server,
    session: &Session,
    delivery: Delivery<ClientState>,
) -> Result<usize, Thrown> {
    let is_message = matches!(delivery.event, Event::Message { .. });
    let ran = dispatch(server, session, delivery)?;
    if !is_message {
        // Objects may have ended here without a word.
        server.settle(None)?;
    }
    Ok(ran)
}

fn dispatch(server: &Server, session: &Session, delivery: Delivery<ClientState>) -> Result<usize, Thrown> {
    session.attempt.set(delivery.receipt.attempt());
    let ran = match delivery.receipt.connection() {
        Some(client) if client.is_busy() => {
            let client = client.clone();
            client.hold(delivery);
            return Ok(0);
        }
        Some(client) => {
            session.current.set(Some(client.handle().id()));
            dispatch_of_client(server, session, delivery)?
        }
        None => {
            session.current.set(delivery.event.id());
            dispatch_of_none(server, session, delivery)?
        }
    };
    session.current.set(None);
    Ok(ran)
}

/// An event of an open connection, or of one that was open until now.
#[inline]
fn dispatch_of_client(
    server: &Server,
    session: &Session,
    Delivery { event, receipt }: Delivery<ClientState>,
) -> Result<usize, Thrown> {
    let Some(client) = receipt.connection() else { return Ok(0) };
    match event {
        Event::Message { payload, binary, .. } => message(server, session, client, payload, binary),
        Event::Open { id, opened } => {
            let request = session.link.waiting.borrow_mut().remove(&id);
            client.prepare(opened, request);
            match server.callback(On::Open) {
                Some(callback) => invoke(server, session, client, callback, [values::null()]),
                None => Ok(0),
            }
        }
        Event::Attach { opened, .. } => {
            client.prepare(opened, None);
            match server.callback(On::Attach) {
                Some(callback) => invoke(server, session, client, callback, [values::null()]),
                None => Ok(0),
            }
        }
        Event::Detach { .. } => {
            let client = client.clone();
            let detached = detach(server, session, &client);
            drop(receipt);
            detached
        }
        Event::Drain { .. } => match server.callback(On::Drain) {
            Some(callback) => invoke(server, session, client, callback, [values::null()]),
            None => Ok(0),
        },
        Event::Close { code, reason, .. } => {
            let client = client.clone();
            close(server, session, &client, code, &reason, receipt)
        }
        _ => Ok(0),
    }
}

/// An event of no connection that is open.
fn dispatch_of_none(
    server: &Server,
    session: &Session,
    Delivery { event, receipt }: Delivery<ClientState>,
) -> Result<usize, Thrown> {
    match event {
        Event::Handshake { id, handshake } => invoke_handshake(server, session, id, *handshake),
        Event::HandshakeGone { id } => {
            let gone = session.link.waiting.borrow_mut().remove(&id);
            drop(receipt);
            server.release(gone, None).map(|()| 0)
        }
        Event::Request { id, asked } => answer(server, session, id, *asked),
        Event::Presence(change) => changed(server, &change),
        Event::Log(record) => log::record(server, &record).map(|()| 0),
        Event::Stopped { shard, panic: Some(panic) } => {
            log::shard_panicked(server, shard, &panic)?;
            session.panic.replace(Some(panic));
            Ok(0)
        }
        _ => Ok(0),
    }
}

fn invoke_handshake(
    server: &Server,
    session: &Session,
    id: ConnectionId,
    asked: Handshake,
) -> Result<usize, Thrown> {
    let callback = server.callback(On::Handshake);
    let request = request::object(asked.request, b"");
    let (Some(callback), Some(request)) = (callback, request) else {
        // The callback was there when the client came, and is no longer.
        let accept = Accept::as_identified(asked.identity, asked.protocol);
        session.link.publish(|publisher| publisher.accept(id, accept));
        return Ok(0);
    };
    let old = session.link.waiting.borrow_mut().insert(id, request.clone());
    drop(old);
    let Some(handshake) =
        handshake::object(id, session.link.clone(), request, asked.protocol, asked.identity)
    else {
        return Ok(0);
    };
    let answer = server.ask(callback, [handshake.to_zval()], None, |_| ());
    match &answer {
        Ok(Ok(())) => handshake.decide_by_default(),
        Ok(Err(_)) | Err(_) => handshake.fail(),
    }
    let released = server.release(handshake, None);
    if let Err(error) = answer? {
        server.report(error, None)?;
    }
    released.map(|()| 1)
}

/// Has the script answer a plain request.
fn answer(server: &Server, session: &Session, id: ConnectionId, asked: Asked) -> Result<usize, Thrown> {
    let Asked { request, body } = asked;
    let request = request::object(request, &body);
    // The network's copy: PHP has its own now.
    drop(body);
    let (ran, answer, trouble) = match (server.callback(On::Request), request) {
        (Some(callback), Some(request)) => {
            let read =
                |returned: &Zval| response::respond(returned).ok_or_else(|| values::type_name(returned));
            match server.ask(callback, [request.into_zval()], None, read) {
                Ok(Ok(Ok(answer))) => (1, answer, Outcome::Done),
                Ok(Ok(Err(what))) => (1, failed(), no_response(&what)),
                Ok(Err(error)) => (1, failed(), Outcome::Threw(error)),
                Err(thrown) => (1, failed(), Outcome::Leaving(thrown)),
            }
        }
        // The callback was there when the client came, and is no longer.
        _ => (0, Respond { status: 404, ..Respond::default() }, Outcome::Done),
    };
    // The callback may have forked, and a child must not answer its parent's clients.
    let sent = if session.is_foreign() {
        None
    } else {
        session.link.publish(|publisher| publisher.respond(id, answer))
    };
    match trouble {
        Outcome::Done => {}
        Outcome::Leaving(thrown) => return Err(thrown),
        Outcome::Threw(error) => server.report(error, None)?,
    }
    if let Some(Err(error)) = sent {
        let message = format!("The answer of onRequest was not sent, the client was told 500: {error}");
        log::record(server, &LogRecord { level: LogLevel::Error, message, context: Vec::new() })?;
    }
    Ok(ran)
}

fn failed() -> Respond {
    Respond { status: 500, ..Respond::default() }
}

/// The exception for a callback that returned something else.
fn no_response(what: &str) -> Outcome {
    let _ = throw(
        ExceptionKind::Type,
        &format!("The callback of onRequest must return Ferrite\\Response, string or null, {what} returned"),
    );
    thrown::outcome()
}

/// The last callback of a connection. The server forgets the connection before, so that the subscribers of its topics
/// have been notified of its leave by then.
pub(in crate::php) fn close(
    server: &Server,
    session: &Session,
    client: &Client,
    code: u16,
    reason: &str,
    mut receipt: Receipt<ClientState>,
) -> Result<usize, Thrown> {
    if !client.close() {
        return Ok(0);
    }
    receipt.forget();
    session.announce_due();
    let ran = match server.callback(On::Close) {
        Some(callback) => {
            let arguments = [values::null(), values::int(i64::from(code)), values::text(reason.as_bytes())];
            invoke(server, session, client, callback, arguments)
        }
        None => Ok(0),
    };
    drop(receipt);
    // Here and now the script's data ends, if it keeps the object nowhere.
    ran.and_then(|ran| server.release(client.vacate(), None).map(|()| ran))
}

/// The last callback of a connection that goes to another worker.
pub(in crate::php) fn detach(server: &Server, session: &Session, client: &Client) -> Result<usize, Thrown> {
    if !client.close() {
        return Ok(0);
    }
    let ran = match server.callback(On::Detach) {
        Some(callback) => invoke(server, session, client, callback, [values::null()]),
        None => Ok(0),
    };
    ran.and_then(|ran| server.release(client.vacate(), None).map(|()| ran))
}

/// Calls back for a change that subscribers were notified of; says how many callbacks ran.
fn changed(server: &Server, change: &PresenceChange) -> Result<usize, Thrown> {
    let on = if change.joined { On::Join } else { On::Leave };
    let Some(callback) = server.callback(on) else { return Ok(0) };
    let arguments = [&change.topic, &change.user].map(|text| values::text(text.as_bytes()));
    server.call(callback, arguments).map(|()| 1)
}
