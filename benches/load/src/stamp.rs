//! The name at the head of every payload: its sender and number.

use std::fmt;

/// Five digits of the sender, seven of the sequence number, as the text that is sent.
///
/// Kept as text and counted up in place, because that is cheaper than printing a number for each message.
/// After ten million it begins anew, which no window comes near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp([u8; Stamp::LEN]);

impl Stamp {
    /// Every payload is at least this long.
    pub const LEN: usize = 12;

    /// The first message of `sender`.
    pub fn first(sender: usize) -> Self {
        let mut text = [b'0'; Self::LEN];
        let mut rest = sender;
        for digit in text[..SENDER].iter_mut().rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        Self(text)
    }

    /// The stamp of a payload; `None` if it is none.
    pub fn read(text: &[u8; Self::LEN]) -> Option<Self> {
        text.iter().all(u8::is_ascii_digit).then_some(Self(*text))
    }

    pub fn text(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The next message of the same sender.
    pub fn advance(&mut self) {
        for digit in self.0[SENDER..].iter_mut().rev() {
            if *digit != b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
    }

    /// True if it is `earlier` or a later message of the same sender.
    pub fn follows(&self, earlier: &Self) -> bool {
        self.sender() == earlier.sender() && self.sequence() >= earlier.sequence()
    }

    fn sender(&self) -> u64 {
        number(&self.0[..SENDER])
    }

    pub fn sequence(&self) -> u64 {
        number(&self.0[SENDER..])
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} of sender {}", self.sequence(), self.sender())
    }
}

/// Digits of the sender.
const SENDER: usize = 5;

fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_up_in_decimal_and_keeps_the_sender() {
        let mut stamp = Stamp::first(15_000);
        for _ in 0..1_099 {
            stamp.advance();
        }
        assert_eq!(stamp.text(), b"150000001099");
        assert_eq!((stamp.sender(), stamp.sequence()), (15_000, 1_099));
    }

    #[test]
    fn begins_anew_after_ten_million() {
        let mut stamp = Stamp::read(b"000079999999").expect("digits");
        stamp.advance();
        assert_eq!(stamp, Stamp::first(7));
    }

    #[test]
    fn follows_itself_and_those_before_it_of_the_same_sender() {
        let (first, mut second) = (Stamp::first(7), Stamp::first(7));
        second.advance();
        assert!(first.follows(&first) && second.follows(&first));
        assert!(!first.follows(&second) && !Stamp::first(8).follows(&first));
    }
}
