//! A token bucket.

use std::time::Duration;

/// Allows `rate` things a second on average, and a burst after a pause.
#[derive(Debug, Clone, Copy)]
pub struct TokenBucket {
    tokens: f64,
    at: Duration,
}

impl TokenBucket {
    /// Creates a full bucket at time `now`.
    pub fn full(burst: f64, now: Duration) -> Self {
        Self { tokens: burst, at: now }
    }

    /// Takes one token; the error is the time until there is one.
    pub fn take(&mut self, rate: f64, burst: f64, now: Duration) -> Result<(), Duration> {
        self.tokens = (self.tokens + now.saturating_sub(self.at).as_secs_f64() * rate).min(burst);
        self.at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::try_from_secs_f64((1.0 - self.tokens) / rate).unwrap_or(Duration::MAX))
    }

    /// True if the bucket is full again, so that forgetting it changes nothing.
    pub fn is_full(&self, rate: f64, burst: f64, now: Duration) -> bool {
        self.tokens + now.saturating_sub(self.at).as_secs_f64() * rate >= burst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let second = Duration::from_secs(1);
        let mut bucket = TokenBucket::full(2.0, Duration::ZERO);
        assert_eq!(bucket.take(4.0, 2.0, Duration::ZERO), Ok(()));
        assert_eq!(bucket.take(4.0, 2.0, Duration::ZERO), Ok(()));
        assert_eq!(bucket.take(4.0, 2.0, Duration::ZERO), Err(second / 4));
        assert_eq!(bucket.take(4.0, 2.0, second / 4), Ok(()));
        assert!(!bucket.is_full(4.0, 2.0, second / 4));
        assert!(bucket.is_full(4.0, 2.0, second));
    }
}
