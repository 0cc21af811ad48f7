//! Both directions against each other, and what only a hostile client sends.

use proptest::prelude::*;

use super::*;

fn contexts(takeover: bool, bits: u8) -> Contexts {
    Contexts::new(Agreement {
        server_takeover: takeover,
        client_takeover: takeover,
        server_window_bits: bits,
        server_window_demanded: false,
        client_window_bits: Some(bits),
    })
}

/// Inflates a message that comes in parts which end at `cuts`.
fn in_parts(
    codec: &mut Codec,
    contexts: &mut Contexts,
    message: &[u8],
    cuts: &[usize],
    limit: usize,
) -> Result<Vec<u8>, InflateError> {
    let mut rest = message;
    for cut in cuts {
        let (part, behind) = rest.split_at((*cut).min(rest.len()));
        codec.inflate_part(contexts, part, limit)?;
        rest = behind;
    }
    codec.inflate(contexts, rest, limit)
}

fn text(seed: usize, len: usize) -> Vec<u8> {
    format!("{{\"id\":{seed},\"text\":\"hello, hello\"}}")
        .into_bytes()
        .into_iter()
        .cycle()
        .take(len)
        .collect()
}

#[test]
fn what_was_compressed_is_inflated_to_the_same_with_every_parameter() {
    for takeover in [false, true] {
        for bits in 9..=15 {
            let (mut codec, mut one) = (Codec::new(1), contexts(takeover, bits));
            for (n, len) in [100, 1024, 70_000, 300, 0, 64, 200_000].into_iter().enumerate() {
                let message = text(n, len);
                let deflated = codec.deflate(&mut one, &message).unwrap().to_vec();
                assert_eq!(codec.inflate(&mut one, &deflated, 200_000), Ok(message));
            }
        }
    }
}

#[test]
fn without_takeover_messages_of_different_connections_do_not_touch_each_other() {
    let mut codec = Codec::new(1);
    let (mut one, mut two) = (contexts(false, 15), contexts(false, 15));
    let first = codec.deflate(&mut one, &text(1, 500)).unwrap().to_vec();
    codec.deflate(&mut two, &text(2, 900)).unwrap();
    assert_eq!(codec.deflate(&mut two, &text(1, 500)).unwrap(), first);
    assert!(codec.inflate(&mut one, b"\xff\xff\xff", 100).is_err());
    assert_eq!(codec.inflate(&mut two, &first, 500), Ok(text(1, 500)));
}

#[test]
fn the_examples_of_the_rfc_are_read() {
    let hello = |bytes: &[u8]| Codec::new(1).inflate(&mut contexts(false, 15), bytes, 5);
    let expected = Ok(b"Hello".to_vec());
    // Sections 7.2.3.1, 7.2.3.3 (stored), 7.2.3.4 (final block), 7.2.3.5 (two blocks), 7.2.3.6 (empty).
    assert_eq!(hello(b"\xf2\x48\xcd\xc9\xc9\x07\x00"), expected);
    assert_eq!(hello(b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), expected);
    assert_eq!(hello(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), expected);
    assert_eq!(hello(b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), expected);
    assert_eq!(hello(b"\x00"), Ok(Vec::new()));
    // Section 7.2.3.2: the second message refers back to the first.
    let (mut codec, mut one) = (Codec::new(1), contexts(true, 15));
    assert_eq!(codec.inflate(&mut one, b"\xf2\x48\xcd\xc9\xc9\x07\x00", 5), expected);
    assert_eq!(codec.inflate(&mut one, b"\xf2\x00\x11\x00\x00", 5), expected);
}

#[test]
fn a_bomb_is_refused_at_the_limit_with_no_more_memory_than_a_message_may_have() {
    let mut codec = Codec::new(9);
    let bomb = codec.deflate(&mut contexts(false, 15), &vec![0; 16 << 20]).unwrap().to_vec();
    let limit = 1 << 20;
    assert_eq!(codec.inflate(&mut contexts(false, 15), &bomb, limit), Err(InflateError::TooBig));
    // One byte over is too much, and exactly the limit is not.
    let full = codec.deflate(&mut contexts(false, 15), &vec![7; limit]).unwrap().to_vec();
    let inflated = codec.inflate(&mut contexts(false, 15), &full, limit).unwrap();
    assert!(inflated.len() == limit && inflated.capacity() <= limit + 1, "{}", inflated.capacity());
    assert_eq!(codec.inflate(&mut contexts(false, 15), &full, limit - 1), Err(InflateError::TooBig));
}

