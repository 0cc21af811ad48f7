//! The optional events that the consumer wants.

use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Deserialize, Serialize};

/// The optional events that the consumer wants. The shards do not make the others, so those cost nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interests {
    /// `Event::Handshake`: the consumer decides about connecting clients.
    pub handshakes: bool,
    /// `Event::Message` of connections whose protocol could handle the message without the consumer.
    pub messages: bool,
    /// `Event::Drain`.
    pub drains: bool,
    /// `Event::Request`: the consumer answers plain requests.
    pub requests: bool,
    /// `Event::Presence`.
    pub presence: bool,
    /// Each connection keeps its request, so that another consumer can take the connection over.
    pub kept_requests: bool,
}

impl Interests {
    /// No optional event.
    pub const NONE: Self = Self {
        handshakes: false,
        messages: false,
        drains: false,
        requests: false,
        presence: false,
        kept_requests: false,
    };
}

/// [`Interests`] that all threads read.
#[derive(Debug, Default)]
pub(super) struct AtomicInterests(AtomicU8);

impl AtomicInterests {
    pub(super) fn set(&self, interests: Interests) {
        let Interests { handshakes, messages, drains, requests, presence, kept_requests } = interests;
        let bits = [handshakes, messages, drains, requests, presence, kept_requests];
        let bits = bits.iter().enumerate().fold(0, |all, (place, wanted)| all | u8::from(*wanted) << place);
        self.0.store(bits, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn get(&self) -> Interests {
        let bits = self.0.load(Ordering::Relaxed);
        let wants = |place: u8| bits & 1 << place != 0;
        Interests {
            handshakes: wants(0),
            messages: wants(1),
            drains: wants(2),
            requests: wants(3),
            presence: wants(4),
            kept_requests: wants(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interest_is_kept_apart_from_the_others() {
        let kept = AtomicInterests::default();
        let none = Interests::default();
        for interests in [
            none,
            Interests { handshakes: true, ..none },
            Interests { messages: true, ..none },
            Interests { drains: true, ..none },
            Interests { requests: true, ..none },
            Interests { presence: true, ..none },
            Interests { kept_requests: true, ..none },
        ] {
            kept.set(interests);
            assert_eq!(kept.get(), interests);
        }
    }
}
