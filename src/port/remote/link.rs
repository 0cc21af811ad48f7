//! The worker's end of the shared memory: reading events and answers, writing commands, and sleeping.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    os::fd::AsFd,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags},
    sys::{signal::SigSet, time::TimeSpec},
};

use super::finished::Finished;
use crate::{
    port::delivery::Finish,
    queue::{Event, WakeFd, Waker},
    ring::{Duplex, Note, PeerWord, SeenTable},
    wire::{self, About, Answer, Assembler, Command, EventFlags, Kind, Order, Question},
};

/// The worker's end.
#[derive(Debug)]
pub(super) struct Link {
    lane: RefCell<Duplex>,
    arrived: RefCell<Arrived>,
    finished: RefCell<Finished>,
    /// Events that were finished before earlier ones, and that the front has not been told of.
    early: RefCell<Vec<u64>>,
    wake: WakeFd,
    bell: Waker,
    pub(super) gauges: Arc<SeenTable>,
    pub(super) is_leader: Cell<bool>,
    /// The order after which no further event comes.
    last_order: Cell<Option<LastOrder>>,
    asked: Cell<u64>,
    /// Timers whose callbacks were begun.
    timers: Cell<u64>,
    pub(super) unanswered: Cell<bool>,
}

/// The reason for which no further event comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastOrder {
    Retire,
    End,
}

/// The records that have come.
#[derive(Debug)]
struct Arrived {
    events: VecDeque<(EventFlags, Option<Box<About>>, Event)>,
    /// The number of the event that was taken last.
    taken: u64,
    answer: Option<(u64, Answer)>,
    record: Vec<u8>,
    pieces: Assembler,
}

impl Link {
    pub(super) fn new(lane: Duplex, wake: WakeFd, bell: Waker, gauges: Arc<SeenTable>) -> Rc<Self> {
        let arrived = Arrived {
            events: VecDeque::new(),
            taken: 0,
            answer: None,
            record: Vec::new(),
            // The front is trusted.
            pieces: Assembler::new(usize::MAX),
        };
        Rc::new(Self {
            lane: RefCell::new(lane),
            arrived: RefCell::new(arrived),
            finished: RefCell::default(),
            early: RefCell::default(),
            wake,
            bell,
            gauges,
            is_leader: Cell::new(false),
            last_order: Cell::default(),
            asked: Cell::new(0),
            timers: Cell::new(0),
            unanswered: Cell::new(false),
        })
    }

    /// Takes the next event, with its number, and shows that it is begun.
    #[inline]
    pub(super) fn take(&self) -> Option<(u64, EventFlags, Option<Box<About>>, Event)> {
        let mut arrived = self.arrived.borrow_mut();
        if arrived.events.is_empty() {
            self.read(&mut arrived);
        }
        let (flags, about, event) = arrived.events.pop_front()?;
        arrived.taken += 1;
        self.lane.borrow().show(PeerWord::Begun, arrived.taken);
        Some((arrived.taken, flags, about, event))
    }

    /// True if an event waits.
    pub(super) fn has_events(&self) -> bool {
        !self.arrived.borrow().events.is_empty() || self.lane.borrow_mut().has_records()
    }

    /// True if every event was taken, and no further one comes.
    pub(super) fn is_over(&self) -> bool {
        self.last_order.get().is_some() && self.arrived.borrow().events.is_empty()
    }

    /// True once this worker was told that another one takes its place.
    pub(super) fn is_retired(&self) -> bool {
        self.last_order.get() == Some(LastOrder::Retire)
    }

    /// Sends a command.
    pub(super) fn command(&self, command: &Command<'_>) {
        // Writing to memory does not fail.
        if let Ok(bytes) = postcard::to_allocvec(command) {
            self.write(Kind::Command.with(0), &[&bytes]);
        }
    }

    /// Sends a record. Waits for room if the front is behind.
    #[inline]
    pub(super) fn write(&self, word: u32, parts: &[&[u8]]) {
        let mut lane = self.lane.borrow_mut();
        let mut pieces = match wire::write(&mut lane, word, parts) {
            Ok(true) => {
                // A front that looks sees it at once, also if the callback goes on for long, or is killed.
                lane.expose();
                if lane.unpublished() > EARLY && lane.publish() {
                    self.bell.wake();
                }
                return;
            }
            Ok(false) => None,
            Err(pieces) => Some(pieces),
        };
        loop {
            let (done, size) = match &mut pieces {
                Some(pieces) => (pieces.advance(&mut lane), lane.most()),
                None => (lane.write(word, parts), parts.iter().map(|part| part.len()).sum()),
            };
            if lane.publish() || !done {
                self.bell.wake();
            }
            if done {
                return;
            }
            if !lane.has_room_for(size) {
                self.sleep_for(Some(PATIENCE), None);
            }
        }
    }

    /// The ends of the records that were written, and of those that the front has read.
    pub(super) fn ends(&self) -> (u64, u64) {
        let lane = self.lane.borrow();
        (lane.written(), lane.read_by_peer())
    }

    /// Ends a batch: lets the front see all that was sent, and wakes it once.
    pub(super) fn flush(&self) {
        let early = std::mem::take(&mut *self.early.borrow_mut());
        for number in early {
            self.command(&Command::Finished(number));
        }
        if self.lane.borrow_mut().publish() {
            self.bell.wake();
        }
    }

