//! Messages of a compressing client, from the reads to the message: small ones, and a large one that is
//! inflated while it arrives.

use std::hint::black_box;

use bytes::{BufMut, BytesMut};
use criterion::Criterion;
use ferrite::{
    deflate::{Agreement, Codec, Contexts},
    frame::{DecodeLimits, Decoder, OpCode, Payloads, Received},
};

use crate::{
    allocations,
    wire::{Chunk, masked},
};

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("inflate");
    for takeover in [false, true] {
        for (size, len) in [("100 B", 100), ("4 KiB", 4 << 10), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20)] {
            let mut receiver = Receiver::new(takeover);
            let wire = receiver.compressed(&document(len));
            let name = format!("{size}{}", if takeover { ", takeover" } else { "" });
            allocations::bench(&mut group, &name, 1, 32.0, || {
                assert_eq!(receiver.read(black_box(&wire)), len);
            });
        }
    }
    group.finish();
}

/// The receiving half of a connection that agreed on compression.
struct Receiver {
    chunk: Chunk,
    decoder: Decoder,
    payloads: Payloads,
    codec: Codec,
    contexts: Contexts,
}

impl Receiver {
    fn new(takeover: bool) -> Self {
        let agreement = Agreement {
            server_takeover: false,
            client_takeover: takeover,
            server_window_bits: 15,
            server_window_demanded: false,
            client_window_bits: None,
        };
        Self {
            chunk: Chunk::default(),
            decoder: Decoder::new(),
            payloads: Payloads::default(),
            codec: Codec::new(6),
            contexts: Contexts::new(agreement),
        }
    }

    /// A frame with this message, which refers to no other.
    fn compressed(&mut self, message: &[u8]) -> Vec<u8> {
        let mut frame =
            masked(OpCode::Binary, self.codec.deflate(&mut self.contexts, message).expect("it always can"));
        if let Some(first) = frame.first_mut() {
            *first |= COMPRESSED;
        }
        frame
    }

    /// Reads as a connection does (`src/connection/reader.rs`); the length of the message.
    fn read(&mut self, mut wire: &[u8]) -> usize {
        let mut inflated = 0;
        while !wire.is_empty() {
            let mut len = wire.len().min(READ);
            let mut input = BytesMut::new();
            if let Some(mut direct) = self.decoder.direct_buffer() {
                len = len.min(direct.remaining_mut());
                direct.put_slice(wire.get(..len).unwrap_or_default());
            } else {
                input = self.chunk.read(wire.get(..len).unwrap_or_default());
            }
            wire = wire.get(len..).unwrap_or_default();
            while let Some(received) =
                self.decoder.next(&mut input, &mut self.payloads, &LIMITS).expect("a legal frame")
            {
                let (codec, contexts) = (&mut self.codec, &mut self.contexts);
                match received {
                    Received::Part(part) => {
                        codec.inflate_part(contexts, &part, LIMITS.max_message).expect("a part");
                    }
                    Received::Message { payload, .. } => {
                        let message = codec.inflate(contexts, &payload, LIMITS.max_message);
                        inflated += black_box(message.expect("a message")).len();
                    }
                    _ => {}
                }
            }
        }
        inflated
    }
}

/// Numbered lines with numbers in them, which shrink to about a third as JSON does.
fn document(len: usize) -> Vec<u8> {
    let mut document = Vec::new();
    let mut number = 1_u64;
    while document.len() < len {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        document.extend(format!("{{\"id\":{number},\"name\":\"user {}\"}}\n", number >> 48).into_bytes());
    }
    document.truncate(len);
    document
}

const COMPRESSED: u8 = 0x40;
const LIMITS: DecodeLimits = DecodeLimits { max_message: 1 << 20, deflate: true, part: 64 << 10 };
const READ: usize = 64 << 10;
