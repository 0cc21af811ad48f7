//! What a request is answered.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode, header};
use serde::Serialize;

/// What was done, or what was asked for: status 200, or 503 of a server that ends, and JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    /// Whether it is the answer to an earlier request with the same idempotency key.
    pub(super) replayed: bool,
}

/// Why nothing was done.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    #[serde(skip)]
    status: StatusCode,
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
        Self { status: StatusCode::OK, body: body.into(), replayed: false }
    }

    /// To how many connections it was addressed.
    pub(super) fn connections(count: usize) -> Self {
        #[derive(Serialize)]
        struct Connections {
            connections: usize,
        }
        Self::of(&Connections { connections: count })
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = json(self.status, self.body);
        if self.replayed {
            response.headers_mut().insert("idempotent-replayed", header::HeaderValue::from_static("true"));
        }
        response
    }
}

impl Failure {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, field: None, column: None, now: None, message: message.into(), allow: None }
    }

    /// The request itself is wrong.
    pub(super) fn request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// A field, of the body or the query, is.
    pub(super) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let failure = Self::new(StatusCode::BAD_REQUEST, "invalid_field", message);
        Self { field: Some(field.into()), ..failure }
    }

    /// A query of tags is, in this column.
    pub(super) fn query(field: impl Into<String>, column: Option<usize>, message: impl Into<String>) -> Self {
        let failure = Self::new(StatusCode::BAD_REQUEST, "invalid_query", message);
        Self { field: Some(field.into()), column, ..failure }
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    /// The signature is right, and the time it was made for is not now.
    pub(super) fn clock(now: u64, message: impl Into<String>) -> Self {
        Self { now: Some(now), ..Self::new(StatusCode::UNAUTHORIZED, "clock", message) }
    }

    pub(super) fn method(allow: &'static str) -> Self {
        let message = format!("the method here is {allow}");
        let failure = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
        Self { allow: Some(allow), ..failure }
    }

    pub(super) fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the server ends; nothing was done")
    }

    pub(super) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body did not come in time")
    }

    pub(super) fn too_busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_busy",
            "too many bodies arrive at once; nothing was done",
        )
    }

    pub(super) fn in_field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// The same of another field.
    pub(super) fn of_field(self, field: &str) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// Whether it is about who asks, not what.
    pub(super) fn is_refusal(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        #[derive(Serialize)]
        struct Error<'a> {
            error: &'a Failure,
        }
        let body = serde_json::to_vec(&Error { error: &self }).unwrap_or_default();
        let mut response = json(self.status, body.into());
        if let Some(allow) = self.allow {
            response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allow));
        }
        response
    }
}

fn json(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}