    /// Asks, and waits for the answer. `None` if the front does not answer in time.
    pub(super) fn ask(&self, question: Question<'_>) -> Option<Answer> {
        let number = self.next_question();
        self.command(&Command::Ask(number, question));
        self.answer(number)
    }

    /// The number of a question that is about to be asked.
    pub(super) fn next_question(&self) -> u64 {
        self.asked.set(self.asked.get() + 1);
        self.asked.get()
    }

    /// Waits for the answer to a question that was asked.
    pub(super) fn answer(&self, number: u64) -> Option<Answer> {
        self.flush();
        let deadline = Instant::now() + ANSWER_TIME;
        loop {
            let mut arrived = self.arrived.borrow_mut();
            self.read(&mut arrived);
            // An answer that comes too late is that of another question.
            if let Some((_, answer)) = arrived.answer.take_if(|(of, _)| *of == number) {
                return Some(answer);
            }
            drop(arrived);
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.unanswered.set(true);
                return None;
            }
            if self.lane.borrow_mut().announce_sleep() {
                self.sleep_for(Some(left), None);
            }
            self.lane.borrow_mut().set_awake();
        }
    }

    /// Sleeps until a record comes, `until`, or a signal that is not in `unblocked`. True for a signal.
    pub(super) fn sleep(&self, until: Option<Instant>, unblocked: Option<SigSet>) -> bool {
        if self.has_events() || !self.lane.borrow_mut().announce_sleep() {
            return false;
        }
        let interrupted =
            self.sleep_for(until.map(|until| until.saturating_duration_since(Instant::now())), unblocked);
        self.lane.borrow_mut().set_awake();
        interrupted
    }

    /// Shows that the callback of a timer runs, or is over.
    pub(super) fn show_timer(&self, runs: bool) {
        if runs {
            self.timers.set(self.timers.get() + 1);
        }
        self.lane.borrow().show(PeerWord::Timers, self.timers.get() * 2 - u64::from(runs));
    }

    /// Memory for a text that the front can read.
    pub(super) fn note(&self) -> Note {
        self.lane.borrow().note()
    }

    pub(super) fn wake_fd(&self) -> &WakeFd {
        &self.wake
    }

    fn sleep_for(&self, time: Option<Duration>, unblocked: Option<SigSet>) -> bool {
        let mut fds = [PollFd::new(self.wake.as_fd(), PollFlags::POLLIN)];
        let result = nix::poll::ppoll(&mut fds, time.map(TimeSpec::from), unblocked);
        if matches!(result, Ok(count) if count > 0) {
            self.wake.clear();
        }
        result == Err(Errno::EINTR)
    }

    /// Reads the records that have come, and gives their room back.
    fn read(&self, arrived: &mut Arrived) {
        let mut lane = self.lane.borrow_mut();
        for _ in 0..AT_ONCE {
            // The front keeps the rules of the lane.
            let Ok(Some(word)) = lane.read(&mut arrived.record) else { break };
            if let Ok(Some(word)) = arrived.pieces.take(word, &mut arrived.record) {
                self.sort(arrived, word);
            }
        }
        if lane.release() {
            self.bell.wake();
        }
    }

    #[inline]
    fn sort(&self, arrived: &mut Arrived, word: u32) {
        match Kind::of(word) {
            Some(Kind::Message) => {
                let flags = EventFlags::of(word);
                if let Ok((id, payload)) = wire::split_id(&arrived.record) {
                    let payload = Bytes::copy_from_slice(payload);
                    let event = Event::Message { id, payload, binary: flags.binary };
                    arrived.events.push_back((flags, None, event));
                }
            }
            Some(Kind::Event) => {
                if let Ok((about, event)) = wire::decode_event(&arrived.record) {
                    arrived.events.push_back((EventFlags::of(word), Some(Box::new(about)), event));
                }
            }
            Some(Kind::Answer) => arrived.answer = postcard::from_bytes(&arrived.record).ok(),
            Some(Kind::Order) => match postcard::from_bytes(&arrived.record) {
                Ok(Order::Lead(leads)) => self.is_leader.set(leads),
                Ok(Order::Retire) => {
                    // Its successor may be the leader from now on.
                    self.is_leader.set(false);
                    self.last_order.set(Some(LastOrder::Retire));
                }
                Ok(Order::End) => self.last_order.set(Some(LastOrder::End)),
                Err(_) => {}
            },
            _ => {}
        }
    }
}

impl Finish for Link {
    #[inline]
    fn finish(&self, number: u64) {
        match self.finished.borrow_mut().add(number) {
            Some(up_to) => {
                let mut lane = self.lane.borrow_mut();
                // First what the event's callback has sent.
                lane.expose();
                lane.show(PeerWord::Done, up_to);
            }
            None => self.early.borrow_mut().push(number),
        }
    }
}

/// Records that are read at once.
const AT_ONCE: usize = 64;
/// Bytes of commands for which the front is woken in the middle of a batch.
const EARLY: u64 = 64 << 10;
/// Time after which a worker without room looks again.
const PATIENCE: Duration = Duration::from_millis(100);
/// Time for an answer of the front.
const ANSWER_TIME: Duration = Duration::from_secs(1);
