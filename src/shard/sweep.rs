//! The clock of a shard: one look at every connection in each interval, no timer per connection.

use std::time::Duration;

use super::{frames::control_frame, schedule::ACCEPT, tick::Shard, work};
use crate::{
    config::Config,
    connection::{Beat, Phase},
    frame::{CloseCode, OpCode},
};

/// The look at every connection's deadlines.
pub(super) struct Sweeping {
    pub(super) interval: Duration,
    pub(super) next: Duration,
    /// The slot at which the sweep goes on, if the last one had too much to do.
    place: usize,
}

impl Sweeping {
    pub(super) fn new(config: &Config) -> Self {
        let interval = interval(config);
        Self { interval, next: interval, place: 0 }
    }
}

/// The interval of the sweep: an eighth of the shortest time that matters, so that no deadline is missed by much.
fn interval(config: &Config) -> Duration {
    let limits = &config.limits;
    let times = [
        Some(limits.handshake_timeout),
        Some(limits.close_timeout),
        limits.send_timeout,
        config.heartbeat.interval,
        Some(config.heartbeat.timeout),
    ];
    let shortest = times.into_iter().flatten().min().unwrap_or(LONGEST_TICK);
    (shortest / 8).clamp(SHORTEST_TICK, LONGEST_TICK)
}

/// The action that a look at a connection asks for.
enum Due {
    Nothing,
    GiveUp,
    Undecided,
    Unserved,
    FailNow,
    Unanswered,
    Expired,
    Remove,
    Slow,
    Dead,
    Ping([u8; 8]),
    Fail(&'static str),
    GoOn,
}

impl Shard {
    /// Looks at every connection, and at everything else that waits for a time. If very much is due at once, as when
    /// a flood of handshakes runs out of time, it is done over several ticks, with other work in between.
    pub(super) fn sweep(&mut self) {
        self.schedule.work.begin(work::SWEEP);
        let lifetime = self.clock.lifetime();
        let mut looks = 0_usize;
        let mut used_up = false;
        while !used_up && self.sweeping.place < self.connections.capacity() {
            let slot = self.sweeping.place as u32;
            self.sweeping.place += 1;
            match self.due(slot, lifetime) {
                Due::Nothing => {
                    looks += 1;
                    if !looks.is_multiple_of(LOOKS) {
                        continue;
                    }
                }
                Due::GiveUp => self.give_up(slot),
                Due::Undecided => self.undecided(slot),
                Due::Unserved => self.unserved(slot),
                Due::FailNow => self.fail_now(slot),
                Due::Unanswered => self.unanswered(slot),
                Due::Expired => self.expire(slot),
                Due::Remove => self.remove(slot),
                Due::Slow => {
                    if let Some(id) = self.connections.get(slot as usize).map(|c| c.id) {
                        self.close_slow(id);
                    }
                }
                Due::Dead => {
                    self.counters(|c| c.timed_out.increment());
                    self.broken(slot);
                }
                Due::Ping(payload) => {
                    let frame = control_frame(OpCode::Ping, &payload);
                    if let Some(connection) = self.connections.get_mut(slot as usize) {
                        connection.push(frame);
                    }
                    self.touch(slot);
                }
                Due::Fail(reason) => {
                    self.counters(|c| c.violations.increment());
                    self.fail(slot, CloseCode::POLICY_VIOLATION, reason);
                }
                Due::GoOn => self.schedule.again.push(slot),
            }
            used_up = self.schedule.work.check_used_up();
        }
        if self.sweeping.place < self.connections.capacity() {
            self.sweeping.next = self.now;
        } else {
            self.sweeping.place = 0;
            self.writing.shed.settle(self.all_waiting(), self.now);
        }
        if self.accepting.after > Duration::ZERO && self.now >= self.accepting.after {
            self.accepting.after = Duration::ZERO;
            self.schedule.again.push(ACCEPT);
        }
        self.say_farewell();
    }

    fn due(&mut self, slot: u32, lifetime: Duration) -> Due {
        let now = self.now;
        let config = &self.common.config;
        let Some(connection) = self.connections.get_mut(slot as usize) else { return Due::Nothing };
        if connection.is_waited_for() && connection.stream.take_activity() {
            connection.note_progress(now, config.limits.close_timeout);
        }
        let reading = connection.may_read();
        let late = match connection.phase {
            // Until its token is over, whether anybody looks or not.
            Phase::Open => lifetime >= connection.deadline,
            _ => now >= connection.deadline,
        };
        match connection.phase {
            Phase::ProxyHeader { .. } | Phase::Tls | Phase::Head(_) | Phase::Body(_) if late => {
                return Due::GiveUp;
            }
            Phase::Deciding(_) if late => return Due::Undecided,
            Phase::Asking { .. } if late => return Due::Unserved,
            Phase::Responding => {
                let slow = connection.stalled.zip(config.limits.send_timeout);
                let slow = slow.is_some_and(|(since, most)| now.saturating_sub(since) >= most);
                return if slow { Due::Remove } else { Due::Nothing };
            }
            Phase::Failing { .. } if late => return Due::FailNow,
            Phase::Closing { .. } if late => return Due::Unanswered,
            Phase::Lingering { .. } if late => return Due::Remove,
            Phase::Open if late => return Due::Expired,
            Phase::Open => {}
            _ => return Due::Nothing,
        }
        let Some(open) = &mut connection.open else { return Due::Nothing };
        if let (Some(since), Some(most)) = (connection.stalled, config.limits.send_timeout)
            && now.saturating_sub(since) >= most
        {
            return Due::Slow;
        }
        match open.heart.beat(&config.heartbeat, now, u64::from(slot), reading) {
            Beat::Wait => {}
            Beat::Dead => return Due::Dead,
            Beat::Ping(payload) => return Due::Ping(payload),
        }
        if open.check_message_overdue(now, reading) {
            return Due::Fail("a message arrives too slowly");
        }
        if let Some(throttled) = open.throttled.as_mut().filter(|t| t.now) {
            if now.saturating_sub(throttled.since) >= THROTTLE_TIME {
                return Due::Fail("more messages than the allowed rate for ten seconds");
            }
            if now >= throttled.until {
                throttled.now = false;
                return Due::GoOn;
            }
        }
        Due::Nothing
    }
}

/// After so many connections for which nothing is due it is asked how late it is.
const LOOKS: usize = 64;
const SHORTEST_TICK: Duration = Duration::from_millis(10);
const LONGEST_TICK: Duration = Duration::from_millis(250);
/// Time for which a client may stay over its message rate, delayed as it is.
const THROTTLE_TIME: Duration = Duration::from_secs(10);
