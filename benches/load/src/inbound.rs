//! The messages that one connection receives: frames of a server, checked byte by byte.

use std::rc::Rc;

use anyhow::{Result, bail, ensure};

use crate::{outbound::Outbound, stamp::Stamp};

/// Reads frames from chunks of any size and compares them in place; no message is ever put together.
pub struct Inbound {
    expected: Expected,
    payload: Rc<[u8]>,
    /// A header that is not complete yet.
    head: [u8; MAX_HEAD],
    held: usize,
    /// The frame whose payload is being read.
    body: Option<Body>,
}

/// Which message comes next.
#[derive(Clone, Copy)]
pub enum Expected {
    /// Whichever the server sends first: it may not have known yet that we listen.
    Any,
    /// This one, and nothing else.
    Exactly(Stamp),
    /// This one or a later one of the same sender; the caller counts those that come.
    AtLeast(Stamp),
}

struct Body {
    opcode: u8,
    size: usize,
    at: usize,
    stamp: [u8; Stamp::LEN],
    /// The payload of a ping or a close frame.
    control: Vec<u8>,
}

impl Inbound {
    /// Messages that look like `payload`, apart from the stamp.
    pub fn new(payload: Rc<[u8]>, expected: Expected) -> Self {
        Self { expected, payload, head: [0; MAX_HEAD], held: 0, body: None }
    }

    pub fn expected(&self) -> Expected {
        self.expected
    }

    pub fn expect(&mut self, expected: Expected) {
        self.expected = expected;
    }

    /// True if everything before `next` has come.
    pub fn awaits_exactly(&self, next: &Stamp) -> bool {
        matches!(&self.expected, Expected::Exactly(expected) if expected == next)
    }

    /// Checks received bytes and returns the number of completed messages. Pings are answered through `out`.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut Outbound) -> Result<usize> {
        let mut messages = 0;
        while !bytes.is_empty() {
            if self.body.is_none() && self.held == 0 {
                // The usual case: a whole message, where it lies.
                if let Some((size, head)) = whole_text(bytes)
                    && size == self.payload.len()
                    && let Some(text) = bytes.get(head..head + size)
                {
                    let (stamp, filler) = text.split_at(Stamp::LEN);
                    if filler != &self.payload[Stamp::LEN..] {
                        self.changed(Stamp::LEN, filler)?;
                    }
                    self.judge(stamp.try_into()?)?;
                    messages += 1;
                    bytes = &bytes[head + size..];
                    continue;
                }
            }
            messages += self.step(&mut bytes, out)?;
        }
        Ok(messages)
    }

    /// Takes as much of `bytes` as belongs to one header or one payload.
    fn step(&mut self, bytes: &mut &[u8], out: &mut Outbound) -> Result<usize> {
        let Some(body) = &mut self.body else {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(0) };
            self.head[self.held] = byte;
            self.held += 1;
            *bytes = rest;
            if self.held >= 2 && self.held == head_len(self.head[1])? {
                self.body = Some(self.begin()?);
                self.held = 0;
                return self.end_of_body(out);
            }
            return Ok(0);
        };
        let (now, rest) = bytes.split_at(bytes.len().min(body.size - body.at));
        *bytes = rest;
        let from = body.at;
        body.at += now.len();
        if body.opcode != TEXT {
            body.control.extend(now);
        } else {
            let stamped = now.len().min(Stamp::LEN.saturating_sub(from));
            if stamped > 0 {
                body.stamp[from..from + stamped].copy_from_slice(&now[..stamped]);
            }
            let (from, filler) = (from + stamped, &now[stamped..]);
            if filler != &self.payload[from..from + filler.len()] {
                self.changed(from, filler)?;
            }
        }
        self.end_of_body(out)
    }

    fn begin(&self) -> Result<Body> {
        let (opcode, size) = (self.head[0] & 0x0F, size(&self.head));
        ensure!(self.head[0] & 0x70 == 0, "a frame with a reserved bit came; none was agreed on");
        ensure!(self.head[0] & 0x80 != 0, "a fragment came; this generator takes whole messages only");
        match opcode {
            TEXT => ensure!(
                size == self.payload.len(),
                "a message of {size} bytes came instead of {} ({})",
                self.payload.len(),
                self.awaits()
            ),
            CLOSE | PING | PONG => ensure!(size < 126, "a control frame of {size} bytes came"),
            _ => bail!("a frame with opcode {opcode} came; only text was sent"),
        }
        Ok(Body { opcode, size, at: 0, stamp: [0; Stamp::LEN], control: Vec::new() })
    }

    /// One, if that was the end of a message.
    fn end_of_body(&mut self, out: &mut Outbound) -> Result<usize> {
        let Some(body) = self.body.take_if(|body| body.at == body.size) else { return Ok(0) };
        match body.opcode {
            TEXT => {
                self.judge(&body.stamp)?;
                return Ok(1);
            }
            PING => out.pong(&body.control),
            CLOSE => {
                let code = body.control.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                let reason = String::from_utf8_lossy(body.control.get(2..).unwrap_or_default());
                bail!("the server closed with {code} {reason:?} ({})", self.awaits());
            }
            _ => {}
        }
        Ok(0)
    }

    fn judge(&mut self, text: &[u8; Stamp::LEN]) -> Result<()> {
        match &mut self.expected {
            Expected::Exactly(next) if next.text() == text => {
                next.advance();
                return Ok(());
            }
            Expected::Exactly(_) => {}
            Expected::Any => {
                if let Some(mut stamp) = Stamp::read(text) {
                    stamp.advance();
                    self.expected = Expected::Exactly(stamp);
                    return Ok(());
                }
            }
            Expected::AtLeast(next) => {
                if let Some(mut stamp) = Stamp::read(text)
                    && stamp.follows(next)
                {
                    stamp.advance();
                    *next = stamp;
                    return Ok(());
                }
            }
        }
        match Stamp::read(text) {
            Some(came) => bail!("{came} came: lost or out of order ({})", self.awaits()),
            None => bail!("{:?} came: changed ({})", String::from_utf8_lossy(text), self.awaits()),
        }
    }

    /// The awaited message, in words.
    pub fn awaits(&self) -> String {
        match &self.expected {
            Expected::Any => "waiting for a first message".to_owned(),
            Expected::Exactly(next) | Expected::AtLeast(next) => format!("waiting for {next}"),
        }
    }

    fn changed(&self, from: usize, filler: &[u8]) -> Result<()> {
        let same = filler.iter().zip(&self.payload[from..]).take_while(|(came, sent)| came == sent).count();
        bail!("a message came changed, from its byte {} on ({})", from + same, self.awaits())
    }
}

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// Two bytes and a length of 64 bits.
const MAX_HEAD: usize = 10;

