//! Whole streams of clients through the decoder, cut at every place where a network may cut them.

mod memory;
mod oracle;
mod round_trip;
mod splits;
mod streams;

use bytes::BytesMut;

use super::{DecodeLimits, Decoder, OpCode, Payloads, Received, Violation, client};

const LIMITS: DecodeLimits = DecodeLimits { max_message: 1024 * 1024, deflate: false, part: usize::MAX };
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// One masked frame, as a client writes it.
fn client_frame(fin: bool, opcode: OpCode, key: [u8; 4], payload: &[u8]) -> Vec<u8> {
    client::frame(u8::from(fin) << 7 | opcode as u8, key, payload)
}

/// A final frame.
fn whole(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    client_frame(true, opcode, KEY, payload)
}

/// A fragment that is not the last.
fn fragment(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    client_frame(false, opcode, KEY, payload)
}

/// The same frame with RSV1: the message that it begins is compressed.
fn marked(mut frame: Vec<u8>) -> Vec<u8> {
    frame[0] |= 0x40;
    frame
}

fn text(payload: &str) -> Received {
    Received::Message { payload: payload.as_bytes().to_vec().into(), binary: false, compressed: false }
}

fn binary(payload: &[u8]) -> Received {
    Received::Message { payload: payload.to_vec().into(), binary: true, compressed: false }
}

/// The end of a compressed message, or all of it.
fn compressed(payload: &[u8], binary: bool) -> Received {
    Received::Message { payload: payload.to_vec().into(), binary, compressed: true }
}

/// Items that a client sent before it broke a rule or fell silent, and the violation.
type Outcome = (Vec<Received>, Option<Violation>);

/// Feeds `read` as one read from the socket.
fn feed(
    decoder: &mut Decoder,
    read: &[u8],
    limits: &DecodeLimits,
    said: &mut Vec<Received>,
) -> Result<(), Violation> {
    let mut input = BytesMut::from(read);
    while let Some(received) = decoder.next(&mut input, &mut Payloads::default(), limits)? {
        said.push(received);
    }
    assert!(input.is_empty(), "the decoder keeps all bytes that it does not hand over");
    Ok(())
}

/// The outcome of a stream that arrives in these reads.
fn outcome<'a>(reads: impl IntoIterator<Item = &'a [u8]>, limits: &DecodeLimits) -> Outcome {
    let (mut decoder, mut said) = (Decoder::new(), Vec::new());
    for read in reads {
        if let Err(violation) = feed(&mut decoder, read, limits, &mut said) {
            return (said, Some(violation));
        }
    }
    (said, None)
}

/// Everything that a stream without a violation says, in one read.
fn decoded(stream: &[u8]) -> Vec<Received> {
    let (said, violation) = outcome([stream], &LIMITS);
    assert_eq!(violation, None);
    said
}

/// The violation of a stream, and how many bytes of it had arrived when it was found.
fn proof(stream: &[u8], limits: &DecodeLimits) -> (Violation, usize) {
    let (mut decoder, mut said) = (Decoder::new(), Vec::new());
    for (i, byte) in stream.iter().enumerate() {
        if let Err(violation) = feed(&mut decoder, &[*byte], limits, &mut said) {
            return (violation, i + 1);
        }
    }
    panic!("nothing wrong with {stream:02x?}");
}
