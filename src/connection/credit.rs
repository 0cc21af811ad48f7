//! The credit of one connection: messages and bytes that may wait for PHP.

use super::SendGauge;

/// Messages that were handed over, and those known to have been consumed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credit {
    messages: u64,
    bytes: u64,
    /// The last look at [`SendGauge::consumed`]: a look costs a cache line of the other thread, so there
    /// is one only when the credit seems to be used up.
    seen: (u64, u64),
}

impl Credit {
    /// Counts a message that is handed over.
    pub fn spend(&mut self, bytes: usize) {
        self.messages = self.messages.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(bytes as u64);
    }

    /// True if one more message may be handed over while at most `messages` of `bytes` in all wait. The last one may
    /// pass the limit of bytes: a message is never cut.
    pub fn check_room(&mut self, gauge: &SendGauge, messages: usize, bytes: usize) -> bool {
        if self.fits(messages, bytes) {
            return true;
        }
        self.seen = gauge.consumed();
        self.fits(messages, bytes)
    }

    /// True if every message that was handed over has been consumed.
    pub fn check_settled(&mut self, gauge: &SendGauge) -> bool {
        self.seen = gauge.consumed();
        self.seen == (self.messages, self.bytes)
    }

    fn fits(&self, messages: usize, bytes: usize) -> bool {
        self.messages.wrapping_sub(self.seen.0) < messages as u64
            && self.bytes.wrapping_sub(self.seen.1) < bytes as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::ConnectionId;

    #[test]
    fn credit_is_used_up_by_number_or_by_size_and_comes_back() {
        let gauge = SendGauge::new(ConnectionId::new(0, 0, 1));
        let mut credit = Credit::default();
        for _ in 0..2 {
            assert!(credit.check_room(&gauge, 2, 100));
            credit.spend(10);
        }
        assert!(!credit.check_room(&gauge, 2, 100));
        assert!(!credit.check_room(&gauge, 9, 20) && credit.check_room(&gauge, 9, 21));
        gauge.consume(10);
        assert!(credit.check_room(&gauge, 2, 100) && !credit.check_settled(&gauge));
        gauge.consume(10);
        assert!(credit.check_settled(&gauge));
    }
}
