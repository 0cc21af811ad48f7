//! The limits of a client, and the consequences of exceeding them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Bounds on memory, time and rates. `None` and 0 switch a bound off where that is safe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// The largest message taken from a client, in bytes; more closes 1009. Default 1 MiB.
    pub max_message_size: usize,
    /// The most connections at once, handshakes included; more get 503. Default 10 000, and never
    /// more than the file limit less 64.
    pub max_connections: usize,
    /// The most connections of one address (IPv6: of one /64); more get 429. Usually 256.
    pub max_connections_per_address: PerAddress<usize>,
    /// New connections a second of one address, with bursts of twice that; more get 429. Usually 50.
    pub connect_rate_per_address: PerAddress<f64>,
    /// Time from accept to the 101 response, without the time that PHP takes to decide; also the time for a body that
    /// comes at less than 8 KiB/s. Default 5 s.
    pub handshake_timeout: Duration,
    /// The most memory that may wait for one client, then `slow_consumer` acts; a message that waits
    /// alone may be larger. Default 16 MiB: some of the largest messages that clients may send.
    pub send_buffer: usize,
    /// The most memory that may wait for all clients, then `slow_consumer` acts on those that keep most of it.
    /// Default 256 MiB.
    pub total_send_buffer: usize,
    /// Time for which a client may acknowledge none of its waiting bytes; then it is closed. Default 10 s.
    pub send_timeout: Option<Duration>,
    /// The policy for a client that reads too slowly. Default: closed with 1013.
    pub slow_consumer: SlowConsumer,
    /// Messages of one connection that may wait for PHP; then its socket is not read. Default 64.
    pub receive_messages: usize,
    /// The same in bytes. Default 256 KiB.
    pub receive_bytes: usize,
    /// The same for all connections together. Default 64 MiB.
    pub total_receive_bytes: usize,
    /// Messages a second from one connection; more are read later, and 1008 after ten seconds of
    /// it. Default: off.
    pub message_rate: Option<f64>,
    /// Time for a client to answer a close frame. Default 2 s.
    pub close_timeout: Duration,
    /// Topics of one connection. Default 256.
    pub max_topics: usize,
    /// Tags of one connection. Default 64.
    pub max_tags: usize,
    /// The largest body of a plain request, in bytes; more gets 413. All of them together may be a quarter of
    /// `total_receive_bytes`. Default 256 KiB, as much as one WebSocket client may have waiting for PHP.
    pub max_request_body: usize,
    /// The largest request head, in bytes, also of a handshake; more gets 431. A quarter of it may be
    /// the request target; more gets 414. Default 16 KiB, at most 65 535.
    pub max_head_size: usize,
    /// The most header lines of a request; more gets 431. Default 64.
    pub max_headers: usize,
}

/// The limit of one address.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum PerAddress<T> {
    /// The usual limit, and no limit for clients on this host: a proxy here would be one address for all of its
    /// clients.
    #[default]
    Usual,
    /// No bound, for anybody.
    Off,
    /// This bound, for everybody.
    AtMost(T),
}

impl<T: Copy> PerAddress<T> {
    /// The bound for addresses of other hosts, and the one for those of this host.
    pub fn bounds(self, usual: T) -> (Option<T>, Option<T>) {
        match self {
            Self::Usual => (Some(usual), None),
            Self::Off => (None, None),
            Self::AtMost(bound) => (Some(bound), Some(bound)),
        }
    }
}

/// The policy for a client that reads too slowly, when its outbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SlowConsumer {
    /// The waiting frames are dropped and the connection is closed with 1013.
    #[default]
    Close,
    /// The new message is dropped.
    DropNewest,
    /// The oldest messages that wait are dropped until the new one fits.
    DropOldest,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_size: 1 << 20,
            max_connections: 10_000,
            max_connections_per_address: PerAddress::Usual,
            connect_rate_per_address: PerAddress::Usual,
            handshake_timeout: Duration::from_secs(5),
            send_buffer: 16 << 20,
            total_send_buffer: 256 << 20,
            send_timeout: Some(Duration::from_secs(10)),
            slow_consumer: SlowConsumer::default(),
            receive_messages: 64,
            receive_bytes: 256 << 10,
            total_receive_bytes: 64 << 20,
            message_rate: None,
            close_timeout: Duration::from_secs(2),
            max_topics: 256,
            max_tags: 64,
            max_request_body: 256 << 10,
            max_head_size: 16 << 10,
            max_headers: 64,
        }
    }
}