#[test]
fn a_message_of_nothing_but_ends_of_streams_is_read_to_its_end() {
    // Each pair of bytes is an empty final block, after which a new stream begins.
    let ends: Vec<u8> = b"\x03\x00".repeat(1 << 19);
    let mut codec = Codec::new(1);
    assert_eq!(codec.inflate(&mut contexts(false, 15), &ends, 0), Ok(Vec::new()));
    assert_eq!(
        codec.inflate(&mut contexts(false, 15), b"\xf2\x48\xcd\xc9\xc9\x07\x00", 5),
        Ok(b"Hello".to_vec())
    );
}

#[test]
fn a_codec_tells_once_what_it_did() {
    let mut codec = Codec::new(1);
    let length = codec.deflate(&mut contexts(false, 9), &text(1, 1 << 20)).unwrap().len() as u64;
    let tally = Tally { deflated: 1, deflate_input: 1 << 20, deflate_output: length, ..Tally::default() };
    assert_eq!((codec.end_turn(), codec.end_turn()), (Some(tally), None));
}

proptest::proptest! {
    #[test]
    fn a_message_in_parts_is_what_it_is_at_once_and_refused_for_the_same(
        messages in prop::collection::vec((0usize..9, 0usize..3000, any::<Option<(u16, u8)>>()), 1..5),
        cuts in prop::collection::vec(0usize..60, 0..9),
        limit in prop_oneof![Just(3000usize), 0usize..3000],
        takeover: bool,
        level in 1u8..=9,
    ) {
        let mut codec = Codec::new(level);
        let [mut client, mut whole, mut cut] = [(); 3].map(|()| contexts(takeover, 15));
        for (seed, len, mistake) in messages {
            let mut message = codec.deflate(&mut client, &text(seed, len)).unwrap().to_vec();
            if let Some((at, byte)) = mistake {
                let at = usize::from(at) % message.len();
                message[at] = byte;
            }
            let expected = codec.inflate(&mut whole, &message, limit);
            let inflated = in_parts(&mut codec, &mut cut, &message, &cuts, limit);
            prop_assert_eq!(&inflated, &expected, "{}", message.escape_ascii());
            if expected.is_err() {
                break;
            }
        }
    }

    #[test]
    fn any_bytes_in_parts_are_what_they_are_at_once(
        bytes: Vec<u8>, cuts in prop::collection::vec(0usize..20, 0..5), limit in 0usize..500,
    ) {
        let mut codec = Codec::new(1);
        for takeover in [false, true] {
            let expected = codec.inflate(&mut contexts(takeover, 9), &bytes, limit);
            let inflated = in_parts(&mut codec, &mut contexts(takeover, 9), &bytes, &cuts, limit);
            prop_assert_eq!(inflated, expected);
        }
    }

    #[test]
    fn any_bytes_are_inflated_or_refused_within_the_limit(bytes: Vec<u8>, limit in 0usize..5000) {
        let mut codec = Codec::new(1);
        for takeover in [false, true] {
            if let Ok(message) = codec.inflate(&mut contexts(takeover, 15), &bytes, limit) {
                proptest::prop_assert!(message.len() <= limit);
            }
        }
    }
}

#[test]
fn a_message_in_parts_ends_where_its_stream_does_or_at_the_tail() {
    for takeover in [false, true] {
        let (mut codec, mut one) = (Codec::new(1), contexts(takeover, 15));
        let mut hello = |parts: &[usize], message: &[u8]| in_parts(&mut codec, &mut one, message, parts, 5);
        let expected = Ok(b"Hello".to_vec());
        // A final block, with nothing behind it, with nothing more to come, and with an empty block.
        assert_eq!(hello(&[7], b"\xf3\x48\xcd\xc9\xc9\x07\x00"), expected);
        assert_eq!(hello(&[3, 4, 0, 0], b"\xf3\x48\xcd\xc9\xc9\x07\x00"), expected);
        assert_eq!(hello(&[7], b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), expected);
        assert_eq!(hello(&[7], b"\xf2\x48\xcd\xc9\xc9\x07\x00"), expected);
        assert_eq!(hello(&[0, 0], b""), Ok(Vec::new()));
        assert_eq!(hello(&[4], b"\x00\x05\x00\xfa\xff\x48"), Err(InflateError::Corrupt));
    }
}

