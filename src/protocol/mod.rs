//! Protocols on top of WebSockets that the server speaks without PHP.

pub mod gomoob;