impl Limits {
    /// Refuses values that cannot work. Names are those of PHP's `Limits`.
    pub fn check(&self) -> Result<(), ConfigError> {
        let at_least_one = [
            ("limits.maxMessageSize", self.max_message_size),
            ("limits.maxConnections", self.max_connections),
            ("limits.sendBuffer", self.send_buffer),
            ("limits.totalSendBuffer", self.total_send_buffer),
            ("limits.receiveMessages", self.receive_messages),
            ("limits.receiveBytes", self.receive_bytes),
            ("limits.totalReceiveBytes", self.total_receive_bytes),
            ("limits.maxTopics", self.max_topics),
            ("limits.maxTags", self.max_tags),
            ("limits.maxRequestBody", self.max_request_body),
        ];
        for (option, value) in at_least_one {
            if value == 0 {
                return Err(ConfigError::new(option, "must be at least 1; it cannot be switched off"));
            }
        }
        for (option, value) in
            [("limits.handshakeTimeout", self.handshake_timeout), ("limits.closeTimeout", self.close_timeout)]
        {
            if value.is_zero() {
                return Err(ConfigError::new(
                    option,
                    "must be greater than 0 seconds; it cannot be switched off",
                ));
            }
        }
        for (option, value) in [
            ("limits.maxMessageSize", self.max_message_size),
            ("limits.maxRequestBody", self.max_request_body),
        ] {
            if value > MAX_MESSAGE {
                return Err(ConfigError::new(option, format!("{value} is more than {MAX_MESSAGE} bytes")));
            }
        }
        if !HEAD_SIZES.contains(&self.max_head_size) {
            let (least, most) = (HEAD_SIZES.start(), HEAD_SIZES.end());
            return Err(ConfigError::new(
                "limits.maxHeadSize",
                format!("must be from {least} to {most} bytes"),
            ));
        }
        if !HEADERS.contains(&self.max_headers) {
            let (least, most) = (HEADERS.start(), HEADERS.end());
            return Err(ConfigError::new("limits.maxHeaders", format!("must be from {least} to {most}")));
        }
        Ok(())
    }
}

/// The usual [`Limits::max_connections_per_address`].
pub const USUAL_PER_ADDRESS: usize = 256;
/// The usual [`Limits::connect_rate_per_address`].
pub const USUAL_CONNECT_RATE: f64 = 50.0;
/// From the need of a browser's handshake to the most that the index of a request's head can hold.
const HEAD_SIZES: std::ops::RangeInclusive<usize> = 1024..=65_535;
const HEADERS: std::ops::RangeInclusive<usize> = 16..=1024;
/// PHP cannot hold a longer string without risking its hard memory limit, and gauges count in 32 bits.
const MAX_MESSAGE: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_accepted() {
        assert_eq!(Limits::default().check(), Ok(()));
    }

    #[test]
    fn a_limit_that_cannot_be_off_is_refused_by_name() {
        let limits = Limits { send_buffer: 0, ..Limits::default() };
        assert_eq!(
            limits.check().map_err(|e| e.to_string()),
            Err("limits.sendBuffer: must be at least 1; it cannot be switched off".to_owned())
        );
    }

    #[test]
    fn a_request_head_may_be_made_larger_within_bounds() {
        for (max_head_size, max_headers) in [(1024, 16), (65_535, 1024)] {
            assert_eq!(Limits { max_head_size, max_headers, ..Limits::default() }.check(), Ok(()));
        }
        for (max_head_size, max_headers, option) in [
            (1023, 64, "limits.maxHeadSize"),
            (65_536, 64, "limits.maxHeadSize"),
            (16_384, 15, "limits.maxHeaders"),
            (16_384, 1025, "limits.maxHeaders"),
        ] {
            let limits = Limits { max_head_size, max_headers, ..Limits::default() };
            assert_eq!(limits.check().unwrap_err().option(), option);
        }
    }

    #[test]
    fn what_is_usual_is_not_for_this_host_and_what_was_chosen_is_for_everybody() {
        assert_eq!(Limits::default().max_connections_per_address.bounds(256), (Some(256), None));
        assert_eq!(PerAddress::AtMost(256).bounds(256), (Some(256), Some(256)));
        assert_eq!(PerAddress::Off.bounds(256), (None, None));
    }
}
