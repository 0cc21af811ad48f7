//! Large records, which go through a lane in pieces.

use super::{BadRecord, Kind};
use crate::ring::Duplex;

/// A record that goes in pieces, as far as the lane has room.
#[derive(Debug)]
pub struct Pieces {
    /// The lane's word for the record, then the record.
    bytes: Vec<u8>,
    sent: usize,
}

impl Pieces {
    /// Takes a record of `parts`.
    pub fn new(word: u32, parts: &[&[u8]]) -> Self {
        let mut bytes = word.to_le_bytes().to_vec();
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        Self { bytes, sent: 0 }
    }

    /// Writes the pieces for which there is room. True when all are written.
    pub fn advance(&mut self, lane: &mut Duplex) -> bool {
        while let Some(rest) = self.bytes.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let size = rest.len().min(lane.most());
            let kind = if size == rest.len() { Kind::LastPiece } else { Kind::Piece };
            let Some(piece) = rest.get(..size) else { break };
            if !lane.write(kind.with(0), &[piece]) {
                return false;
            }
            self.sent += size;
        }
        true
    }
}

/// Writes a record whole, if it is small enough for that. `Err` with the pieces of one that is not; false if there is
/// no room now.
#[inline]
pub fn write(lane: &mut Duplex, word: u32, parts: &[&[u8]]) -> Result<bool, Pieces> {
    if lane.write(word, parts) {
        return Ok(true);
    }
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if length > lane.most() { Err(Pieces::new(word, parts)) } else { Ok(false) }
}

/// Puts the pieces of large records together.
#[derive(Debug)]
pub struct Assembler {
    bytes: Vec<u8>,
    most: usize,
}

impl Assembler {
    /// For records of at most `most` bytes.
    pub fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most: most.saturating_add(size_of::<u32>()) }
    }

    /// Takes a record that was read. Returns the word of the record that is complete now, which is in `record` then.
    #[inline]
    pub fn take(&mut self, word: u32, record: &mut Vec<u8>) -> Result<Option<u32>, BadRecord> {
        let last = match Kind::of(word) {
            Some(Kind::Piece) => false,
            Some(Kind::LastPiece) => true,
            Some(_) if self.bytes.is_empty() => return Ok(Some(word)),
            Some(_) => return Err(BadRecord("a record between the pieces of another")),
            None => return Err(BadRecord("a record of no known kind")),
        };
        if self.bytes.len() + record.len() > self.most {
            return Err(BadRecord("a record that is too large"));
        }
        self.bytes.append(record);
        if !last {
            return Ok(None);
        }
        let whole = std::mem::take(&mut self.bytes);
        let (word, rest) = whole.split_first_chunk().ok_or(BadRecord("a record without a kind"))?;
        record.clear();
        record.extend_from_slice(rest);
        match Kind::of(u32::from_le_bytes(*word)) {
            None | Some(Kind::Piece | Kind::LastPiece) => Err(BadRecord("a record of no known kind")),
            Some(_) => Ok(Some(u32::from_le_bytes(*word))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_any_size_comes_out_whole() {
        let capacity = 4096;
        let (mut front, parts) = Duplex::create(capacity).unwrap();
        let mut worker = Duplex::attach(&parts, capacity).unwrap();
        for size in [0, 1, 1020, 1024, 1025, 5000, 100_000] {
            let payload: Vec<u8> = (0..size).map(|byte| byte as u8).collect();
            let mut pieces = match write(&mut front, Kind::Message.with(3), &[&payload]) {
                Ok(written) => {
                    assert!(written);
                    None
                }
                Err(pieces) => Some(pieces),
            };
            let (mut assembler, mut record) = (Assembler::new(100_000), Vec::new());
            let found = loop {
                let done = pieces.as_mut().is_none_or(|pieces| pieces.advance(&mut front));
                let _ = front.publish();
                let word = worker.read(&mut record).unwrap();
                let _ = worker.release();
                if let Some(word) = word.and_then(|word| assembler.take(word, &mut record).unwrap()) {
                    assert!(done);
                    break word;
                }
            };
            assert_eq!((found, &record), (Kind::Message.with(3), &payload), "{size}");
        }
    }

    #[test]
    fn a_record_that_is_too_large_or_mixed_with_another_is_refused() {
        let mut assembler = Assembler::new(100);
        assert_eq!(assembler.take(Kind::Piece.with(0), &mut vec![0; 90]), Ok(None));
        assert!(assembler.take(Kind::Piece.with(0), &mut vec![0; 90]).is_err());
        let mut assembler = Assembler::new(100);
        assert_eq!(assembler.take(Kind::Piece.with(0), &mut vec![0; 9]), Ok(None));
        assert!(assembler.take(Kind::Message.with(0), &mut vec![0; 9]).is_err());
        let mut assembler = Assembler::new(100);
        assert!(assembler.take(Kind::LastPiece.with(0), &mut vec![1]).is_err(), "shorter than its kind");
        assert!(assembler.take(0xff, &mut vec![1]).is_err());
    }
}
