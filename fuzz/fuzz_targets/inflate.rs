//! The inflater against flate2 in one go and against miniz_oxide, which shares no code with either: the same
//! bytes, and never more than the limit. In parts the result is the same, or the same error. And all of them read the
//! output of our compressor.
//!
//! Input: options (three bits: the window; 8: context takeover; the rest: how long parts are), the limit in two
//! bytes, cuts, the messages.

#![no_main]

use std::cell::RefCell;

use ferrite::deflate::{Agreement, Codec, Contexts, InflateError};
use ferrite_fuzz::Input;
use flate2::{Decompress, FlushDecompress, Status};
use libfuzzer_sys::fuzz_target;
use miniz_oxide::{
    DataFormat, MZError, MZFlush, MZStatus,
    inflate::stream::{InflateState, MinReset, inflate},
};

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let options = input.byte();
    let limit = usize::from(u16::from_be_bytes([input.byte(), input.byte()]));
    let cuts = input.cuts();
    let bits = 9 + (options & 7).min(6);
    let takeover = options & 8 != 0;
    let part = PARTS[usize::from(options >> 4)];
    thread_local! {
        // As a shard has it, for one connection after the other.
        static SHARED: RefCell<(Codec, References)> = RefCell::new((Codec::new(1), References::new()));
    }
    SHARED.with_borrow_mut(|(codec, references)| {
        let agreement = Agreement {
            server_takeover: takeover,
            client_takeover: takeover,
            server_window_bits: bits,
            server_window_demanded: false,
            client_window_bits: Some(bits),
        };
        let (mut contexts, mut of_parts) = (Contexts::new(agreement), Contexts::new(agreement));
        references.begin(if takeover { bits } else { 15 });
        for message in cuts.of(input.rest()).take(MESSAGES) {
            let inflated = codec.inflate(&mut contexts, message, limit);
            assert_eq!(in_parts(codec, &mut of_parts, message, part, limit), inflated);
            if !agree(inflated, references, message, limit) {
                // A connection ends with the first message that cannot be read.
                codec.forget(&mut of_parts);
                assert_eq!(of_parts.held(), 0);
                break;
            }
            if !takeover {
                references.reset();
            }
        }

        let mut contexts = Contexts::new(agreement);
        references.begin(if takeover { bits } else { 15 });
        for message in cuts.of(input.rest()).take(MESSAGES) {
            let deflated = codec.deflate(&mut contexts, message).expect("it always can").to_vec();
            assert_eq!(references.miniz.read(&deflated, usize::MAX), (message.to_vec(), Read::All));
            let inflated = in_parts(codec, &mut contexts, &deflated, part, message.len());
            assert_eq!(inflated.as_deref(), Ok(message));
            if !takeover {
                references.reset();
                if let Some(less) = message.len().checked_sub(1) {
                    assert_eq!(codec.inflate(&mut contexts, &deflated, less), Err(InflateError::TooBig));
                }
            }
        }
    });
});

/// Inflates a message that comes in parts, the last of which may be empty.
fn in_parts(
    codec: &mut Codec,
    contexts: &mut Contexts,
    message: &[u8],
    part: usize,
    limit: usize,
) -> Result<Vec<u8>, InflateError> {
    let parts = message.chunks_exact(part);
    let last = parts.remainder();
    for part in parts {
        codec.inflate_part(contexts, part, limit)?;
        assert!(contexts.held() <= limit + 1, "more than the limit");
    }
    codec.inflate(contexts, last, limit)
}

/// Compares the results for one message. False if it cannot be read.
fn agree(
    ours: Result<Vec<u8>, InflateError>,
    references: &mut References,
    message: &[u8],
    limit: usize,
) -> bool {
    let (whole, read) = references.flate2.read(message, limit);
    match &ours {
        Ok(inflated) => {
            assert!(inflated.len() <= limit && inflated.capacity() <= limit + 1, "more than the limit");
            assert_eq!((inflated, Read::All), (&whole, read));
            let (theirs, read) = references.miniz.read(message, limit);
            match read {
                Read::All => assert_eq!(theirs, whole),
                // zlib calls a table of codes corrupt when a code of it is used, miniz when it is read: so it may
                // refuse a message that ends after the table, and then keeps the output that it had not handed out yet.
                Read::Corrupt => assert!(whole.starts_with(&theirs), "miniz has made something else"),
                Read::TooMuch => panic!("miniz makes more than the limit of it"),
            }
        }
        Err(InflateError::TooBig) => assert!(whole.len() > limit, "{} is not too much", whole.len()),
        Err(InflateError::Corrupt) => assert_ne!(read, Read::All),
        Err(InflateError::Hollow) => {
            assert!(message.len() >= 16 << 10, "{} bytes are not much", message.len())
        }
    }
    ours.is_ok()
}