/// Payload size and header length, if `bytes` begin with the whole header of an unfragmented text.
fn whole_text(bytes: &[u8]) -> Option<(usize, usize)> {
    match bytes {
        [0x81, short @ ..=125, ..] => Some((usize::from(*short), 2)),
        [0x81, 126, a, b, ..] => Some((usize::from(u16::from_be_bytes([*a, *b])), 4)),
        [0x81, 127, ..] if bytes.len() >= MAX_HEAD => Some((size(bytes), MAX_HEAD)),
        _ => None,
    }
}

fn head_len(second: u8) -> Result<usize> {
    match second {
        ..126 => Ok(2),
        126 => Ok(4),
        127 => Ok(MAX_HEAD),
        _ => bail!("a masked frame came; servers must not mask"),
    }
}

/// The payload's size by a complete header.
fn size(head: &[u8]) -> usize {
    match head[1] {
        126 => usize::from(u16::from_be_bytes([head[2], head[3]])),
        127 => head[2..MAX_HEAD].iter().fold(0, |size, byte| size << 8 | usize::from(*byte)),
        short => usize::from(short),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::payload;

    const SIZES: [usize; 5] = [12, 20, 125, 126, 70_000];

    fn stamp(sequence: usize) -> Stamp {
        let mut stamp = Stamp::first(3);
        (0..sequence).for_each(|_| stamp.advance());
        stamp
    }

    fn frame(size: usize, sequence: usize) -> Vec<u8> {
        let mut frame = vec![0x81];
        match size {
            ..=125 => frame.push(size as u8),
            126..0x1_0000 => frame.extend([126, (size >> 8) as u8, size as u8]),
            _ => {
                frame.push(127);
                frame.extend((size as u64).to_be_bytes());
            }
        }
        frame.extend(stamp(sequence).text());
        frame.extend(&payload(size)[Stamp::LEN..]);
        frame
    }

    fn feed(size: usize, expected: Expected, bytes: &[u8], chunk: usize) -> Result<usize> {
        let payload = payload(size);
        let mut out = Outbound::new(3, &payload);
        let mut inbound = Inbound::new(payload.into(), expected);
        bytes.chunks(chunk).try_fold(0, |sum, bytes| Ok(sum + inbound.feed(bytes, &mut out)?))
    }

    fn refusal(bytes: &[u8]) -> String {
        let texts = [1, 7, 1 << 20].map(|chunk| {
            let result = feed(20, Expected::Exactly(stamp(0)), bytes, chunk);
            result.expect_err("a refusal").to_string()
        });
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
        texts[0].clone()
    }

    #[test]
    fn messages_in_order_are_counted_however_they_are_cut() {
        for size in SIZES {
            let bytes: Vec<u8> = (0..3).flat_map(|sequence| frame(size, sequence)).collect();
            for chunk in [1, 7, 64, 1 << 20] {
                let count = feed(size, Expected::Exactly(stamp(0)), &bytes, chunk);
                assert_eq!(count.expect("nothing wrong"), 3, "size {size}, chunk {chunk}");
            }
        }
    }

    #[test]
    fn a_lost_message_is_refused() {
        let bytes = [frame(20, 0), frame(20, 2)].concat();
        assert_eq!(
            refusal(&bytes),
            "message 2 of sender 3 came: lost or out of order (waiting for message 1 of sender 3)"
        );
    }

    #[test]
    fn reordered_and_repeated_messages_are_refused() {
        assert!(refusal(&[frame(20, 1), frame(20, 0)].concat()).contains("out of order"));
        assert!(refusal(&[frame(20, 0), frame(20, 0)].concat()).contains("out of order"));
    }

    #[test]
    fn a_changed_byte_is_refused_wherever_it_is() {
        for place in 2..22 {
            let mut bytes = frame(20, 0);
            bytes[place] ^= 1;
            refusal(&bytes);
        }
    }

    #[test]
    fn another_size_opcode_fragment_or_mask_is_refused() {
        assert!(refusal(&frame(21, 0)).contains("21 bytes came instead of 20"));
        assert!(refusal(&[0x82, 20]).contains("opcode 2"));
        assert!(refusal(&[0x01, 20]).contains("fragment"));
        assert!(refusal(&[0xC1, 20]).contains("reserved"));
        assert!(refusal(&[0x81, 0x94]).contains("masked"));
    }

    #[test]
    fn a_close_frame_is_an_error_that_names_the_code() {
        let text = refusal(&[0x88, 5, 0x03, 0xF5, b'f', b'u', b'l']);
        assert_eq!(text, "the server closed with 1013 \"ful\" (waiting for message 0 of sender 3)");
    }

    #[test]
    fn gaps_are_let_pass_where_that_is_asked() {
        let bytes = [frame(20, 0), frame(20, 3), frame(20, 4)].concat();
        let count = feed(20, Expected::AtLeast(stamp(0)), &bytes, 5);
        assert_eq!(count.expect("gaps are fine"), 3);
        let count = feed(20, Expected::AtLeast(stamp(2)), &frame(20, 1), 5);
        assert!(count.expect_err("backwards").to_string().contains("out of order"));
    }

    #[test]
    fn any_first_message_will_do_but_the_second_must_follow() {
        let count = feed(20, Expected::Any, &[frame(20, 7), frame(20, 8)].concat(), 9);
        assert_eq!(count.expect("in order"), 2);
        let count = feed(20, Expected::Any, &[frame(20, 7), frame(20, 9)].concat(), 9);
        assert!(count.is_err());
    }

    #[test]
    fn a_ping_between_messages_is_answered() {
        let payload = payload(20);
        let mut out = Outbound::new(3, &payload);
        let mut inbound = Inbound::new(payload.into(), Expected::Exactly(stamp(0)));
        let bytes = [frame(20, 0), vec![0x89, 2, b'h', b'i'], frame(20, 1)].concat();
        assert_eq!(inbound.feed(&bytes, &mut out).expect("nothing wrong"), 2);
        let mut written = Vec::new();
        out.send(&mut written, &mut 0, |_| {}).expect("a Vec takes all");
        assert_eq!(written[..2], [0x8A, 0x82]);
    }
}
