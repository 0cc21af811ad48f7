//! The answers to requests.

use std::time::SystemTime;

use bytes::Bytes;
use serde::Serialize;

use crate::http::status::phrase;

/// A success: status 200, or 503 of a server that ends, and JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
    /// True if it is the answer to an earlier request with the same idempotency key.
    pub(super) replayed: bool,
}

/// A failure; nothing was done.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    #[serde(skip)]
    status: u16,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// In characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    /// The server's time, Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<u64>,
    message: String,
    #[serde(skip)]
    allow: Option<&'static str>,
}

impl Answer {
    /// Something as JSON.
    pub(super) fn of(what: &impl Serialize) -> Self {
        // Serialising plain data into memory cannot fail; should it, the client reads no JSON and says so.
        let body = serde_json::to_vec(what).unwrap_or_default();
        Self { status: 200, body: body.into(), replayed: false }
    }

    /// To how many connections it was addressed.
    pub(super) fn connections(count: usize) -> Self {
        #[derive(Serialize)]
        struct Connections {
            connections: usize,
        }
        Self::of(&Connections { connections: count })
    }

    /// As it is sent.
    pub(super) fn into_bytes(self, form: Form) -> Vec<u8> {
        let replayed = self.replayed.then_some(("idempotent-replayed", "true"));
        json(self.status, replayed, &self.body, form)
    }
}

impl Failure {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, field: None, column: None, now: None, message: message.into(), allow: None }
    }

    /// The request itself is wrong.
    pub(super) fn request(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request", message)
    }

    /// A field, of the body or the query, is.
    pub(super) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let failure = Self::new(400, "invalid_field", message);
        Self { field: Some(field.into()), ..failure }
    }

    /// A query of tags is, in this column.
    pub(super) fn query(field: impl Into<String>, column: Option<usize>, message: impl Into<String>) -> Self {
        let failure = Self::new(400, "invalid_query", message);
        Self { field: Some(field.into()), column, ..failure }
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::new(413, "too_large", message)
    }

    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "unauthorized", message)
    }

    /// The signature is right, and the time it was made for is not now.
    pub(super) fn clock(now: u64, message: impl Into<String>) -> Self {
        Self { now: Some(now), ..Self::new(401, "clock", message) }
    }

    pub(super) fn method(allow: &'static str) -> Self {
        let message = format!("the method here is {allow}");
        let failure = Self::new(405, "method_not_allowed", message);
        Self { allow: Some(allow), ..failure }
    }

    pub(super) fn stopping() -> Self {
        Self::new(503, "stopping", "the server ends; nothing was done")
    }

    pub(super) fn too_slow() -> Self {
        Self::new(408, "timeout", "the body did not come in time")
    }

    pub(super) fn too_busy() -> Self {
        Self::new(503, "too_busy", "too many bodies arrive at once; nothing was done")
    }

    pub(super) fn in_field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// The same of another field.
    pub(super) fn of_field(self, field: &str) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// True if it is about the sender of the request, not about its content.
    pub(super) fn is_refusal(&self) -> bool {
        self.status == 401
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// As it is sent.
    pub(super) fn into_bytes(self, form: Form) -> Vec<u8> {
        #[derive(Serialize)]
        struct Error<'a> {
            error: &'a Failure,
        }
        let body = serde_json::to_vec(&Error { error: &self }).unwrap_or_default();
        json(self.status, self.allow.map(|methods| ("allow", methods)), &body, form)
    }
}

/// The form in which an answer is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// To HEAD: without the body.
    pub(super) to_head: bool,
    /// True if the connection ends behind it.
    pub(super) last: bool,
}

fn json(status: u16, header: Option<(&str, &str)>, body: &[u8], form: Form) -> Vec<u8> {
    let (phrase, length) = (phrase(status), body.len());
    let date = httpdate::fmt_http_date(SystemTime::now());
    let mut head = format!(
        "HTTP/1.1 {status} {phrase}\r\ndate: {date}\r\ncontent-type: application/json\r\n\
         cache-control: no-store\r\ncontent-length: {length}\r\n"
    );
    let close = form.last.then_some(("connection", "close"));
    for (name, value) in header.into_iter().chain(close) {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    let mut bytes = head.into_bytes();
    if !form.to_head {
        bytes.extend_from_slice(body);
    }
    bytes
}
