//! Memory and copies of the decoder, and reading straight into a message.

use super::*;
use bytes::{Buf, BufMut};

#[test]
fn a_decoder_at_rest_is_one_pointer_and_holds_nothing() {
    assert_eq!(size_of::<Decoder>(), size_of::<usize>());
    let (mut decoder, mut said) = (Decoder::new(), Vec::new());
    assert_eq!(decoder.held(), 0);
    for read in whole(OpCode::Text, &[b'a'; 200]).chunks(3) {
        feed(&mut decoder, read, &LIMITS, &mut said).unwrap();
    }
    assert_eq!((said.len(), decoder.held()), (1, 0));
}

#[test]
fn a_declared_mebibyte_costs_what_has_arrived() {
    let mut stream = b"\x82\xff\0\0\0\0\0\x10\0\0\x01\x02\x03\x04".to_vec();
    stream.extend([0; 10]);
    for reads in [stream.chunks(stream.len()), stream.chunks(1)] {
        let (mut decoder, mut said) = (Decoder::new(), Vec::new());
        for read in reads {
            feed(&mut decoder, read, &LIMITS, &mut said).unwrap();
        }
        assert!(decoder.in_message());
        assert!(decoder.held() < 1024, "{} bytes", decoder.held());
    }
}

#[test]
fn what_is_held_is_at_most_twice_what_has_arrived() {
    let stream = whole(OpCode::Binary, &vec![1; 300_000]);
    let (mut decoder, mut said, mut arrived) = (Decoder::new(), Vec::new(), 0);
    let at_rest = 512;
    for read in stream.chunks(1_447) {
        feed(&mut decoder, read, &LIMITS, &mut said).unwrap();
        arrived += read.len();
        assert!(decoder.held() <= at_rest + 2 * arrived, "{} of {arrived}", decoder.held());
        assert!(decoder.held() <= at_rest + 300_000, "no more than the frame can fill");
    }
    assert_eq!(said.len(), 1);
}

#[test]
fn of_a_compressed_message_no_more_than_a_part_is_held() {
    let limits = DecodeLimits { deflate: true, part: 40_000, ..LIMITS };
    for most in [1_447, 16_000, 64_000] {
        let stream = marked(whole(OpCode::Binary, &vec![1; 300_000]));
        let (mut decoder, mut said) = (Decoder::new(), Vec::new());
        let mut socket = Socket { stream: &stream, most };
        while !socket.stream.is_empty() {
            let mut chunk = BytesMut::new();
            match decoder.direct_buffer() {
                Some(buffer) => socket.read(buffer),
                None => socket.read((&mut chunk).limit(64_000)),
            };
            while let Some(received) = decoder.next(&mut chunk, &mut Payloads::default(), &limits).unwrap() {
                said.push(received);
            }
            assert!(decoder.held() <= 512 + 40_000, "{}", decoder.held());
        }
        let lengths = said.iter().map(|received| match received {
            Received::Part(part) => part.len(),
            Received::Message { payload, .. } => payload.len(),
            _ => 0,
        });
        assert_eq!(
            lengths.collect::<Vec<_>>(),
            [40_000, 40_000, 40_000, 40_000, 40_000, 40_000, 40_000, 20_000]
        );
    }
}

#[test]
fn a_message_keeps_nothing_of_what_was_read_with_it() {
    let mut payloads = Payloads::default();
    let mut chunk =
        BytesMut::from(&[whole(OpCode::Text, b"one"), whole(OpCode::Binary, b"two")].concat()[..]);
    let range = chunk.as_ptr_range();
    let mut decoder = Decoder::new();
    let mut messages = Vec::new();
    for expected in [&b"one"[..], b"two"] {
        let Some(Received::Message { payload, .. }) =
            decoder.next(&mut chunk, &mut payloads, &LIMITS).unwrap()
        else {
            panic!("a message")
        };
        assert_eq!(payload, expected);
        assert!(!range.contains(&payload.as_ptr()));
        messages.push(payload);
    }
    assert_eq!(messages[0].as_ptr_range().end, messages[1].as_ptr(), "one behind the other");
}

#[test]
fn a_control_frame_between_fragments_is_not_copied_either() {
    let mut decoder = Decoder::new();
    feed(&mut decoder, &fragment(OpCode::Text, b"a"), &LIMITS, &mut Vec::new()).unwrap();
    let mut chunk = BytesMut::from(&whole(OpCode::Ping, b"p")[..]);
    let range = chunk.as_ptr_range();
    let Some(Received::Ping(payload)) = decoder.next(&mut chunk, &mut Payloads::default(), &LIMITS).unwrap()
    else {
        panic!("a ping")
    };
    assert!(range.contains(&payload.as_ptr()));
}

#[test]
fn an_empty_payload_keeps_no_chunk_alive() {
    let mut chunk = BytesMut::from(&whole(OpCode::Ping, b"")[..]);
    let range = chunk.as_ptr_range();
    let Some(Received::Ping(payload)) =
        Decoder::new().next(&mut chunk, &mut Payloads::default(), &LIMITS).unwrap()
    else {
        panic!("a ping")
    };
    assert!(payload.is_empty() && !range.contains(&payload.as_ptr()));
}

#[test]
fn a_violation_lets_go_of_what_was_held() {
    let (mut decoder, mut said) = (Decoder::new(), Vec::new());
    feed(&mut decoder, &fragment(OpCode::Text, &[b'a'; 1_000]), &LIMITS, &mut said).unwrap();
    assert!(decoder.held() > 1_000);
    assert!(feed(&mut decoder, b"\x81\x05", &LIMITS, &mut said).is_err());
    assert_eq!(decoder.held(), 0);
}

