//! The PHP bridge: the only folder that names `ext_php_rs`. Only PHP's thread comes here.
//!
//! Three rooms: [`zend`] binds to the engine and knows nothing of servers, [`event_loop`] runs a server and its
//! callbacks, and [`classes`] declares the PHP classes.

mod classes;
mod event_loop;
mod zend;

use classes::{
    app_keys, audience, auth, compression, connection, enums, gomoob, handlers, handshake, jwt, limits,
    request, response, server, tag, tls, workers,
};
use event_loop::{ending, timers};
use zend::{class::BadDeclaration, exceptions};

/// Declares every class when the module starts. The engine wants parents and interfaces before the classes that name
/// them; the order of the others does not matter.
fn declare() -> Result<(), BadDeclaration> {
    exceptions::declare()?;
    enums::declare()?;
    limits::declare()?;
    compression::declare()?;
    tls::declare()?;
    workers::declare()?;
    auth::declare()?;
    jwt::declare()?;
    app_keys::declare()?;
    request::declare()?;
    response::declare()?;
    tag::declare()?;
    audience::declare()?;
    handshake::declare()?;
    connection::declare()?;
    timers::declare()?;
    gomoob::declare()?;
    handlers::declare()?;
    server::declare()
}

/// Takes the socket to the front, if this process is a worker; when the module starts.
fn adopt() {
    event_loop::workers::adopt();
}

/// Ends every run when PHP's request or the module ends.
fn end_runs() {
    ending::end_all();
    event_loop::workers::send_last_words();
}
