//! One worker as the front sees it: its process, its lane, and the events that it has not finished.

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    io,
    os::fd::{AsRawFd, OwnedFd},
    os::unix::net::UnixStream,
    process::Child,
    time::Instant,
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

use super::{item::Item, recycling::Busy};
use crate::{
    port::{Event, Interests},
    queue::{WakeFd, Waker},
    ring::{Duplex, Note, PeerWord, SharedParts},
    wire::{self, About, Assembler, BadRecord, EventFlags, Incoming, Kind, Order, Pieces},
};

/// A worker.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) key: u64,
    pub(super) index: usize,
    pub(super) generation: u64,
    pub(super) state: State,
    pub(super) child: Child,
    pub(super) socket: UnixStream,
    pub(super) incoming: Incoming,
    /// Kept for the watch.
    pub(super) process: OwnedFd,
    pub(super) lane: Option<Lane>,
    pub(super) interests: Interests,
    pub(super) has_logger: bool,
    pub(super) is_leader: bool,
    /// Its last words: that it ends, and the error that PHP could report.
    pub(super) last_words: Option<Option<String>>,
    /// A reason of the front's to end it.
    pub(super) blamed: Option<&'static str>,
    pub(super) started: Instant,
    /// When a worker that was told to go is ended.
    pub(super) deadline: Option<Instant>,
    /// Connections that it has.
    pub(super) connections: usize,
    /// Connections, handshakes and requests that were given to it, in all.
    pub(super) given: u64,
    /// True once a record of its broke the rules: nothing more is read from it.
    pub(super) is_broken: bool,
    /// True once it has released them all, since it is about to end.
    pub(super) has_detached: bool,
    /// When it was asked for the place in its script.
    pub(super) asked_for_place: Option<Instant>,
    /// The callback that it was in at the last look.
    pub(super) busy: Option<Busy>,
}

/// The progress of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// Its process was started.
    Starting,
    /// It has said its options.
    Greeted,
    /// It is ready, and the rest of its generation is not.
    Waiting,
    /// It takes events.
    Ready,
    /// It gets no new connections, and finishes what it has.
    Retiring,
    /// It was told that no further event comes.
    Leaving,
}

/// The shared memory of a worker, and the events in it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) duplex: Duplex,
    waker: Waker,
    /// Kept open for the worker until it has got them.
    descriptors: Option<(SharedParts, WakeFd)>,
    /// Events that the worker has not finished, in order.
    outstanding: VecDeque<Item>,
    /// The number of the first of them.
    first: u64,
    /// Records for which the lane has had no room.
    backlog: VecDeque<Outgoing>,
    /// The answer for which the lane has had no room. A worker waits for one at a time, the last that it asked for.
    answer: Option<Vec<u8>>,
    pieces: Option<Pieces>,
    pub(super) assembler: Assembler,
    scratch: Vec<u8>,
    touched: bool,
    /// Events that it has finished.
    pub(super) finished: u64,
}

/// A record for a worker.
#[derive(Debug)]
enum Outgoing {
    Event(Box<Item>, Option<Box<About>>),
    Record(u32, Vec<u8>),
}

impl Worker {
    /// True if it may be given new connections.
    pub(super) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Ends it at once, with the processes that it has started in its group.
    pub(super) fn kill(&mut self, why: &'static str) {
        self.blamed.get_or_insert(why);
        let _ = killpg(self.pid(), Signal::SIGKILL);
        // In case that it has changed its group.
        let _ = self.child.kill();
    }

    /// Asks it for the place in its script.
    pub(super) fn ask_for_place(&self) {
        if let Ok(signal) = Signal::try_from(Note::SIGNAL) {
            let _ = kill(self.pid(), signal);
        }
    }

    /// Its process id.
    pub(super) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX))
    }

    /// Its lane, unless a record in it broke the rules.
    pub(super) fn readable_lane(&mut self) -> Option<&mut Lane> {
        self.lane.as_mut().filter(|_| !self.is_broken)
    }

    /// Events that it has not finished.
    pub(super) fn load(&self) -> usize {
        self.lane.as_ref().map_or(0, Lane::load)
    }

    /// Gives it an order.
    pub(super) fn order(&mut self, order: &Order) {
        if let (Some(lane), Ok(bytes)) = (&mut self.lane, postcard::to_allocvec(order)) {
            lane.record(Kind::Order.with(0), bytes);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill("the front ends");
            let _ = self.child.wait();
        }
    }
}

