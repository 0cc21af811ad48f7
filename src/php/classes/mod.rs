//! The PHP classes, one file for each: their declaration and their methods. `stubs/` documents them.

pub(in crate::php) mod app_keys;
pub(in crate::php) mod arguments;
pub(in crate::php) mod attributes;
pub(in crate::php) mod audience;
pub(in crate::php) mod auth;
pub(in crate::php) mod compression;
pub(in crate::php) mod connection;
pub(in crate::php) mod enums;
pub(in crate::php) mod gomoob;
pub(in crate::php) mod handlers;
pub(in crate::php) mod handshake;
pub(in crate::php) mod headers;
pub(in crate::php) mod jwt;
pub(in crate::php) mod limits;
pub(in crate::php) mod messages;
pub(in crate::php) mod options;
pub(in crate::php) mod presence;
pub(in crate::php) mod request;
pub(in crate::php) mod response;
pub(in crate::php) mod server;
pub(in crate::php) mod tag;
pub(in crate::php) mod tls;
pub(in crate::php) mod workers;