/// A socket that yields `stream`, at most `most` bytes a read.
struct Socket<'a> {
    stream: &'a [u8],
    most: usize,
}

impl Socket<'_> {
    fn read(&mut self, mut into: impl BufMut) -> usize {
        let len = self.most.min(self.stream.len()).min(into.remaining_mut());
        into.put_slice(&self.stream[..len]);
        self.stream.advance(len);
        len
    }
}

/// As a connection reads: directly where the decoder has a buffer, else into a chunk.
/// Also says how many bytes came directly.
fn outcome_of_socket(stream: &[u8], most: usize) -> (Outcome, usize) {
    let (mut decoder, mut said, mut directly) = (Decoder::new(), Vec::new(), 0);
    let mut socket = Socket { stream, most };
    loop {
        let mut chunk = BytesMut::new();
        let arrived = match decoder.direct_buffer() {
            Some(buffer) => {
                assert!(buffer.remaining_mut() > 0);
                let arrived = socket.read(buffer);
                directly += arrived;
                arrived
            }
            None => socket.read((&mut chunk).limit(16 * 1024)),
        };
        if arrived == 0 {
            return ((said, None), directly);
        }
        loop {
            match decoder.next(&mut chunk, &mut Payloads::default(), &LIMITS) {
                Ok(Some(received)) => said.push(received),
                Ok(None) => break,
                Err(violation) => return ((said, Some(violation)), directly),
            }
        }
        assert!(decoder.held() <= 512 + 2 * (stream.len() - socket.stream.len()));
    }
}

#[test]
fn a_large_payload_read_directly_equals_a_copied_one() {
    let large: String = "häßlich 𝄞 ".repeat(20_000);
    let (first, second) = large.as_bytes().split_at(100_001);
    let stream = [
        whole(OpCode::Text, b"before"),
        fragment(OpCode::Text, first),
        whole(OpCode::Ping, b"between"),
        whole(OpCode::Continuation, second),
        whole(OpCode::Binary, &large.as_bytes()[..70_000]),
        whole(OpCode::Text, b"after"),
    ]
    .concat();
    let expected = outcome([&stream[..]], &LIMITS);
    assert_eq!(expected.0.len(), 5);
    for most in [1_447, 4_096, 65_535, usize::MAX] {
        let (got, directly) = outcome_of_socket(&stream, most);
        assert!(got == expected, "reads of {most}");
        assert!(directly > 200_000, "only {directly} bytes read directly");
    }
}

#[test]
fn bad_text_read_directly_is_refused_as_it_arrives() {
    let mut bad = vec![b'a'; 200_000];
    bad[150_000] = 0xff;
    let stream = whole(OpCode::Text, &bad);
    // The end never comes; the bad byte has.
    let (got, directly) = outcome_of_socket(&stream[..160_000], 9_999);
    assert_eq!(got, (vec![], Some(Violation::InvalidUtf8)));
    assert!(directly > 100_000);
}

#[test]
fn a_direct_buffer_appears_with_16_kib_and_never_exceeds_the_frame() {
    let stream = [whole(OpCode::Binary, &[5; 40_000]), whole(OpCode::Text, b"next")].concat();
    let (mut decoder, mut said) = (Decoder::new(), Vec::new());
    assert!(decoder.direct_buffer().is_none());
    feed(&mut decoder, &stream[..8 + 16_383], &LIMITS, &mut said).unwrap();
    assert!(decoder.direct_buffer().is_none());
    feed(&mut decoder, &stream[8 + 16_383..8 + 16_384], &LIMITS, &mut said).unwrap();
    // Half of the frame has a place; the other half gets one once the first is full.
    assert_eq!(decoder.direct_buffer().unwrap().remaining_mut(), 20_000 - 16_384);
    decoder.direct_buffer().unwrap().put_slice(&stream[8 + 16_384..8 + 20_000]);
    assert_eq!(decoder.direct_buffer().unwrap().remaining_mut(), 20_000);
    // Asked again with bytes not yet processed, it offers only room for the bytes still to come.
    decoder.direct_buffer().unwrap().put_slice(&stream[8 + 20_000..8 + 30_000]);
    assert_eq!(decoder.direct_buffer().unwrap().remaining_mut(), 10_000);
    // And chunk bytes may follow the unprocessed ones.
    feed(&mut decoder, &stream[8 + 30_000..], &LIMITS, &mut said).unwrap();
    assert_eq!(said, [binary(&[5; 40_000]), text("next")]);
}

#[test]
fn a_small_rest_is_left_to_the_ordinary_read() {
    let stream = whole(OpCode::Binary, &[5; 20_000]);
    let (mut decoder, mut said) = (Decoder::new(), Vec::new());
    feed(&mut decoder, &stream[..8 + 16_000], &LIMITS, &mut said).unwrap();
    feed(&mut decoder, &stream[8 + 16_000..8 + 16_500], &LIMITS, &mut said).unwrap();
    assert!(decoder.direct_buffer().is_none());
}

#[test]
fn a_control_frame_half_received_has_no_direct_buffer() {
    let stream = [fragment(OpCode::Binary, &[5; 20_000]), whole(OpCode::Ping, b"half")].concat();
    let (mut decoder, mut said) = (Decoder::new(), Vec::new());
    feed(&mut decoder, &stream[..stream.len() - 2], &LIMITS, &mut said).unwrap();
    assert!(decoder.direct_buffer().is_none());
}
