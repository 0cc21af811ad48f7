//! Frames of a client, and the buffer into which a shard reads them.

use std::hint::black_box;

use bytes::BytesMut;
use ferrite::frame::{CHUNK, DecodeLimits, Decoder, OpCode, Payloads, client};

pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The payloads of most benchmarks: a chat line, a small document, a large one.
pub(crate) const SIZES: [(&str, usize); 3] = [("20 B", 20), ("512 B", 512), ("64 KiB", 64 << 10)];

/// One final frame of a client (RFC 6455 §5.2).
pub(crate) fn masked(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    client::frame(0x80 | opcode as u8, KEY, payload)
}

/// Text of `len` bytes that are all ASCII.
pub(crate) fn ascii(len: usize) -> Vec<u8> {
    b"The quick brown fox jumps over the lazy dog. ".iter().copied().cycle().take(len).collect()
}

/// Text of `len` bytes with characters of every length.
pub(crate) fn mixed(len: usize) -> Vec<u8> {
    let mut text = String::new();
    for character in "Grüße, Ελλάδα, 日本 🙂 and so on. ".chars().cycle() {
        if text.len() + character.len_utf8() > len {
            break;
        }
        text.push(character);
    }
    let mut text = text.into_bytes();
    text.resize(len, b'.');
    text
}

/// The read buffer of a shard: one for all its connections, and the same memory again when the
/// bytes in it are consumed.
#[derive(Default)]
pub(crate) struct Chunk(BytesMut);

impl Chunk {
    /// One read. Its copy stands for the kernel's, and is part of the measurement.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> BytesMut {
        if self.0.capacity() - self.0.len() < bytes.len().max(LEAST_ROOM) {
            self.0.reserve(bytes.len().max(CHUNK));
        }
        self.0.extend_from_slice(bytes);
        self.0.split()
    }
}

/// Decodes all items of `input`, drops them, and returns their number.
pub(crate) fn decode(decoder: &mut Decoder, payloads: &mut Payloads, input: &mut BytesMut) -> usize {
    let mut items = 0;
    while let Some(received) = decoder.next(input, payloads, &LIMITS).expect("a legal frame") {
        black_box(received);
        items += 1;
    }
    items
}

const LIMITS: DecodeLimits = DecodeLimits { max_message: 1 << 20, deflate: false, part: 64 << 10 };
/// As in `src/connection/reader.rs`.
const LEAST_ROOM: usize = 8 << 10;