impl Lane {
    pub(super) fn create(most: usize) -> io::Result<Self> {
        let (duplex, parts) = Duplex::create(CAPACITY)?;
        let wake = WakeFd::new()?;
        Ok(Self {
            duplex,
            waker: wake.waker(),
            descriptors: Some((parts, wake)),
            outstanding: VecDeque::new(),
            first: 1,
            backlog: VecDeque::new(),
            answer: None,
            pieces: None,
            assembler: Assembler::new(most),
            scratch: Vec::new(),
            touched: false,
            finished: 0,
        })
    }

    /// The descriptors for the worker: both segments, and the one that wakes it.
    pub(super) fn descriptors(&self) -> Option<[i32; 3]> {
        use std::os::fd::AsFd;
        let (parts, wake) = self.descriptors.as_ref()?;
        Some([parts.makers.as_raw_fd(), parts.peers.as_raw_fd(), wake.as_fd().as_raw_fd()])
    }

    /// The worker has got its descriptors.
    pub(super) fn sent(&mut self) {
        self.descriptors = None;
    }

    /// Events that the worker has not finished, and records that wait for room.
    pub(super) fn load(&self) -> usize {
        self.outstanding.len() + self.backlog.len()
    }

    /// Gives the worker an event.
    #[inline]
    pub(super) fn event(&mut self, item: Item, about: Option<Box<About>>) {
        if !self.backlog.is_empty() || self.pieces.is_some() || !self.write(&item, about.as_deref()) {
            self.backlog.push_back(Outgoing::Event(Box::new(item), about));
            return;
        }
        self.outstanding.push_back(item);
    }

    /// Sends the worker another record.
    pub(super) fn record(&mut self, word: u32, bytes: Vec<u8>) {
        self.backlog.push_back(Outgoing::Record(word, bytes));
        self.advance();
    }

    /// Answers the worker's question. An earlier answer that has found no room is for nobody any more.
    pub(super) fn answer(&mut self, bytes: Vec<u8>) {
        self.answer = Some(bytes);
        self.advance();
    }

    /// Writes the waiting records for which there is room.
    pub(super) fn advance(&mut self) {
        loop {
            if let Some(pieces) = &mut self.pieces {
                self.touched = true;
                if !pieces.advance(&mut self.duplex) {
                    break;
                }
                self.pieces = None;
            }
            if let Some(bytes) = self.answer.take() {
                match wire::write(&mut self.duplex, Kind::Answer.with(0), &[&bytes]) {
                    Ok(true) => self.touched = true,
                    Ok(false) => {
                        self.answer = Some(bytes);
                        break;
                    }
                    Err(pieces) => {
                        self.pieces = Some(pieces);
                        continue;
                    }
                }
            }
            let Some(next) = self.backlog.pop_front() else { break };
            match next {
                Outgoing::Event(item, about) => {
                    if !self.write(&item, about.as_deref()) {
                        self.backlog.push_front(Outgoing::Event(item, about));
                        break;
                    }
                    self.outstanding.push_back(*item);
                }
                Outgoing::Record(word, bytes) => match wire::write(&mut self.duplex, word, &[&bytes]) {
                    Ok(true) => self.touched = true,
                    Ok(false) => {
                        self.backlog.push_front(Outgoing::Record(word, bytes));
                        break;
                    }
                    Err(pieces) => self.pieces = Some(pieces),
                },
            }
        }
        if !self.backlog.is_empty() || self.answer.is_some() || self.pieces.is_some() {
            // The worker rings when it has made room.
            let _ = self.duplex.has_room_for(self.duplex.most());
        }
    }

