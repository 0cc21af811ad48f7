//! Meaning of sequences of frames, and the byte at which a bad one is refused.

use super::*;
use crate::frame::{CloseFrame, may_be_sent_by_peer};
use bytes::Bytes;

#[test]
fn the_examples_of_the_rfc_decode() {
    assert_eq!(decoded(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), [text("Hello")]);
    assert_eq!(
        decoded(b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        [Received::Pong(Bytes::from_static(b"Hello"))]
    );
}

#[test]
fn messages_come_in_wire_order() {
    let stream = [
        whole(OpCode::Text, b"one"),
        whole(OpCode::Binary, b"\xff\x00"),
        whole(OpCode::Ping, b"p"),
        whole(OpCode::Text, "drei €".as_bytes()),
    ]
    .concat();
    let ping = Received::Ping(Bytes::from_static(b"p"));
    assert_eq!(decoded(&stream), [text("one"), binary(b"\xff\x00"), ping, text("drei €")]);
}

#[test]
fn empty_frames_are_messages_and_control_frames() {
    assert_eq!(decoded(&whole(OpCode::Text, b"")), [text("")]);
    assert_eq!(decoded(&whole(OpCode::Binary, b"")), [binary(b"")]);
    assert_eq!(decoded(&whole(OpCode::Ping, b"")), [Received::Ping(Bytes::new())]);
    assert_eq!(decoded(&whole(OpCode::Close, b"")), [Received::Close(None)]);
}

#[test]
fn fragments_join_and_control_frames_between_them_overtake() {
    let stream = [
        fragment(OpCode::Text, b"frag"),
        whole(OpCode::Ping, b"now"),
        fragment(OpCode::Continuation, b""),
        fragment(OpCode::Continuation, "\u{20ac}".as_bytes().split_at(1).0),
        whole(OpCode::Pong, b""),
        whole(OpCode::Continuation, "\u{20ac}".as_bytes().split_at(1).1),
        whole(OpCode::Text, b"next"),
    ]
    .concat();
    let ping = Received::Ping(Bytes::from_static(b"now"));
    assert_eq!(decoded(&stream), [ping, Received::Pong(Bytes::new()), text("frag€"), text("next")]);
}

#[test]
fn a_close_frame_has_a_code_and_a_reason_or_neither() {
    let close = |code, reason| Received::Close(Some(CloseFrame { code, reason: Bytes::from_static(reason) }));
    assert_eq!(decoded(&whole(OpCode::Close, b"\x03\xe8")), [close(1000, b"")]);
    assert_eq!(decoded(&whole(OpCode::Close, b"\x0f\xa0go")), [close(4000, b"go")]);
    let longest = [&b"\x03\xe9"[..], &[b'r'; 123]].concat();
    assert_eq!(decoded(&whole(OpCode::Close, &longest)), [close(1001, &[b'r'; 123])]);
}

#[test]
fn a_continuation_without_a_message_is_refused_on_its_first_byte() {
    for stream in [whole(OpCode::Continuation, b"x"), fragment(OpCode::Continuation, b"x")] {
        assert_eq!(proof(&stream, &LIMITS), (Violation::UnexpectedContinuation, 1));
    }
    let after = [whole(OpCode::Text, b"done"), whole(OpCode::Continuation, b"x")].concat();
    assert_eq!(proof(&after, &LIMITS), (Violation::UnexpectedContinuation, 11));
}

#[test]
fn a_new_message_inside_a_fragmented_one_is_refused_on_its_first_byte() {
    for opcode in [OpCode::Text, OpCode::Binary] {
        let stream = [fragment(OpCode::Text, b"a"), whole(opcode, b"b")].concat();
        assert_eq!(proof(&stream, &LIMITS), (Violation::InterruptedMessage, 8));
    }
}

#[test]
fn an_unmasked_frame_between_fragments_is_refused_on_its_second_byte() {
    let stream = [&fragment(OpCode::Text, b"a")[..], b"\x80\x01b"].concat();
    assert_eq!(proof(&stream, &LIMITS), (Violation::Unmasked, 9));
}

#[test]
fn text_is_refused_at_its_first_bad_byte_inside_an_unfinished_frame() {
    // Autobahn 6.4.3: the frame is announced whole, and fails in the middle.
    let text = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited";
    assert_eq!(proof(&whole(OpCode::Text, text), &LIMITS), (Violation::InvalidUtf8, 6 + 13));
    // Autobahn 6.4.1: the same in a fragment that is not the last.
    assert_eq!(proof(&fragment(OpCode::Text, text), &LIMITS), (Violation::InvalidUtf8, 6 + 13));
}

#[test]
fn text_that_ends_inside_a_character_is_refused_with_its_last_byte() {
    let stream = whole(OpCode::Text, b"a\xe2\x82");
    assert_eq!(proof(&stream, &LIMITS), (Violation::InvalidUtf8, stream.len()));
    assert_eq!(outcome([&stream[..]], &LIMITS).1, Some(Violation::InvalidUtf8));
    // An empty last fragment: its mask is the last byte of the message.
    let stream = [fragment(OpCode::Text, b"a\xe2\x82"), whole(OpCode::Continuation, b"")].concat();
    assert_eq!(proof(&stream, &LIMITS), (Violation::InvalidUtf8, stream.len()));
}

#[test]
fn binary_messages_may_hold_anything() {
    let stream = [fragment(OpCode::Binary, b"\xff\xfe"), whole(OpCode::Continuation, b"\xc0")].concat();
    assert_eq!(decoded(&stream), [binary(b"\xff\xfe\xc0")]);
}

#[test]
fn a_bad_close_code_is_refused_with_its_second_byte() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        let stream = whole(OpCode::Close, &[&u16::to_be_bytes(code)[..], b"reason"].concat());
        assert_eq!(proof(&stream, &LIMITS), (Violation::InvalidCloseCode(code), 8));
        assert_eq!(outcome([&stream[..]], &LIMITS), (vec![], Some(Violation::InvalidCloseCode(code))));
    }
    for code in (0..=u16::MAX).filter(|code| may_be_sent_by_peer(*code)) {
        let frame = Some(CloseFrame { code, reason: Bytes::new() });
        assert_eq!(decoded(&whole(OpCode::Close, &code.to_be_bytes())), [Received::Close(frame)]);
    }
}

