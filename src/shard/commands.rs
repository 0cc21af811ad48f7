//! Carrying out commands, in the order in which they were sent.

use super::{fanned::Fanned, tick::Shard, work};
use crate::{
    connection::Connection,
    queue::{Command, ConnectionId},
};

impl Shard {
    /// Takes commands for as long as they have time.
    pub(super) fn take_commands(&mut self) {
        let (mut taken, mut begun) = (0_usize, false);
        while let Some(command) = self.port.commands.pop() {
            taken += 1;
            let is_cheap = matches!(command, Command::Send { compress: false, .. });
            if !begun && (!is_cheap || taken == CHEAP) {
                self.schedule.work.begin(work::COMMANDS);
                begun = true;
            }
            self.carry_out(command);
            if (!is_cheap || taken.is_multiple_of(CHEAP)) && self.schedule.work.check_used_up() {
                break;
            }
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Send { id, frame, compress } => {
                self.deliver(id, frame, compress);
            }
            Command::SendToEach { to, frame, compress } => {
                let mut message = Fanned::new(frame, compress);
                for id in to {
                    if let Some(slot) = self.open_slot(id) {
                        self.fan_out(slot, &mut message, &[]);
                    }
                }
            }
            Command::Publish { topic, frame, compress, except } => {
                let mut message = Fanned::new(frame, compress);
                // A delivery may end subscriptions, its own and others' (`relieve`): the recipients are the
                // subscribers at its start.
                let mut recipients = std::mem::take(&mut self.writing.recipients);
                recipients.extend_from_slice(self.topics.subscribers(&topic));
                for slot in recipients.drain(..) {
                    self.fan_out(slot, &mut message, &except);
                }
                if recipients.capacity() <= KEPT_RECIPIENTS {
                    self.writing.recipients = recipients;
                }
            }
            Command::Broadcast { frame, compress, except } => {
                let mut message = Fanned::new(frame, compress);
                for slot in 0..self.connections.capacity() {
                    self.fan_out(slot as u32, &mut message, &except);
                }
            }
            Command::Subscribe { id, topics } => {
                if let Some(slot) = self.open_slot(id) {
                    topics.into_iter().for_each(|topic| self.topics.join(slot, topic));
                }
            }
            Command::Unsubscribe { id, topics } => {
                if let Some(slot) = self.open_slot(id) {
                    topics.iter().for_each(|topic| self.topics.leave(slot, topic));
                }
            }
            Command::Close { id, code, reason } => self.close(id, code, reason),
            Command::CloseSlow { id } => self.close_slow(id),
            Command::Accept { id, accept } => self.accept_handshake(id, *accept),
            Command::Reject { id, reject } => self.reject_handshake(id, *reject),
            Command::Respond { id, response } => self.respond(id, &response),
            Command::Pause { id } => {
                if let Some(open) = self.open_connection(id).and_then(|c| c.open.as_mut()) {
                    open.paused = true;
                }
            }
            Command::Resume { id } => {
                if let Some(open) = self.open_connection(id).and_then(|c| c.open.as_mut()) {
                    open.paused = false;
                    self.schedule.again.push(self.ids.slot(id) as u32);
                }
            }
            Command::Alarm { after } => self.timing.alarm = Some(self.clock.instant(self.now) + after),
            Command::Stop { grace } => self.stop(grace),
        }
    }

    fn open_connection(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(self.ids.slot(id)).filter(|c| c.id == id && c.is_open())
    }

    fn open_slot(&mut self, id: ConnectionId) -> Option<u32> {
        let slot = self.ids.slot(id) as u32;
        self.open_connection(id).map(|_| slot)
    }
}

/// For so many recipients the memory of their list is kept.
const KEPT_RECIPIENTS: usize = 16 << 10;
/// After so many commands of those that take less time than to ask how late it is, it is asked.
const CHEAP: usize = 32;
