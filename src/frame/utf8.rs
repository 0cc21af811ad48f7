//! UTF-8 as it arrives (RFC 6455 §8.1): refused at the first byte that no valid text can have there.

use super::{mask, violation::Violation};

/// Checks text that comes in pieces, cut anywhere (RFC 6455 §8.1).
///
/// Holds only the sequence that the last piece left open, at most three bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Utf8Checker {
    open: [u8; 4],
    open_len: u8,
}

impl Utf8Checker {
    /// Creates a checker at the start of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { open: [0; 4], open_len: 0 }
    }

    /// Checks the next piece. Fails if no continuation can make valid UTF-8 of the bytes so far
    /// (RFC 6455 §8.1); the checker is of no use after that.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), Violation> {
        while self.open_len != 0 {
            let Some((&byte, rest)) = piece.split_first() else { return Ok(()) };
            self.continue_sequence(byte)?;
            piece = rest;
        }
        let Err(error) = simdutf8::compat::from_utf8(piece) else { return Ok(()) };
        let tail = piece.get(error.valid_up_to()..).unwrap_or_default();
        // No error length: the piece ends inside a sequence that may still become valid.
        if error.error_len().is_some() || tail.len() >= self.open.len() {
            return Err(Violation::InvalidUtf8);
        }
        for (slot, &byte) in self.open.iter_mut().zip(tail) {
            *slot = byte;
            self.open_len += 1;
        }
        Ok(())
    }

    /// Ends the text: a sequence still open is an error (RFC 6455 §8.1).
    pub fn finish(self) -> Result<(), Violation> {
        if self.open_len == 0 { Ok(()) } else { Err(Violation::InvalidUtf8) }
    }

    /// Adds one byte to the open sequence. At most three times for each piece.
    fn continue_sequence(&mut self, byte: u8) -> Result<(), Violation> {
        let len = usize::from(self.open_len) + 1;
        if let Some(slot) = self.open.get_mut(len - 1) {
            *slot = byte;
        }
        // Four bytes are a character or an error, so `get` always finds its slice.
        let sequence = self.open.get(..len).unwrap_or_default();
        self.open_len = match std::str::from_utf8(sequence) {
            Ok(_) => 0,
            Err(error) if error.error_len().is_none() => self.open_len + 1,
            Err(_) => return Err(Violation::InvalidUtf8),
        };
        Ok(())
    }
}

/// Unmasks a whole text in place; true if it is valid (RFC 6455 §5.3, §8.1).
#[inline(always)]
pub(super) fn unmask_whole(text: &mut [u8], key: [u8; 4]) -> bool {
    if text.len() > BLOCK {
        let mut checker = Utf8Checker::new();
        return unmask_piece(text, key, &mut checker).is_ok() && checker.finish().is_ok();
    }
    // Most text is ASCII, and that is UTF-8.
    mask::apply_to_text(text, key) || simdutf8::basic::from_utf8(text).is_ok()
}

/// Unmasks the next piece of a text in place and checks it (RFC 6455 §5.3, §8.1).
pub(super) fn unmask_piece(
    piece: &mut [u8],
    key: [u8; 4],
    checker: &mut Utf8Checker,
) -> Result<(), Violation> {
    // A block is checked while the cache still holds the unmasked bytes. Its size is a multiple
    // of the key's, so every block begins with the key as it is.
    for block in piece.chunks_mut(BLOCK) {
        let ascii = mask::apply_to_text(block, key);
        if !ascii || checker.open_len != 0 {
            checker.push(block)?;
        }
    }
    Ok(())
}

const BLOCK: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Where std says that the first byte is that no valid text can have.
    fn first_bad_byte(text: &[u8]) -> Option<usize> {
        (0..text.len())
            .find(|&i| std::str::from_utf8(&text[..=i]).is_err_and(|error| error.error_len().is_some()))
    }

    fn first_refused_byte(text: &[u8]) -> Option<usize> {
        let mut checker = Utf8Checker::new();
        text.iter().position(|byte| checker.push(&[*byte]).is_err())
    }

    fn in_pieces(text: &[u8], cuts: &[usize]) -> Result<(), Violation> {
        let mut checker = Utf8Checker::new();
        let mut rest = text;
        for cut in cuts {
            let (piece, tail) = rest.split_at((*cut).min(rest.len()));
            checker.push(piece)?;
            rest = tail;
        }
        checker.push(rest)?;
        checker.finish()
    }

    /// Mostly text, so that errors come late and multi-byte sequences are common.
    fn text_like() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            6 => ".{0,40}".prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 0..4),
            1 => prop::sample::select(BOUNDARIES).prop_map(<[u8]>::to_vec),
        ];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    /// Sequences at the edges of what is valid (Unicode table 3-7), good and bad.
    const BOUNDARIES: &[&[u8]] = &[
        b"\x7f",
        b"\x80",
        b"\xc0\x80",
        b"\xc1\xbf",
        b"\xc2\x80",
        b"\xdf\xbf",
        b"\xe0\x9f\xbf",
        b"\xe0\xa0\x80",
        b"\xed\x9f\xbf",
        b"\xed\xa0\x80",
        b"\xef\xbf\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xf0\x90\x80\x80",
        b"\xf4\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\xff",
    ];

    #[test]
    fn the_text_of_autobahn_6_4_is_refused_at_the_byte_past_the_last_code_point() {
        let text = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited";
        assert_eq!(first_refused_byte(text), Some(12));
    }

    #[test]
    fn an_open_sequence_at_the_end_is_refused_only_by_the_end() {
        let mut checker = Utf8Checker::new();
        assert_eq!(checker.push(b"price: \xe2\x82"), Ok(()));
        assert_eq!(checker.finish(), Err(Violation::InvalidUtf8));
        assert_eq!(checker.push(b"\xac"), Ok(()));
        assert_eq!(checker.finish(), Ok(()));
    }

    #[test]
    fn every_sequence_at_an_edge_is_judged_as_std_does() {
        for sequence in BOUNDARIES {
            assert_eq!(first_refused_byte(sequence), first_bad_byte(sequence), "{sequence:02x?}");
        }
    }

    #[test]
    fn characters_across_a_block_edge_are_whole() {
        for lead in 0..8 {
            let mut text = vec![b'a'; BLOCK - lead];
            text.extend("𝄞€é".repeat(BLOCK / 4).as_bytes());
            let mut masked = text.clone();
            mask::apply(&mut masked, [9, 8, 7, 6]);
            assert!(unmask_whole(&mut masked, [9, 8, 7, 6]));
            assert_eq!(masked, text);
        }
    }

    proptest! {
        #[test]
        fn byte_by_byte_fails_at_exactly_the_first_bad_byte(text in text_like()) {
            prop_assert_eq!(first_refused_byte(&text), first_bad_byte(&text));
        }

        #[test]
        fn any_pieces_agree_with_std_on_the_whole(
            text in text_like(), cuts in prop::collection::vec(0usize..90, 0..6),
        ) {
            prop_assert_eq!(in_pieces(&text, &cuts).is_ok(), std::str::from_utf8(&text).is_ok());
        }

        #[test]
        fn a_piece_is_refused_exactly_if_it_reaches_the_first_bad_byte(
            text in text_like(), cut in 0usize..200,
        ) {
            let cut = cut.min(text.len());
            let refused = Utf8Checker::new().push(&text[..cut]).is_err();
            prop_assert_eq!(refused, first_bad_byte(&text).is_some_and(|bad| bad < cut));
        }
    }
}