#[test]
fn a_bad_close_reason_is_refused_at_its_first_bad_byte() {
    let stream = whole(OpCode::Close, b"\x03\xe8ok\xce\xba\xff rest");
    assert_eq!(proof(&stream, &LIMITS), (Violation::InvalidUtf8, 6 + 7));
    let cut_short = whole(OpCode::Close, b"\x03\xe8\xe2\x82");
    assert_eq!(proof(&cut_short, &LIMITS), (Violation::InvalidUtf8, cut_short.len()));
}

#[test]
fn a_message_over_the_limit_is_refused_by_its_header() {
    let limits = DecodeLimits { max_message: 10, deflate: false, part: usize::MAX };
    let too_big = Violation::MessageTooBig { limit: 10 };
    assert_eq!(outcome([&whole(OpCode::Text, &[b'a'; 10])[..]], &limits).1, None);
    assert_eq!(proof(&whole(OpCode::Text, &[b'a'; 11]), &limits), (too_big, 6));
    let declared_only = &b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"[..];
    assert_eq!(outcome([declared_only], &limits), (vec![], Some(too_big)));
    assert_eq!(outcome([declared_only], &LIMITS).1.unwrap().close_code(), 1009);
}

#[test]
fn a_length_beyond_the_address_space_is_only_a_number_under_an_unlimited_limit() {
    let limits = DecodeLimits { max_message: usize::MAX, deflate: false, part: usize::MAX };
    let stream = b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0some";
    assert_eq!(outcome([&stream[..]], &limits), (vec![], None));
}

