//! Relief when all outboxes together exceed their budget: the largest pay.
//!
//! A client that reads its messages keeps next to nothing, and does not notice the clients that do not read.

use super::{tick::Shard, write::TOO_SLOW};
use crate::{
    config::SlowConsumer,
    connection::{Outbox, Phase},
    frame::CloseCode,
};

impl Shard {
    /// After an outbox grew: sees to it that all of them stay within the shard's share.
    #[inline]
    pub(super) fn relieve(&mut self) {
        if self.writing.waiting > self.writing.budget {
            self.relieve_now();
        }
    }

    #[cold]
    fn relieve_now(&mut self) {
        // Too much perhaps only because this tick has not written yet.
        self.flush();
        if self.writing.waiting <= self.writing.budget {
            return;
        }
        // A little more than needed: a smaller relief would be needed again at once, and each costs a look at every
        // connection.
        let aim = self.writing.budget - self.writing.budget / SLACK;
        let mut holders: Vec<_> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.counted > 0)
            .map(|(slot, connection)| (connection.counted, slot as u32))
            .collect();
        holders.sort_unstable_by(|one, other| other.cmp(one));
        let drop: Option<fn(&mut Outbox) -> Option<usize>> = match self.common.config.limits.slow_consumer {
            SlowConsumer::Close => None,
            SlowConsumer::DropNewest => Some(Outbox::drop_newest),
            SlowConsumer::DropOldest => Some(Outbox::drop_oldest),
        };
        if let Some(drop) = drop {
            for &(_, slot) in &holders {
                if self.writing.waiting <= aim {
                    return;
                }
                if self.connections.get(slot as usize).is_some_and(|connection| connection.is_open()) {
                    self.drop_while(slot, drop, |_, waiting| waiting > aim);
                }
            }
            if self.writing.waiting <= self.writing.budget {
                return;
            }
        }
        for (_, slot) in holders {
            if self.writing.waiting <= aim {
                return;
            }
            self.end_holder(slot);
        }
    }

    /// Ends a connection for the memory that it keeps.
    fn end_holder(&mut self, slot: u32) {
        let Some(connection) = self.connections.get(slot as usize) else { return };
        let id = connection.id;
        if connection.is_open() {
            self.close_slow(id);
        } else if matches!(connection.phase, Phase::Responding) {
            self.counters(|c| c.slow_closed.increment());
        }
        // A frame of which a part has left cannot be dropped, and the close frame cannot come before its end.
        if self.connections.get(slot as usize).is_some_and(|connection| connection.counted > LAST_WORDS) {
            self.cut(slot, CloseCode::TRY_AGAIN_LATER, TOO_SLOW);
        }
    }
}

/// Part of the budget that is freed beyond the need: a sixteenth.
const SLACK: usize = 16;
/// Bytes that a closing connection may keep.
const LAST_WORDS: usize = 16 << 10;
