//! A text that a process shows to its peer: the place in a script, written by a signal handler.

use std::sync::Arc;

use super::segment::Segment;

/// Memory for a text that the peer can read. Its writer may be a signal handler.
#[derive(Debug)]
pub struct Note(Arc<Segment>);

impl Note {
    pub(super) fn new(segment: Arc<Segment>) -> Self {
        Self(segment)
    }

    /// The signal with which the front asks a worker for the text.
    pub const SIGNAL: i32 = libc::SIGXCPU;

    /// Writes a file's name, as far as it fits, a colon, and a line number. Allocates nothing, and calls nothing that a
    /// signal handler may not.
    pub fn write(&self, file: &[u8], line: u32) {
        let mut digits = [0; 11];
        let mut first = digits.len();
        let mut rest = line;
        while first > 1 {
            first -= 1;
            if let Some(digit) = digits.get_mut(first) {
                *digit = b'0' + (rest % 10) as u8;
            }
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        first -= 1;
        if let Some(colon) = digits.get_mut(first) {
            *colon = b':';
        }
        let number = digits.get(first..).unwrap_or_default();
        let file = file.get(..file.len().min(MOST - digits.len())).unwrap_or_default();
        let written = self.0.copy_in(TEXT, file) && self.0.copy_in(TEXT + file.len(), number);
        self.0.store(LENGTH, if written { (file.len() + number.len()) as u64 } else { 0 });
    }
}

/// The text in a peer's segment, if there is one.
pub(super) fn read(segment: &Segment) -> Option<String> {
    let length = usize::try_from(segment.load(LENGTH)).ok()?.min(MOST);
    let mut text = vec![0; length];
    let is_there = length > 0 && segment.copy_out(TEXT, &mut text);
    is_there.then(|| String::from_utf8_lossy(&text).into_owned())
}

/// The word of the text's length, in the page of words of `duplex`.
const LENGTH: usize = 64;
/// The text, in bytes from the start.
const TEXT: usize = 1024;
/// Bytes of a text at most.
pub(super) const MOST: usize = 1024;
