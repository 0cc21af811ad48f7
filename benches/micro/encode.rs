//! From a payload to the frame that a shard takes: `encode`, and the way there through `Publisher::send`.

use std::{hint::black_box, sync::Arc};

use bytes::BytesMut;
use criterion::{BenchmarkId, Criterion, Throughput};
use ferrite::{
    config::Limits,
    connection::Peer,
    frame::{CloseCode, OpCode, encode, encode_close},
    hub::Hub,
    port::{ConnectionHandle, Outgoing, Publisher, SendResult},
    queue::{Accept, Command, CommandReceiver, ConnectionId, Parker, WakeFd, link},
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

/// One client as PHP's thread sees it, and the end of the queue at which its shard would be.
struct Line {
    handle: Publisher,
    member: Arc<ConnectionHandle>,
    commands: CommandReceiver,
}

impl Line {
    fn new() -> Self {
        let waker = WakeFd::new().expect("a descriptor").waker();
        let (_, _, queue, commands) = link(Arc::new(Parker::new()), waker);
        let hub = Arc::new(Hub::new(1, Limits::default(), None));
        let id = ConnectionId::new(0, 0, 1);
        hub.admit(Arc::new(Peer::new(id)), &Accept::default());
        let member = hub.registry.get(id).expect("who was admitted");
        Self { handle: Publisher::new(hub, vec![queue]), member, commands }
    }

    /// Says it `times` in one batch; then takes the frames as the shard would, and drops them.
    fn send(&mut self, payload: &[u8], times: usize) {
        self.handle.begin_batch();
        for _ in 0..times {
            assert_eq!(self.handle.send(&self.member, Outgoing::new(payload, false)), Ok(SendResult::Queued));
        }
        self.handle.end_batch();
        let mut taken = 0;
        while let Some(Command::Send { frame, .. }) = self.commands.pop() {
            taken += black_box(frame).len();
        }
        self.commands.report();
        self.member.peer().adjust(-(taken as isize));
    }
}