/// Result of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    All,
    TooMuch,
    Corrupt,
}

struct References {
    flate2: Flate2,
    miniz: Miniz,
}

impl References {
    fn new() -> Self {
        Self {
            flate2: Flate2(15, Decompress::new_with_window_bits(false, 15)),
            miniz: Miniz(InflateState::new_boxed(DataFormat::Raw)),
        }
    }

    fn begin(&mut self, bits: u8) {
        if self.flate2.0 != bits {
            self.flate2 = Flate2(bits, Decompress::new_with_window_bits(false, bits));
        }
        self.reset();
    }

    fn reset(&mut self) {
        self.flate2.reset();
        self.miniz.reset();
    }
}

/// A step of a reference: bytes taken, bytes made, and the state after them.
type Step = (usize, usize, Then);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    Ended,
    Corrupt,
}

trait Reference {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Step;
    fn reset(&mut self);

    /// Inflates a message as section 7.2.2 of RFC 7692 has it, without a thought for memory, and with an empty
    /// block behind it, which must not belong to it either. No bytes are an empty message.
    fn read(&mut self, message: &[u8], limit: usize) -> (Vec<u8>, Read) {
        let (mut all, mut is_cut) = (Vec::new(), false);
        if message.is_empty() {
            return (all, Read::All);
        }
        for (mut input, is_tail) in [(message, false), (&[0, 0, 0xff, 0xff, 0, 0, 0, 0xff, 0xff][..], true)] {
            loop {
                let mut out = [0; 8 << 10];
                let (taken, made, then) = self.step(input, &mut out);
                input = &input[taken..];
                all.extend(&out[..made]);
                // The message ends inside a block, which takes the tail for a part of it.
                is_cut |= is_tail && made > 0;
                if all.len() > limit {
                    return (all, Read::TooMuch);
                }
                if then == Then::Corrupt {
                    return (all, Read::Corrupt);
                }
                if then == Then::Ended {
                    self.reset();
                    if is_tail {
                        return (all, Read::Corrupt);
                    }
                    if input.is_empty() {
                        return (all, Read::All);
                    }
                } else if made < out.len() {
                    if !input.is_empty() {
                        return (all, Read::Corrupt);
                    }
                    break;
                }
            }
        }
        (all, if is_cut { Read::Corrupt } else { Read::All })
    }
}

struct Flate2(u8, Decompress);

impl Reference for Flate2 {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Step {
        let before = (self.1.total_in(), self.1.total_out());
        let then = match self.1.decompress(input, out, FlushDecompress::None) {
            Ok(Status::StreamEnd) => Then::Ended,
            Ok(_) => Then::GoOn,
            Err(_) => Then::Corrupt,
        };
        ((self.1.total_in() - before.0) as usize, (self.1.total_out() - before.1) as usize, then)
    }

    fn reset(&mut self) {
        self.1.reset(false);
    }
}

struct Miniz(Box<InflateState>);

impl Reference for Miniz {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Step {
        let result = inflate(&mut self.0, input, out, MZFlush::None);
        let then = match result.status {
            Ok(MZStatus::StreamEnd) => Then::Ended,
            // It has read everything and has nothing to say.
            Ok(_) | Err(MZError::Buf) => Then::GoOn,
            Err(_) => Then::Corrupt,
        };
        (result.bytes_consumed, result.bytes_written, then)
    }

    fn reset(&mut self) {
        self.0.reset_as(MinReset);
    }
}

/// Bytes of a part.
const PARTS: [usize; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 13, 21, 34, 55, 144, 377, 987, usize::MAX];
/// Messages of one connection, at most.
const MESSAGES: usize = 8;
