//! Sizes and methods that a request head may have.

use crate::config::Limits;

/// Limits of a request head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// The methods it may have. Default: that of a WebSocket handshake.
    pub methods: Methods,
    /// Allows plain requests as probes and proxies send them: in HTTP/1.0, or with an empty Host. Default: false.
    pub probes: bool,
    /// Bytes of the whole head with its blank line. Default 16 KiB; more than 65 535 counts as
    /// 65 535, because a [`Request`](super::Request) indexes its head with 16 bits. A connection
    /// keeps its head for as long as it lives. Beyond: 431 (RFC 6585 §5).
    pub max_head: usize,
    /// Header lines. Default 64; each costs eight bytes for as long as the connection lives.
    /// Beyond: 431.
    pub max_headers: usize,
    /// Bytes of the request target, path and query together. Default 4 KiB. Beyond: 414 (RFC 9110
    /// §15.5.15).
    pub max_target: usize,
}

impl HeadLimits {
    /// Reads the limits of the options. The target may be a quarter of the head: a proxy that takes long targets takes
    /// long heads as well, so one option is enough.
    pub fn new(limits: &Limits) -> Self {
        Self {
            methods: Methods::Get,
            probes: false,
            max_head: limits.max_head_size,
            max_headers: limits.max_headers,
            max_target: limits.max_head_size / 4,
        }
    }
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}

/// The methods that are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Methods {
    /// GET; anything else is 405 at its first byte.
    #[default]
    Get,
    /// GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS; anything else is 501 (RFC 9110 §9.1).
    Plain,
}
