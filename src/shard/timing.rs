//! When a shard that rests has to wake.

use std::{
    pin::Pin,
    task::Context,
    time::{Duration, Instant},
};

use tokio::time::Sleep;

use super::tick::Shard;
use crate::queue::Rest;

/// The one timer of a shard.
pub(super) struct Timing {
    /// The time at which to wake the consumer, by the system's clock, which does not stop.
    pub(super) alarm: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    /// The time at which `timer` fires, if it has not.
    timer_at: Option<Instant>,
}

impl Timing {
    /// Within the shard's runtime.
    pub(super) fn new() -> Self {
        Self { alarm: None, timer: Box::pin(tokio::time::sleep(FAR)), timer_at: None }
    }
}

impl Shard {
    /// Arranges to be woken, or for another tick if there is something to do after all. `steered`: the consumer
    /// itself rests here, and so can send no command.
    pub(crate) fn rest(&mut self, cx: &mut Context<'_>, steered: bool) {
        let doze = !steered && self.port.events.consumer_is_awake();
        let rest = if doze { Rest::Doze } else { Rest::Sleep };
        if !self.port.commands.announce(rest) {
            cx.waker().wake_by_ref();
            return;
        }
        let mut at = match rest {
            Rest::Doze => self.now + DOZE,
            _ => self.now + FAR,
        };
        if !self.connections.is_empty()
            || self.writing.shed.is_much()
            || self.closing.stopping.is_some()
            || self.accepting.after > self.now
        {
            at = at.min(self.sweeping.next);
        }
        let alarm = self.timing.alarm.map(|at| self.clock.at(at));
        let presence = self.port.announcer.next_due().map(|due| self.clock.at(due).max(self.now + RETRY));
        let others = [alarm, presence, self.tls.watch.as_ref().map(|watch| watch.next)];
        at = others.into_iter().flatten().fold(at, Duration::min);
        self.clock.rest(at);
        // A timer that fires too early costs one tick and is set anew then; one that is moved at
        // every rest costs more.
        let at = self.clock.instant(at);
        if self.timing.timer_at.is_none_or(|set| at < set || set <= self.clock.instant(self.now)) {
            self.timing.timer_at = Some(at);
            self.timing.timer.as_mut().reset(at.into());
        }
        if self.timing.timer.as_mut().poll(cx).is_ready() {
            self.timing.timer_at = None;
            cx.waker().wake_by_ref();
        }
    }

    /// Sets when the consumer is to be woken though nothing may have happened.
    pub(crate) fn ring_at(&mut self, at: Option<Instant>) {
        self.timing.alarm = at;
    }
}

/// The pause before another try to announce presence, while a shard is behind with its commands.
const RETRY: Duration = Duration::from_millis(5);
/// Time for which a dozing shard may leave a command unseen that PHP gave in the middle of a batch.
const DOZE: Duration = Duration::from_millis(2);
/// Tokio's timers cannot be set to "never".
const FAR: Duration = Duration::from_secs(86_400 * 365);
