//! The server's counters.
//!
//! Each shard owns a [`Counters`] and is the only writer, except for rare events; a reader adds the shards'
//! up. So a count costs a load and a store, never a contended one. [`render`] writes counters and other
//! [`Figure`]s in the formats of Prometheus. Knows no other folder.

mod exposition;
mod workers;

use std::sync::atomic::{AtomicU64, Ordering};

pub use exposition::{Figure, Format, MetricKind, render};
pub use workers::{DeathReason, WorkerCounters};

/// A number that only grows, written by one thread, or by each with
/// [`add_from_anywhere`](Self::add_from_anywhere).
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// Lines for the log that standard error did not take at once, of all servers of this process.
pub static LOG_LINES_DROPPED: Counter = Counter::new();

impl Counter {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `n`. Only the owner may call it: it is no read-modify-write.
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Adds `n`, from any thread: for rare events that more than the owner counts.
    pub fn add_from_anywhere(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Current value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[doc = $help:literal])+ $field:ident => $name:literal,)*) => {
        /// The counters of one shard. Aligned, so that no two shards write to one cache line.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct Counters { $($(#[doc = $help])+ pub $field: Counter,)* }

        impl Counters {
            /// Every counter's public name, in order.
            pub const NAMES: &'static [&'static str] = &[$($name,)*];

            /// Every counter's description, in the order of [`NAMES`](Self::NAMES).
            pub const HELP: &'static [&'static str] = &[$(concat!($($help),+),)*];

            /// Every counter's value, in the order of [`NAMES`](Self::NAMES).
            pub fn values(&self) -> [u64; Self::NAMES.len()] {
                [$(self.$field.get(),)*]
            }
        }
    };
}

counters! {
    /// Clients accepted from a listening socket.
    accepted => "ferrite_accepted_total",
    /// Clients turned away before their request was read (503, 429).
    turned_away => "ferrite_turned_away_total",
    /// Connections closed because they did not begin with a PROXY header where one is demanded.
    proxy_headers_refused => "ferrite_proxy_headers_refused_total",
    /// TLS handshakes that ended well.
    tls_handshakes => "ferrite_tls_handshakes_total",
    /// Those of them that went on with an earlier session.
    tls_resumed => "ferrite_tls_resumed_total",
    /// TLS handshakes that failed, other than for time.
    tls_failed => "ferrite_tls_failed_total",
    /// Handshakes refused by the server's own rules.
    handshakes_refused => "ferrite_handshakes_refused_total",
    /// Handshakes refused by the application.
    handshakes_rejected => "ferrite_handshakes_rejected_total",
    /// Handshakes that ended without an answer: gone or out of time.
    handshakes_failed => "ferrite_handshakes_failed_total",
    /// Plain HTTP requests answered, also with an error.
    requests => "ferrite_http_requests_total",
    /// Plain HTTP requests that ended without an answer: gone or out of time.
    requests_failed => "ferrite_http_requests_failed_total",
    /// Connections that opened.
    opened => "ferrite_connections_opened_total",
    /// Connections that closed.
    closed => "ferrite_connections_closed_total",
    /// Messages received.
    messages_received => "ferrite_messages_received_total",
    /// Bytes read from sockets.
    bytes_received => "ferrite_received_bytes_total",
    /// Frames put into outboxes, one for each recipient.
    messages_sent => "ferrite_messages_sent_total",
    /// Bytes written to sockets.
    bytes_sent => "ferrite_sent_bytes_total",
    /// Messages compressed; a fan-out counts once for each set of parameters, not for each recipient.
    deflated => "ferrite_deflated_messages_total",
    /// Bytes of messages before they were compressed.
    deflate_in => "ferrite_deflate_input_bytes_total",
    /// The same after it.
    deflate_out => "ferrite_deflate_output_bytes_total",
    /// Compressed messages received.
    inflated => "ferrite_inflated_messages_total",
    /// Bytes of compressed messages received.
    inflate_in => "ferrite_inflate_input_bytes_total",
    /// Bytes of the messages that came out of them.
    inflate_out => "ferrite_inflate_output_bytes_total",
    /// Messages dropped by the slow-consumer policy, one for each recipient.
    messages_dropped => "ferrite_messages_dropped_total",
    /// Connections closed by the slow-consumer policy.
    slow_closed => "ferrite_slow_consumers_closed_total",
    /// Times that a connection was not read for want of credit.
    reads_paused => "ferrite_reads_paused_total",
    /// Connections closed for a protocol violation or a limit.
    violations => "ferrite_violations_total",
    /// Connections that gave no sign of life after a ping.
    timed_out => "ferrite_heartbeats_missed_total",
    /// Connections closed because their token expired.
    expired => "ferrite_tokens_expired_total",
    /// Panics caught, each of which cost one connection.
    panics => "ferrite_panics_total",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_a_name_and_a_value_at_the_same_place() {
        let counters = Counters::default();
        counters.panics.add(7);
        let at = Counters::NAMES.iter().position(|n| *n == "ferrite_panics_total").unwrap();
        assert_eq!(counters.values()[at], 7);
    }
}
