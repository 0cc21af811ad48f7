//! Pings, and signs of life. Any byte that arrives is one.

use std::time::Duration;

use crate::config::Heartbeat;

/// One connection's heartbeat. Times count from the start of its shard.
#[derive(Debug, Clone, Copy)]
pub struct Heart {
    /// When a byte came last.
    heard: Duration,
    /// When the next ping is due; `Duration::MAX` without pings.
    next: Duration,
    /// When the last ping left that nothing has answered yet.
    asked: Option<Duration>,
}

/// The action that a look at the clock asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Nothing.
    Wait,
    /// Send a ping with this payload.
    Ping([u8; 8]),
    /// The client is gone.
    Dead,
}

impl Heart {
    /// A connection that opens now; `seed` spreads the pings of connections that open together.
    pub fn new(heartbeat: &Heartbeat, now: Duration, seed: u64) -> Self {
        let next = heartbeat.interval.map_or(Duration::MAX, |interval| now + jitter(interval, seed));
        Self { heard: now, next, asked: None }
    }

    /// A byte came.
    pub fn hear(&mut self, now: Duration) {
        self.heard = now;
    }

    /// True while an answer to a ping is awaited.
    pub fn is_asking(&self) -> bool {
        self.asked.is_some_and(|asked| self.heard < asked)
    }

    /// The client takes bytes that were sent before the ping, which it cannot have seen: the time to answer begins
    /// anew.
    pub fn postpone(&mut self, now: Duration) {
        if self.is_asking() {
            self.asked = Some(now);
        }
    }

    /// Looks at the clock. `reading`: whether the client is being read; one that is not is never
    /// dead, for its pong would not be seen.
    pub fn beat(&mut self, heartbeat: &Heartbeat, now: Duration, seed: u64, reading: bool) -> Beat {
        if let Some(asked) = self.asked {
            if self.heard >= asked {
                self.asked = None;
            } else if !reading {
                self.asked = Some(now);
            } else if now.saturating_sub(asked) >= heartbeat.timeout {
                return Beat::Dead;
            }
        }
        let Some(interval) = heartbeat.interval.filter(|_| now >= self.next) else {
            return Beat::Wait;
        };
        self.next = now + jitter(interval, seed ^ now.as_nanos() as u64);
        self.asked.get_or_insert(now);
        Beat::Ping((now.as_nanos() as u64).to_be_bytes())
    }

    /// Time between the ping and this pong that answers it; `None` for a pong without a ping.
    pub fn latency(&self, pong: &[u8], now: Duration) -> Option<Duration> {
        let sent = Duration::from_nanos(u64::from_be_bytes(pong.try_into().ok()?));
        now.checked_sub(sent).filter(|latency| *latency < MAX_LATENCY)
    }
}

/// From 90 % to 110 % of `interval`. Not random in any sense that matters: only different.
fn jitter(interval: Duration, seed: u64) -> Duration {
    let mixed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    interval.mul_f64(0.9 + 0.2 * (mixed as f64 / u32::MAX as f64))
}

/// Later pongs are forged or meaningless.
const MAX_LATENCY: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const BEATS: Heartbeat =
        Heartbeat { interval: Some(Duration::from_secs(10)), timeout: Duration::from_secs(3) };

    /// A heart that has just sent its first ping, and when.
    fn pinged() -> (Heart, Duration) {
        let mut heart = Heart::new(&BEATS, SECOND, 7);
        let due = heart.next;
        assert!(due >= SECOND * 10 && due <= SECOND * 12, "{due:?}");
        assert_eq!(heart.beat(&BEATS, due - Duration::from_nanos(1), 7, true), Beat::Wait);
        assert!(matches!(heart.beat(&BEATS, due, 7, true), Beat::Ping(_)));
        (heart, due)
    }

    #[test]
    fn a_client_that_does_not_answer_is_dead_after_the_timeout() {
        let (mut heart, due) = pinged();
        assert_eq!(heart.beat(&BEATS, due + SECOND, 7, true), Beat::Wait);
        assert_eq!(heart.beat(&BEATS, due + SECOND * 3, 7, true), Beat::Dead);
    }

    #[test]
    fn a_client_that_takes_what_is_before_the_ping_has_its_time_afterwards() {
        let (mut heart, due) = pinged();
        assert!(heart.is_asking());
        heart.postpone(due + SECOND * 2);
        assert_eq!(heart.beat(&BEATS, due + SECOND * 4, 7, true), Beat::Wait);
        assert_eq!(heart.beat(&BEATS, due + SECOND * 5, 7, true), Beat::Dead);
        heart.hear(due + SECOND * 5);
        assert!(!heart.is_asking());
    }

    #[test]
    fn any_byte_is_life() {
        let (mut heart, due) = pinged();
        heart.hear(due + SECOND);
        assert_eq!(heart.beat(&BEATS, due + SECOND * 3, 7, true), Beat::Wait);
    }

    #[test]
    fn a_client_that_is_not_read_is_not_killed_for_a_pong_that_nobody_reads() {
        let (mut heart, due) = pinged();
        assert_eq!(heart.beat(&BEATS, due + SECOND * 5, 7, false), Beat::Wait);
        assert_eq!(heart.beat(&BEATS, due + SECOND * 7, 7, true), Beat::Wait);
        assert_eq!(heart.beat(&BEATS, due + SECOND * 8, 7, true), Beat::Dead);
    }

    #[test]
    fn latency_comes_from_our_own_ping_only() {
        let (heart, due) = pinged();
        let pong = (due.as_nanos() as u64).to_be_bytes();
        assert_eq!(heart.latency(&pong, due + SECOND / 10), Some(SECOND / 10));
        assert_eq!(heart.latency(b"hello", due), None);
        assert_eq!(heart.latency(&u64::MAX.to_be_bytes(), due), None);
    }
}
