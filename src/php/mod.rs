//! The PHP bridge: the only folder that names `ext_php_rs`.
//!
//! PHP's thread is the only one that comes here. `module` declares the classes; each class has a file
//! of its name; `session`, `turn` and `run` are the loop. A call into the script may throw, call back
//! into the same object, suspend its Fiber, or never return (a fatal error is a `longjmp`): so state is
//! owned by objects and reached through cells, nothing is borrowed across such a call, and every loop
//! runs inside `engine::guarded`.
//!
//! Raw engine structures are handled in the few files that allow `unsafe`; the others are plain Rust on
//! top of them.

mod app_keys;
mod audience;
mod auth;
mod call;
mod callback;
mod class;
mod clients;
mod compression;
mod connection;
mod engine;
mod enums;
mod exceptions;
mod fork;
mod gomoob;
mod handlers;
mod handshake;
mod headers;
mod jwt;
mod limits;
mod link;
mod log;
mod module;
mod nesting;
mod objects;
mod options;
mod output;
mod plain;
mod presence;
mod properties;
mod request;
mod response;
mod rules;
mod run;
mod server;
mod session;
mod signals;
mod signature;
mod stderr;
mod stream;
mod tag;
mod target;
mod thrown;
mod timers;
mod tls;
mod turn;
mod uncaught;
mod upcall;
mod values;
mod zend;

use call::Call;
use thrown::{Kind, Thrown, throw};

/// The private constructor of what only the server makes. Nobody reaches it but reflection.
fn not_constructible(_: &mut Call<'_>) -> Result<(), Thrown> {
    Err(throw(Kind::Error, "Only the server makes these objects"))
}