#[test]
fn a_bomb_in_parts_is_refused_at_the_part_that_passes_the_limit_and_leaves_nothing() {
    let limit = 1 << 20;
    for takeover in [false, true] {
        let (mut codec, mut one) = (Codec::new(9), contexts(takeover, 15));
        let bomb = codec.deflate(&mut contexts(false, 15), &vec![0; 16 << 20]).unwrap().to_vec();
        // A mebibyte of zeroes is a kibibyte.
        assert_eq!(codec.inflate_part(&mut one, &bomb[..1000], limit), Ok(()));
        assert!(one.held() > limit / 2 && one.held() <= limit + 1, "{}", one.held());
        assert_eq!(codec.inflate_part(&mut one, &bomb[1000..1100], limit), Err(InflateError::TooBig));
        assert_eq!(one.held(), 0);
    }
}

#[test]
fn others_are_inflated_while_the_message_of_one_is_coming_and_then_share_its_inflater_again() {
    let mut codec = Codec::new(1);
    let [mut one, mut two] = [(); 2].map(|()| contexts(false, 15));
    let [first, second] = [1, 2].map(|n| codec.deflate(&mut one, &text(n, 500)).unwrap().to_vec());
    codec.inflate_part(&mut one, &first[..20], 500).unwrap();
    assert_eq!(codec.inflate(&mut two, &second, 500), Ok(text(2, 500)));
    codec.inflate_part(&mut two, &second[..9], 500).unwrap();
    assert_eq!(codec.inflate(&mut one, &first[20..], 500), Ok(text(1, 500)));
    assert_eq!(codec.inflate(&mut two, &second[9..], 500), Ok(text(2, 500)));
    assert_eq!((one.held(), two.held()), (0, 0));
    let tally = codec.end_turn().unwrap();
    assert_eq!((tally.inflated, tally.inflate_input), (3, (first.len() + 2 * second.len()) as u64));
    // Who breaks off gives it back too.
    codec.inflate_part(&mut one, &first[..20], 500).unwrap();
    codec.forget(&mut one);
    assert_eq!((one.held(), codec.inflate(&mut two, &second, 500)), (0, Ok(text(2, 500))));
}

#[test]
fn a_message_that_ends_inside_a_stored_block_is_corrupt_and_the_tail_is_no_part_of_it() {
    for takeover in [false, true] {
        // Five bytes are declared; one, and with the tail five, are there.
        for message in
            [&b"\x00\x05\x00\xfa\xff\x48"[..], b"\x00\x06\x00\xf9\xff\x48", b"\x00\x05\x00\xfa\xff"]
        {
            let inflated = Codec::new(1).inflate(&mut contexts(takeover, 15), message, 100);
            assert_eq!(inflated, Err(InflateError::Corrupt), "{}", message.escape_ascii());
        }
    }
}

#[test]
fn a_message_that_ends_inside_a_compressed_block_is_corrupt() {
    // In the first the codes are the fixed ones, of which seven zeros say that the block ends.
    for (message, first) in [(text(5, 40), 1), (b"Hello".to_vec(), 1), (text(3, 4_000), 100)] {
        let mut codec = Codec::new(9);
        let whole = codec.deflate(&mut contexts(false, 15), &message).unwrap().to_vec();
        // Behind the table of codes, and before the empty block that ends the message.
        for cut in first..whole.len() - 1 {
            for takeover in [false, true] {
                let inflated = codec.inflate(&mut contexts(takeover, 15), &whole[..cut], 1 << 20);
                assert_eq!(inflated, Err(InflateError::Corrupt), "{cut} of {}", whole.len());
            }
        }
    }
}

#[test]
fn a_message_of_no_bytes_is_empty_and_leaves_the_context_as_it_was() {
    let (mut codec, mut one) = (Codec::new(1), contexts(true, 15));
    let expected = Ok(b"Hello".to_vec());
    assert_eq!(codec.inflate(&mut one, b"\xf2\x48\xcd\xc9\xc9\x07\x00", 5), expected);
    assert_eq!(codec.inflate(&mut one, b"", 5), Ok(Vec::new()));
    assert_eq!(codec.inflate(&mut one, b"\xf2\x00\x11\x00\x00", 5), expected);
}
