//! The queue between a shard and PHP, in both directions.
//!
//! Both ends run on one thread, so this is the cost of the code. `benches/load` measures the effect of two
//! processors' caches.

use std::{hint::black_box, sync::Arc};

use bytes::Bytes;
use criterion::Criterion;
use ferrite::queue::{Command, ConnectionId, Event, Inbox, Link, Parker, WakeFd, link};

use crate::allocations;

pub(crate) fn bench(criterion: &mut Criterion) {
    events(criterion);
    commands(criterion);
}

fn events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("crossing");
    let mut inbox = Inbox::new().expect("a descriptor");
    let (consumer, waker) = inbox.consumer();
    let Link { events: mut queue, receiver, .. } = link(consumer, waker);
    inbox.add(receiver);

    allocations::bench(&mut group, "an event", 1, SEGMENT, || {
        queue.push(message());
        queue.flush();
        inbox.pop()
    });
    allocations::bench(&mut group, "16 events, one batch", 16, SEGMENT, || {
        (0..16).for_each(|_| queue.push(message()));
        queue.flush();
        while let Some(event) = inbox.pop() {
            black_box(event);
        }
    });
    // With the system calls that wake the consumer and make its descriptor unreadable again.
    allocations::bench(&mut group, "an event that wakes", 1, SEGMENT, || {
        assert!(inbox.prepare_sleep());
        queue.push(message());
        queue.flush();
        inbox.awake();
        inbox.clear();
        inbox.pop()
    });
    group.finish();
}

fn commands(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("crossing");
    let waker = WakeFd::new().expect("a descriptor").waker();
    let Link { primary: mut queue, mut commands, .. } = link(Arc::new(Parker::new()), waker);

    allocations::bench(&mut group, "a command", 1, SEGMENT, || {
        queue.push(send());
        queue.flush();
        commands.pop()
    });
    allocations::bench(&mut group, "16 commands, one batch", 16, SEGMENT, || {
        for _ in 0..16 {
            queue.push(send());
        }
        queue.flush();
        while let Some(command) = commands.pop() {
            black_box(command);
        }
    });
    group.finish();
}

// Static payloads without a reference count: the crossing alone.
fn message() -> Event {
    Event::Message { id: black_box(ID), payload: Bytes::from_static(PAYLOAD), binary: false }
}

fn send() -> Command {
    Command::Send { id: black_box(ID), frame: Bytes::from_static(FRAME), compress: false }
}

const ID: ConnectionId = ConnectionId::new(0, 0, 1);
const PAYLOAD: &[u8] = b"a line of some chat.";
const FRAME: &[u8] = b"\x81\x14a line of some chat.";
/// Allocations of an item at most: its part of a segment, which holds dozens.
const SEGMENT: f64 = 0.02;
