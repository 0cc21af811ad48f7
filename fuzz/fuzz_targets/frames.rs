//! The decoder: the items of a stream do not depend on its cuts, and memory never exceeds the bytes that
//! have arrived by much.
//!
//! Input: options (two bits: the message limit; 4: compression; 8: the stream begins within a large frame;
//! 16: of text; two bits: the parts in which compressed messages leave; 128: the large frame is compressed),
//! cuts, the stream.

#![no_main]

use bytes::{BufMut, BytesMut};
use ferrite::frame::{
    DecodeLimits, Decoder, OpCode, Payloads, Received, Violation, client, encode, message_of,
};
use ferrite_fuzz::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let options = input.byte();
    let cuts = input.cuts();
    let limits = DecodeLimits {
        max_message: [99, 1024, 32 << 10, 1 << 20][usize::from(options & 3)],
        deflate: options & 4 != 0,
        part: [usize::MAX, 1, 30, EARLIER + DIRECT][usize::from(options >> 5 & 3)],
    };
    let stream = match options & 8 {
        0 => input.rest().to_vec(),
        _ => {
            let first = if options & 16 != 0 { 0x81 } else { 0x82 };
            within_a_large_frame(first | if options & 128 != 0 { 0x40 } else { 0 }, input.rest())
        }
    };
    let whole = outcome([&stream[..]].into_iter(), &limits);
    let total: usize = whole.0.iter().map(payload_len).sum();
    assert!(total <= stream.len(), "more is said than has arrived");
    whole.0.iter().for_each(survives_encoding);
    assert_eq!(outcome(cuts.of(&stream), &limits), whole);
    assert_eq!(outcome_of_socket(cuts.of(&stream), &limits), whole);
});

/// Items that a client sent before it broke a rule or fell silent, the violation, and true if an item is unfinished.
type Outcome = (Vec<Received>, Option<Violation>, bool);

/// The outcome of a stream that arrives in these reads.
fn outcome<'a>(reads: impl Iterator<Item = &'a [u8]>, limits: &DecodeLimits) -> Outcome {
    let (mut decoder, mut said, mut arrived) = (Decoder::new(), Vec::new(), 0);
    for read in reads {
        arrived += read.len();
        let violation = take(&mut decoder, BytesMut::from(read), limits, &mut said);
        check_memory(&decoder, arrived, violation);
        if violation.is_some() || ended(&said) {
            return (said, violation, false);
        }
    }
    (said, None, decoder.in_message())
}

/// The same as a connection reads: straight into a large message if the decoder has a place for it.
fn outcome_of_socket<'a>(reads: impl Iterator<Item = &'a [u8]>, limits: &DecodeLimits) -> Outcome {
    let (mut decoder, mut said, mut arrived) = (Decoder::new(), Vec::new(), 0);
    for mut read in reads {
        while !read.is_empty() {
            let mut chunk = BytesMut::new();
            let mut here = read;
            match decoder.direct_buffer() {
                Some(mut buffer) => {
                    here = &read[..read.len().min(buffer.remaining_mut())];
                    assert!(!here.is_empty(), "a place for nothing");
                    buffer.put_slice(here);
                }
                None => chunk.put_slice(here),
            }
            arrived += here.len();
            read = &read[here.len()..];
            let violation = take(&mut decoder, chunk, limits, &mut said);
            check_memory(&decoder, arrived, violation);
            if violation.is_some() || ended(&said) {
                return (said, violation, false);
            }
        }
    }
    (said, None, decoder.in_message())
}

/// Takes everything out of one read, until a violation or a close frame.
fn take(
    decoder: &mut Decoder,
    mut read: BytesMut,
    limits: &DecodeLimits,
    said: &mut Vec<Received>,
) -> Option<Violation> {
    let mut payloads = Payloads::default();
    loop {
        let at_control = decoder.is_at_control(&read);
        match decoder.next(&mut read, &mut payloads, limits) {
            Ok(Some(received)) => {
                let is_message = matches!(received, Received::Message { .. } | Received::Part(_));
                assert!(!(at_control && is_message), "a control frame was promised");
                check_item(&received, limits);
                said.push(received);
                if ended(said) {
                    return None;
                }
            }
            Ok(None) => {
                assert!(read.is_empty(), "what is not handed over is taken over");
                return None;
            }
            Err(violation) => return Some(violation),
        }
    }
}

/// Decides whether the last item is a close frame, after which nothing is read.
fn ended(said: &[Received]) -> bool {
    matches!(said.last(), Some(Received::Close(_)))
}

fn check_item(received: &Received, limits: &DecodeLimits) {
    match received {
        Received::Message { payload, binary, compressed } => {
            assert!(payload.len() <= if *compressed { limits.part } else { limits.max_message });
            assert!(limits.deflate || !compressed);
            assert!(*binary || *compressed || std::str::from_utf8(payload).is_ok());
        }
        Received::Part(payload) => assert!(limits.deflate && payload.len() == limits.part),
        Received::Ping(payload) | Received::Pong(payload) => assert!(payload.len() <= 125),
        Received::Close(Some(close)) => {
            assert!(close.reason.len() <= 123 && std::str::from_utf8(&close.reason).is_ok());
            assert!(matches!(close.code, 1000..=1003 | 1007..=1014 | 3000..=4999));
        }
        Received::Close(None) => {}
    }
}

fn check_memory(decoder: &Decoder, arrived: usize, violation: Option<Violation>) {
    let most = if violation.is_some() { 0 } else { AT_REST + 2 * arrived };
    assert!(decoder.held() <= most, "{} held of {arrived} that arrived", decoder.held());
}

fn payload_len(received: &Received) -> usize {
    match received {
        Received::Message { payload, .. }
        | Received::Part(payload)
        | Received::Ping(payload)
        | Received::Pong(payload) => payload.len(),
        Received::Close(close) => close.as_ref().map_or(0, |close| 2 + close.reason.len()),
    }
}

/// Checks that a received message can be sent on, and read from the frame that is sent.
fn survives_encoding(received: &Received) {
    if let Received::Message { payload, binary, .. } = received {
        let opcode = if *binary { OpCode::Binary } else { OpCode::Text };
        let mut frame = BytesMut::new();
        encode(&mut frame, opcode, payload);
        assert_eq!(message_of(&frame), (opcode, &payload[..]));
    }
}

/// A stream that begins in a frame long enough to be read directly: sixteen bytes of `rest` are on either
/// side of the part that is, and the others come after the frame.
fn within_a_large_frame(first: u8, rest: &[u8]) -> Vec<u8> {
    let (inside, after) = rest.split_at(rest.len().min(32));
    let (before, behind) = inside.split_at(inside.len().min(16));
    let length = (EARLIER + before.len() + DIRECT + 16) as u64;
    let mut stream = client::header(first, client::CLEAR, length);
    stream.resize(stream.len() + EARLIER, b'a');
    stream.extend(before);
    stream.resize(stream.len() + DIRECT, b'b');
    stream.extend(behind);
    stream.extend(after);
    stream
}

/// Bytes that a decoder may hold before any have arrived.
const AT_REST: usize = 512;
/// From here on a message is read directly, if so much is to come.
const EARLIER: usize = 16 << 10;
const DIRECT: usize = 4 << 10;
