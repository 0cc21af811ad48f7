//! Calling a callback for a connection.

use ext_php_rs::types::Zval;

use super::{
    clients::Client,
    server::{On, Server},
    session::Session,
};
use crate::{
    php::zend::{callback::Callback, exceptions, thrown::Thrown},
    port::CloseCode,
};

/// Calls a callback for a connection, whose object becomes the first argument. An exception of the callback closes
/// the connection.
#[inline(always)]
pub(in crate::php) fn invoke<const N: usize>(
    server: &Server,
    session: &Session,
    client: &Client,
    callback: Callback,
    arguments: [Zval; N],
) -> Result<usize, Thrown> {
    invoke_with_result(server, session, client, callback, arguments, |_| ()).map(|_| 1)
}

/// The same, and returns the result of `read` for the callback's answer; `None` if it threw.
#[inline(always)]
pub(in crate::php) fn invoke_with_result<R, const N: usize>(
    server: &Server,
    session: &Session,
    client: &Client,
    callback: Callback,
    mut arguments: [Zval; N],
    read: impl FnOnce(&Zval) -> R,
) -> Result<Option<R>, Thrown> {
    let Some(connection) = client.object(&session.link) else { return Ok(None) };
    if let Some(first) = arguments.first_mut() {
        *first = connection;
    }
    occupied(session, client, || match server.ask(callback, arguments, Some((session, client)), read)? {
        Ok(answer) => Ok(Some(answer)),
        Err(error) => fail(server, session, client, error).map(|()| None),
    })
}

/// Enters PHP for a connection: its further events wait, also while a Fiber is suspended.
pub(in crate::php) fn occupied<R>(session: &Session, client: &Client, body: impl FnOnce() -> R) -> R {
    client.enter();
    let result = body();
    if let Some(held) = client.leave() {
        session.put_back(held);
    }
    result
}

/// Closes a connection for an exception of one of its callbacks.
pub(in crate::php) fn fail(
    server: &Server,
    session: &Session,
    client: &Client,
    error: Zval,
) -> Result<(), Thrown> {
    // A forbidden action is the client's doing.
    let is_forbidden = error.object().is_some_and(|error| exceptions::FORBIDDEN.is_of(error));
    let (code, reason) =
        if is_forbidden { (CloseCode::FORBIDDEN, "not authorised") } else { (CloseCode::INTERNAL_ERROR, "") };
    // And the log is not the client's to fill.
    let about = Some((session, client));
    let reported = if is_forbidden && !server.has_callback(On::Error) {
        server.release(error, about)
    } else {
        server.report(error, about)
    };
    session.link.publish(|publisher| publisher.close(client.handle(), code, reason));
    reported
}
