//! The frames of a server after its 101, read as strictly as RFC 6455 puts it.

/// One frame of the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    pub opcode: u8,
    /// RSV1: the message is compressed.
    pub compressed: bool,
    pub payload: &'a [u8],
}

/// Reads all frames. Panics on bytes that no server may send, and on a fragment, which ours never sends. The rest
/// is the beginning of a frame.
pub fn read(mut bytes: &[u8], deflate: bool) -> (Vec<Frame<'_>>, &[u8]) {
    let mut frames: Vec<Frame<'_>> = Vec::new();
    while let Some((frame, rest)) = split(bytes) {
        assert!(frames.last().is_none_or(|last| last.opcode != 8), "{frame:?} follows a close frame");
        assert!(matches!(frame.opcode, 1 | 2 | 8 | 9 | 10), "{frame:?} has no opcode of ours");
        assert!(!frame.compressed || deflate && frame.opcode < 8, "{frame:?} may not be compressed");
        if frame.opcode >= 8 {
            assert!(frame.payload.len() <= 125, "{frame:?} is too long for a control frame");
        }
        if frame.opcode == 1 && !frame.compressed {
            assert!(std::str::from_utf8(frame.payload).is_ok(), "{frame:?} is no text");
        }
        if frame.opcode == 8 {
            check_close(frame.payload);
        }
        frames.push(frame);
        bytes = rest;
    }
    (frames, bytes)
}

/// The code of a close frame; 1005 if it has none.
pub fn close_code(payload: &[u8]) -> u16 {
    payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))
}

fn check_close(payload: &[u8]) {
    if payload.is_empty() {
        return;
    }
    let code = close_code(payload);
    let legal = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    assert!(payload.len() >= 2 && legal, "{code} is on the wire");
    assert!(std::str::from_utf8(&payload[2..]).is_ok(), "the reason of a close frame is no text");
}

fn split(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    assert_eq!(first & 0xb0, 0x80, "a fragment, or a reserved bit: {first:#x}");
    assert_eq!(second & 0x80, 0, "a server masks nothing");
    let (length, rest) = match second {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            let length = u16::from_be_bytes(*length);
            assert!(length > 125, "the length is not in its shortest form");
            (usize::from(length), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            let length = u64::from_be_bytes(*length);
            assert!(length > 65_535 && length >> 63 == 0, "the length is not in its shortest form");
            (usize::try_from(length).ok()?, rest)
        }
        short => (usize::from(short), rest),
    };
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((Frame { opcode: first & 0x0f, compressed: first & 0x40 != 0, payload }, rest))
}