#[test]
fn the_limit_is_on_the_sum_of_the_fragments() {
    let limits = DecodeLimits { max_message: 10, deflate: false, part: usize::MAX };
    let start = fragment(OpCode::Text, &[b'a'; 6]);
    let fits = [&start[..], &whole(OpCode::Continuation, &[b'a'; 4])].concat();
    assert_eq!(outcome([&fits[..]], &limits), (vec![text("aaaaaaaaaa")], None));
    let exceeds = [&start[..], &whole(OpCode::Continuation, &[b'a'; 5])].concat();
    assert_eq!(proof(&exceeds, &limits), (Violation::MessageTooBig { limit: 10 }, 12 + 6));
}

#[test]
fn control_frames_are_not_messages_to_the_limit() {
    let limits = DecodeLimits { max_message: 0, deflate: false, part: usize::MAX };
    let (said, violation) = outcome([&whole(OpCode::Ping, &[b'p'; 125])[..]], &limits);
    assert_eq!((said.len(), violation), (1, None));
}

#[test]
fn fragments_must_be_earned_by_bytes() {
    // 68 fragments of one byte: 64 are free, and the 64 bytes earn four more.
    let mut stream = fragment(OpCode::Binary, b"x");
    stream.extend(fragment(OpCode::Continuation, b"x").repeat(67));
    let too_many = [&stream[..], &whole(OpCode::Continuation, b"x")].concat();
    assert_eq!(outcome([&stream[..]], &LIMITS), (vec![], None));
    assert_eq!(proof(&too_many, &LIMITS), (Violation::TooManyFragments, stream.len() + 6));
    // Sixteen bytes each earn any number.
    let mut stream = fragment(OpCode::Binary, &[b'x'; 16]);
    stream.extend(fragment(OpCode::Continuation, &[b'x'; 16]).repeat(5_000));
    stream.extend(whole(OpCode::Continuation, b""));
    assert_eq!(decoded(&stream), [binary(&[b'x'; 16 * 5_001])]);
}

#[test]
fn a_message_has_at_most_64_empty_fragments() {
    let mut stream = fragment(OpCode::Binary, &[b'x'; 1_000]);
    stream.extend(fragment(OpCode::Continuation, b"").repeat(63));
    let last = whole(OpCode::Continuation, b"");
    assert_eq!(decoded(&[&stream[..], &last].concat()), [binary(&[b'x'; 1_000])]);
    stream.extend(fragment(OpCode::Continuation, b""));
    assert_eq!(proof(&[&stream[..], &last].concat(), &LIMITS).0, Violation::TooManyEmptyFragments);
}

#[test]
fn counts_begin_anew_with_every_message() {
    let message = [fragment(OpCode::Text, b""), whole(OpCode::Continuation, b"")].concat();
    assert_eq!(decoded(&message.repeat(200)).len(), 200);
}

#[test]
fn what_came_before_a_violation_is_handed_over() {
    let stream = [whole(OpCode::Text, b"heard"), b"\xff".to_vec()].concat();
    assert_eq!(outcome([&stream[..]], &LIMITS), (vec![text("heard")], Some(Violation::ReservedBits)));
}

#[test]
fn the_decoder_knows_where_a_control_frame_lies_however_it_is_cut() {
    let ping = whole(OpCode::Ping, b"hello");
    let message = fragment(OpCode::Binary, b"hello");
    for cut in 0..ping.len() {
        let mut decoder = Decoder::new();
        assert_eq!(decoder.next(&mut BytesMut::from(&*message), &mut Payloads::default(), &LIMITS), Ok(None));
        assert!(!Decoder::new().is_at_control(&message) && !decoder.is_at_control(b""));
        assert_eq!(
            decoder.next(&mut BytesMut::from(&ping[..cut]), &mut Payloads::default(), &LIMITS),
            Ok(None)
        );
        assert!(decoder.is_at_control(&ping[cut..]), "{cut}");
        let read = decoder.next(&mut BytesMut::from(&ping[cut..]), &mut Payloads::default(), &LIMITS);
        assert_eq!(read, Ok(Some(Received::Ping(b"hello".as_slice().into()))));
    }
}
