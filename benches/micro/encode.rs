//! From a payload to the frame that a shard takes: `encode`, and the way there through `Publisher::send`.

use std::{cell::RefCell, hint::black_box, rc::Rc, sync::Arc};

use bytes::BytesMut;
use criterion::{BenchmarkId, Criterion, Throughput};
use ferrite::{
    config::Limits,
    connection::SendGauge,
    frame::{CloseCode, OpCode, encode, encode_close},
    hub::Hub,
    port::{Accept, ConnectionHandle, ConnectionId, Outgoing, Port, Publisher, SendResult, ShardPort},
    queue::Command,
};

use crate::{
    allocations,
    wire::{SIZES, ascii},
};

pub(crate) fn bench(criterion: &mut Criterion) {
    frames(criterion);
    sends(criterion);
}

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    let mut out = BytesMut::with_capacity(128 << 10);
    for (size, len) in SIZES {
        let payload = ascii(len);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new("message", size), |bencher| {
            bencher.iter(|| {
                out.clear();
                encode(&mut out, OpCode::Text, black_box(&payload));
            });
        });
    }
    allocations::bench(&mut group, "close", 1, 0.0, || {
        out.clear();
        encode_close(&mut out, black_box(CloseCode::NORMAL), black_box("done"));
    });
    group.finish();
}

fn sends(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("send");
    let mut line = Line::new();
    let (small, large) = (ascii(20), ascii(64 << 10));
    // A segment of the queue for many commands, a chunk for many frames.
    allocations::bench(&mut group, "16 of 20 B, one batch", 16, 0.02, || {
        line.send(black_box(&small), 16);
    });
    // Its frame.
    allocations::bench(&mut group, "64 KiB", 1, 1.02, || line.send(black_box(&large), 1));
    group.finish();
}

/// One client as PHP's thread sees it, and the shard's end of the queue.
struct Line {
    publisher: Rc<RefCell<Publisher>>,
    connection: Arc<ConnectionHandle>,
    shard: ShardPort,
}

impl Line {
    fn new() -> Self {
        let hub = Arc::new(Hub::new(1, Limits::default(), None));
        let Port { mut shards, consumer, .. } = Port::open(&hub).expect("a descriptor");
        let id = ConnectionId::new(0, 0, 1);
        hub.admit(Arc::new(SendGauge::new(id)), &Accept::default(), None);
        let connection = hub.registry.get(id).expect("the admitted connection");
        let publisher = consumer.assemble::<()>().publisher();
        Self { publisher, connection, shard: shards.pop().expect("one shard") }
    }

    /// Sends the payload `times` in one batch; then takes the frames as the shard would, and drops them.
    fn send(&mut self, payload: &[u8], times: usize) {
        let mut publisher = self.publisher.borrow_mut();
        publisher.begin_batch();
        for _ in 0..times {
            assert_eq!(
                publisher.send(&self.connection, Outgoing::new(payload, false)),
                Ok(SendResult::Queued)
            );
        }
        publisher.end_batch();
        let mut taken = 0;
        while let Some(Command::Send { frame, .. }) = self.shard.commands.pop() {
            taken += black_box(frame).len();
        }
        self.shard.commands.report();
        self.connection.gauge().adjust(-(taken as isize));
    }
}