    /// Writes the record of an event. False without room.
    #[inline]
    fn write(&mut self, item: &Item, about: Option<&About>) -> bool {
        let attempt = item.attempt;
        let written = match &item.event {
            Event::Message { id, payload, binary } => {
                let word = Kind::Message.with(EventFlags { binary: *binary, attempt }.to_bits());
                wire::write(&mut self.duplex, word, &[&wire::id_bytes(*id), payload])
            }
            event => {
                let word = Kind::Event.with(EventFlags { binary: false, attempt }.to_bits());
                let nothing = About::default();
                if wire::encode_event(event, about.unwrap_or(&nothing), &mut self.scratch).is_err() {
                    // Every event has a form; one without would be lost here, and not hold the others up.
                    self.scratch.clear();
                }
                wire::write(&mut self.duplex, word, &[&self.scratch])
            }
        };
        match written {
            Ok(false) => false,
            Ok(true) => {
                self.touched = true;
                true
            }
            Err(pieces) => {
                self.pieces = Some(pieces);
                self.touched = true;
                if self.pieces.as_mut().is_some_and(|pieces| pieces.advance(&mut self.duplex)) {
                    self.pieces = None;
                }
                true
            }
        }
    }

    /// At the end of a turn: wakes the worker if it sleeps and something was written.
    pub(super) fn flush(&mut self) {
        if std::mem::take(&mut self.touched) && self.duplex.publish() {
            self.waker.wake();
        }
    }

    /// Wakes the worker: there is room again.
    pub(super) fn wake(&self) {
        self.waker.wake();
    }

    /// The number up to which all events are finished, as the worker says now. The records of these events' callbacks
    /// can be read afterwards.
    #[inline]
    pub(super) fn done(&self) -> Result<u64, BadRecord> {
        let done = self.duplex.peer(PeerWord::Done);
        // Read after it: a worker that overwrites its words is noticed before one of them is believed.
        let begun = self.duplex.peer(PeerWord::Begun);
        if done > begun || begun >= self.first + self.outstanding.len() as u64 {
            return Err(BadRecord("more events are begun or finished than there were"));
        }
        Ok(done)
    }

    /// The next event that is finished, if it is one of those up to `done`.
    #[inline]
    pub(super) fn next_finished(&mut self, done: u64) -> Option<Item> {
        let is_finished = self.first <= done || self.outstanding.front().is_some_and(|item| item.is_finished);
        if !is_finished {
            return None;
        }
        let item = self.outstanding.pop_front()?;
        self.first += 1;
        self.finished += 1;
        Some(item)
    }

    /// An event was finished before an earlier one.
    pub(super) fn finish_early(&mut self, number: u64) -> Result<(), BadRecord> {
        let place = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        match place.and_then(|place| self.outstanding.get_mut(place)) {
            Some(item) => item.is_finished = true,
            // It may have become one of those up to the number that the worker shows.
            None if number < self.first => {}
            None => return Err(BadRecord("an event is finished that there was not")),
        }
        Ok(())
    }

    /// True if the worker has begun an event and not finished it; the event's number.
    pub(super) fn begun(&self) -> Option<u64> {
        let begun = self.duplex.peer(PeerWord::Begun);
        let place = usize::try_from(begun.checked_sub(self.first)?).ok()?;
        self.outstanding.get(place).is_some_and(|item| !item.is_finished).then_some(begun)
    }

    /// The number of the timer's callback that the worker is in; `None` if it is in none.
    pub(super) fn timer(&self) -> Option<u64> {
        let timers = self.duplex.peer(PeerWord::Timers);
        (!timers.is_multiple_of(2)).then_some(timers)
    }

    /// True if that event is not finished.
    pub(super) fn is_unfinished(&self, number: u64) -> bool {
        number >= self.first && number > self.duplex.peer(PeerWord::Done)
    }

    /// Takes all events that the worker has not finished, in order; each with true if the worker had begun it.
    pub(super) fn take_unfinished(&mut self) -> Vec<(Item, bool)> {
        let begun = self.duplex.peer(PeerWord::Begun);
        let first = self.first;
        let number = |place: usize| first + place as u64;
        let outstanding = std::mem::take(&mut self.outstanding).into_iter().enumerate();
        let unfinished = outstanding.filter(|(_, item)| !item.is_finished);
        let mut all: Vec<_> = unfinished.map(|(place, item)| (item, number(place) <= begun)).collect();
        for waiting in std::mem::take(&mut self.backlog) {
            if let Outgoing::Event(item, _) = waiting {
                all.push((*item, false));
            }
        }
        all
    }
}

/// Bytes of a lane.
pub(super) const CAPACITY: usize = 256 << 10;
