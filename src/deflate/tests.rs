//! Both directions against each other, and messages that only a hostile client sends.

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

/// Blocks that are all tables of codes, without one byte that they would stand for.
fn tables(count: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    // A value has its lowest bit first, a code its highest.
    let value =
        |bits: &mut Vec<bool>, value: u32, size: u32| bits.extend((0..size).map(|n| value >> n & 1 == 1));
    let code =
        |bits: &mut Vec<bool>, code: u32, size: u32| bits.extend((0..size).rev().map(|n| code >> n & 1 == 1));
    for _ in 0..count {
        // A dynamic block with 286 literals, 30 distances and 19 lengths, of which 4, 5, 8 and 9 have two bits.
        for (number, size) in [(4, 3), (29, 5), (29, 5), (15, 4)] {
            value(&mut bits, number, size);
        }
        let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        for n in order {
            value(&mut bits, if [4, 5, 8, 9].contains(&n) { 2 } else { 0 }, 3);
        }
        for (length, times) in [(2, 226), (3, 60), (0, 2), (1, 28)] {
            (0..times).for_each(|_| code(&mut bits, length, 2));
        }
        // The end of the block is literal 256: the thirtieth of nine bits, of which the first is 452.
        code(&mut bits, 452 + 30, 9);
    }
    let bytes = bits.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit)));
    bytes.collect()
}

#[test]
fn a_message_of_which_nothing_comes_out_is_refused_after_16_kib_of_it() {
    let floods = [
        ("ends of streams", b"\x03\x00".repeat(1 << 16)),
        ("empty stored blocks", b"\x00\x00\x00\xff\xff".repeat(1 << 16)),
        ("empty fixed blocks", b"\x02\x08\x20\x80\x00".repeat(1 << 16)),
        ("tables", tables(8 * 150)),
    ];
    for (what, flood) in floods {
        let (mut codec, mut one) = (Codec::new(1), contexts(false, 15));
        let most = 16 << 10;
        codec.inflate_part(&mut one, &flood[..most - 1], 1).unwrap();
        let next = codec.inflate_part(&mut one, &flood[most - 1..most], 1);
        assert_eq!(next, Err(InflateError::Hollow), "{what}");
        codec.forget(&mut one);
        assert_eq!(codec.inflate(&mut one, &flood, 1), Err(InflateError::Hollow), "{what}");
        codec.forget(&mut one);
        let hello = codec.inflate(&mut one, b"\xf2\x48\xcd\xc9\xc9\x07\x00", 5);
        assert_eq!(hello, Ok(b"Hello".to_vec()));
    }
}

#[test]
fn what_flushes_after_each_byte_and_what_cannot_be_compressed_is_read() {
    for level in [0, 1, 9] {
        // Nothing repeats: a product of large primes.
        let message: Vec<u8> =
            (1_u64..30_000).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        let mut deflated = Vec::with_capacity(16 * message.len());
        let mut compress = flate2::Compress::new(flate2::Compression::new(level), false);
        for byte in &message {
            compress.compress_vec(&[*byte], &mut deflated, flate2::FlushCompress::Sync).unwrap();
        }
        deflated.truncate(deflated.len() - 4);
        assert!(deflated.len() > 5 * message.len());
        let inflated = Codec::new(1).inflate(&mut contexts(false, 15), &deflated, message.len());
        assert!(inflated.as_deref() == Ok(&message[..]), "level {level}: {} bytes", deflated.len());
    }
}

#[test]
fn a_codec_tells_once_what_it_did() {
    let mut codec = Codec::new(1);
    let length = codec.deflate(&mut contexts(false, 9), &text(1, 1 << 20)).unwrap().len() as u64;
    let tally = Tally { deflated: 1, deflate_input: 1 << 20, deflate_output: length, ..Tally::default() };
    assert_eq!((codec.end_tick(), codec.end_tick()), (Some(tally), None));
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
    let tally = codec.end_tick().unwrap();
    assert_eq!((tally.inflated, tally.inflate_input), (3, (first.len() + 2 * second.len()) as u64));
    // A connection that breaks off gives it back too.
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
