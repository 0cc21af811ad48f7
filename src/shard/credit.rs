//! Credit: a connection whose messages wait for the consumer is not read.

use super::tick::Shard;
use crate::{
    config::Limits,
    connection::{OpenState, Phase},
};

impl Shard {
    /// Has a connection wait until PHP has consumed some of its messages.
    pub(super) fn block(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let Some(open) = &mut connection.open else { return };
        open.blocked = true;
        // Says so, then looks once more: credit may have come back just before PHP could know.
        self.port.commands.set_blocked(true);
        if self.keep_blocked(slot, self.is_over_budget()) {
            self.reading.blocked.push(slot);
        }
    }

    /// After PHP consumed: those that waited for it go on.
    pub(super) fn return_credit(&mut self) {
        if self.port.commands.take_credit_notification() {
            self.unblock();
        }
    }

    /// Lets those blocked connections go on that have credit again.
    pub(super) fn unblock(&mut self) {
        let over_budget = self.is_over_budget();
        let mut blocked = std::mem::take(&mut self.reading.blocked);
        blocked.retain(|&slot| self.keep_blocked(slot, over_budget));
        self.reading.blocked = blocked;
        if self.reading.blocked.is_empty() {
            self.port.commands.set_blocked(false);
        }
    }

    /// True if a connection stays blocked; one that does not is served in the next tick.
    fn keep_blocked(&mut self, slot: u32, over_budget: bool) -> bool {
        let limits = &self.common.config.limits;
        let Some(connection) = self.connections.get_mut(slot as usize) else { return false };
        let Some(open) = connection.open.as_mut().filter(|open| open.blocked) else {
            return false;
        };
        if matches!(connection.phase, Phase::Failing { .. }) {
            if !open.credit.check_settled(&open.gauge) {
                return true;
            }
        } else {
            // Half of it at least: one message at a time would cost a tick each.
            let (messages, bytes) = (limits.receive_messages, limits.receive_bytes);
            if over_budget || !open.credit.check_room(&open.gauge, messages.div_ceil(2), bytes.div_ceil(2)) {
                return true;
            }
            open.blocked = false;
        }
        self.schedule.again.push(slot);
        false
    }

    /// Bytes that wait for PHP and for clients.
    pub(super) fn all_waiting(&self) -> usize {
        self.writing.waiting + self.messages_waiting() + self.requests.bodies.waiting(&self.port.commands)
    }

    fn messages_waiting(&self) -> usize {
        self.reading.handed.saturating_sub(self.port.commands.consumed()) as usize
    }

    /// True if this shard's budget for data that waits for PHP is used up. Bodies never take more than their part of
    /// it.
    pub(super) fn is_over_budget(&self) -> bool {
        self.messages_waiting() + self.requests.bodies.of_messages(&self.port.commands) >= self.reading.budget
    }
}

/// True if a connection may hand over one more message.
#[inline]
pub(super) fn may_deliver(open: &mut OpenState, limits: &Limits, over_budget: bool) -> bool {
    !over_budget
        && !open.throttled.is_some_and(|t| t.now)
        && open.credit.check_room(&open.gauge, limits.receive_messages, limits.receive_bytes)
}
