//! A stream means the same however TCP cuts it: every cut of every stream here is tried.

use super::*;

/// One stream of everything, small enough to try every pair of cuts.
fn valid_streams() -> Vec<Vec<u8>> {
    let euro = "€".as_bytes();
    vec![
        [whole(OpCode::Text, "aé€𝄞".as_bytes()), whole(OpCode::Binary, b"\xff")].concat(),
        [whole(OpCode::Text, b""), whole(OpCode::Ping, b""), whole(OpCode::Text, b"x")].concat(),
        [
            fragment(OpCode::Text, &euro[..1]),
            whole(OpCode::Ping, b"ping"),
            fragment(OpCode::Continuation, &euro[1..2]),
            fragment(OpCode::Continuation, b""),
            whole(OpCode::Pong, b"\x00\xff"),
            whole(OpCode::Continuation, &euro[2..]),
            whole(OpCode::Close, b"\x03\xe8bye \xe2\x82\xac"),
        ]
        .concat(),
        [whole(OpCode::Binary, &[7; 126]), whole(OpCode::Close, b"")].concat(),
    ]
}

fn invalid_streams() -> Vec<(Vec<u8>, Violation)> {
    let before = whole(OpCode::Text, b"before");
    let open = fragment(OpCode::Text, b"open");
    let cases: [(Vec<u8>, Violation); 20] = [
        (b"\x81\x05hello".to_vec(), Violation::Unmasked),
        (b"\xc1\x05hello".to_vec(), Violation::ReservedBits),
        (b"\x83\x05hello".to_vec(), Violation::ReservedOpCode(3)),
        (b"\x09\x85\x00\x00\x00\x00hello".to_vec(), Violation::FragmentedControl),
        (b"\x89\xfe\x00\x7e\x00\x00\x00\x00".to_vec(), Violation::ControlTooLong),
        (b"\x82\xfe\x00\x05\x00\x00\x00\x00hello".to_vec(), Violation::NonMinimalLength),
        (b"\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0hello".to_vec(), Violation::NonMinimalLength),
        (b"\x82\xff\x80\0\0\0\0\0\0\x01\0\0\0\0h".to_vec(), Violation::LengthTopBit),
        (b"\x80\x05hello".to_vec(), Violation::UnexpectedContinuation),
        (b"\x88\x81\0\0\0\0\x03".to_vec(), Violation::InvalidCloseLength),
        (whole(OpCode::Close, b"\x03\xedreason"), Violation::InvalidCloseCode(1005)),
        (whole(OpCode::Close, b"\x03\xe8\xf4\x90"), Violation::InvalidUtf8),
        (whole(OpCode::Text, b"a\xed\xa0\x80b"), Violation::InvalidUtf8),
        (whole(OpCode::Text, b"a\xe2\x82"), Violation::InvalidUtf8),
        (whole(OpCode::Binary, &[0; 100]), Violation::MessageTooBig { limit: 99 }),
        ([&open[..], b"\x81\x05hello"].concat(), Violation::InterruptedMessage),
        ([&open[..], b"\x80\x05hello"].concat(), Violation::Unmasked),
        ([open.clone(), whole(OpCode::Continuation, b"\xff")].concat(), Violation::InvalidUtf8),
        (
            [open.clone(), whole(OpCode::Continuation, &[b'a'; 96])].concat(),
            Violation::MessageTooBig { limit: 99 },
        ),
        ([open, b"\x08".to_vec()].concat(), Violation::FragmentedControl),
    ];
    cases.into_iter().map(|(stream, why)| ([&before[..], &stream].concat(), why)).collect()
}

const DEFLATE: DecodeLimits = DecodeLimits { max_message: 1024, deflate: true, part: usize::MAX };
const SMALL: DecodeLimits = DecodeLimits { max_message: 99, deflate: false, part: usize::MAX };

/// Asserts that every way to cut `stream` into up to three reads, and into single bytes, has the
/// outcome of one read; returns that.
fn however_it_is_cut(stream: &[u8], limits: &DecodeLimits) -> Outcome {
    let expected = outcome([stream], limits);
    assert_eq!(outcome(stream.chunks(1), limits), expected);
    for first in 0..=stream.len() {
        let (head, rest) = stream.split_at(first);
        for second in 0..=rest.len() {
            let (middle, tail) = rest.split_at(second);
            assert_eq!(outcome([head, middle, tail], limits), expected, "{first} + {second}");
        }
    }
    expected
}

#[test]
fn a_valid_stream_says_the_same_at_every_cut() {
    for stream in valid_streams() {
        let (said, violation) = however_it_is_cut(&stream, &LIMITS);
        assert!(!said.is_empty());
        assert_eq!(violation, None);
    }
}

#[test]
fn a_violation_is_the_same_at_every_cut() {
    for (stream, why) in invalid_streams() {
        assert_eq!(however_it_is_cut(&stream, &SMALL), (vec![text("before")], Some(why)));
    }
}

#[test]
fn a_violation_is_found_as_soon_as_the_byte_that_proves_it_has_arrived() {
    for (stream, why) in invalid_streams() {
        let (violation, at) = proof(&stream, &SMALL);
        assert_eq!(violation, why);
        // However the bytes up to that one come, they prove it; one fewer never does.
        for cut in 0..at {
            let (head, tail) = stream[..at].split_at(cut);
            assert_eq!(outcome([head, tail], &SMALL).1, Some(why), "{stream:02x?} cut at {cut}");
            let (head, tail) = stream[..at - 1].split_at(cut);
            assert_eq!(outcome([head, tail], &SMALL).1, None, "{stream:02x?} cut at {cut}");
        }
    }
}

#[test]
fn a_compressed_message_leaves_as_it_came_at_every_cut() {
    // No UTF-8: nobody may look at it before it is inflated.
    let stream = [
        marked(whole(OpCode::Text, b"\xff\xc0")),
        marked(fragment(OpCode::Text, b"\xed")),
        whole(OpCode::Ping, b"p"),
        whole(OpCode::Continuation, b"\xa0\x80"),
        marked(whole(OpCode::Binary, b"\xfe")),
        whole(OpCode::Text, b"plain"),
    ]
    .concat();
    let said = vec![
        compressed(b"\xff\xc0", false),
        Received::Ping(b"p"[..].into()),
        compressed(b"\xed\xa0\x80", false),
        compressed(b"\xfe", true),
        text("plain"),
    ];
    assert_eq!(however_it_is_cut(&stream, &DEFLATE), (said, None));
    let wrong = [
        marked(whole(OpCode::Ping, b"")),
        marked(whole(OpCode::Close, b"")),
        [fragment(OpCode::Text, b"a"), marked(whole(OpCode::Continuation, b"b"))].concat(),
        [marked(fragment(OpCode::Text, b"a")), marked(fragment(OpCode::Continuation, b"b"))].concat(),
    ];
    for stream in wrong {
        assert_eq!(however_it_is_cut(&stream, &DEFLATE), (vec![], Some(Violation::ReservedBits)));
    }
}

#[test]
fn a_large_compressed_message_leaves_in_the_same_parts_at_every_cut() {
    let limits = DecodeLimits { part: 4, ..DEFLATE };
    let part = |payload: &'static [u8]| Received::Part(payload.into());
    let stream = [
        marked(whole(OpCode::Text, b"\xffbcdefghij")),
        marked(whole(OpCode::Text, b"four")),
        marked(fragment(OpCode::Binary, b"abc")),
        fragment(OpCode::Continuation, b"d"),
        whole(OpCode::Ping, b"p"),
        whole(OpCode::Continuation, b""),
        whole(OpCode::Text, b"not compressed"),
    ]
    .concat();
    let said = vec![
        part(b"\xffbcd"),
        part(b"efgh"),
        compressed(b"ij", false),
        compressed(b"four", false),
        part(b"abcd"),
        Received::Ping(b"p"[..].into()),
        compressed(b"", true),
        text("not compressed"),
    ];
    assert_eq!(however_it_is_cut(&stream, &limits), (said, None));
    // Bytes that have left count: for the limit, and for the number of fragments.
    let limits = DecodeLimits { max_message: 20, ..limits };
    let most = limits.on_the_wire(true);
    for (length, fits) in [(most - 60, true), (most - 59, false)] {
        let stream =
            [marked(fragment(OpCode::Text, &[b'a'; 60])), whole(OpCode::Continuation, &vec![b'b'; length])];
        let violation = outcome([&stream.concat()[..]], &limits).1;
        assert_eq!(violation, (!fits).then_some(Violation::MessageTooBig { limit: 20 }));
    }
    let limits = DecodeLimits { max_message: 2048, part: 100, deflate: true };
    let mut stream = marked(fragment(OpCode::Text, &[b'a'; 1600]));
    stream.extend(fragment(OpCode::Continuation, b"b").repeat(63 + 100));
    assert_eq!(outcome([&stream[..]], &limits).1, None);
}

#[test]
fn a_compressed_message_may_pass_the_limit_by_what_compression_adds_and_no_more() {
    let most = 1024 + 4 + 64;
    for (length, fits) in [(most, true), (most + 1, false)] {
        let plain = whole(OpCode::Binary, &vec![0; length]);
        let stream = marked(plain.clone());
        assert_eq!(outcome([&stream[..]], &DEFLATE).1.is_none(), fits, "{length}");
        assert_eq!(outcome([&plain[..]], &DEFLATE).1, Some(Violation::MessageTooBig { limit: 1024 }));
    }
}

#[test]
fn every_prefix_knows_whether_something_is_unfinished() {
    let stream = [
        fragment(OpCode::Text, b"ab"),
        whole(OpCode::Ping, b"p"),
        whole(OpCode::Continuation, b"c"),
        whole(OpCode::Ping, b"q"),
    ]
    .concat();
    let message_end = stream.len() - 7;
    for cut in 0..=stream.len() {
        let (mut decoder, mut said) = (Decoder::new(), Vec::new());
        feed(&mut decoder, &stream[..cut], &LIMITS, &mut said).unwrap();
        let at_rest = [0, message_end, stream.len()].contains(&cut);
        assert_eq!(decoder.in_message(), !at_rest, "after {cut} bytes");
    }
}
