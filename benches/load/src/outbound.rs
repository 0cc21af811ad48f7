//! The messages that one connection sends: frames built once, of which only the stamp changes.

use std::io::{self, Write};

use crate::stamp::Stamp;

/// Frames of one size, already masked, side by side; a batch of them leaves in one write.
///
/// The mask is chosen once for the connection, so the filler is masked once and a message costs twelve bytes.
pub struct Outbound {
    next: Stamp,
    mask: [u8; 4],
    /// Bytes of a frame before its payload.
    header: usize,
    /// Bytes of a whole frame.
    frame: usize,
    /// Frames in `bytes`; more are added when a larger batch asks for them.
    built: usize,
    bytes: Vec<u8>,
    /// Up to where the batch reaches that is being written, and how much of it has left.
    filled: usize,
    written: usize,
    /// Answers to pings, sent between two batches.
    control: Vec<u8>,
}

impl Outbound {
    /// For messages of `sender` with this payload, whose first bytes are the stamp's.
    pub fn new(sender: usize, payload: &[u8]) -> Self {
        let mask = mask(sender);
        let mut bytes = Vec::new();
        push_frame(&mut bytes, TEXT, mask, payload);
        Self {
            next: Stamp::first(sender),
            mask,
            header: bytes.len() - payload.len(),
            frame: bytes.len(),
            built: 1,
            bytes,
            filled: 0,
            written: 0,
            control: Vec::new(),
        }
    }

    /// The message that is sent next.
    pub fn next(&self) -> &Stamp {
        &self.next
    }

    /// Answers a ping.
    pub fn pong(&mut self, payload: &[u8]) {
        push_frame(&mut self.control, PONG, self.mask, payload);
    }

    /// Writes waiting bytes, then as many of `due` messages as the socket takes, and reports each batch to `began`
    /// before it is written. Bytes that the socket does not take are written by the next call.
    pub fn send(
        &mut self,
        socket: &mut impl Write,
        due: &mut usize,
        mut began: impl FnMut(usize),
    ) -> io::Result<()> {
        loop {
            if !write(socket, &self.bytes[..self.filled], &mut self.written)? {
                return Ok(());
            }
            if !self.control.is_empty() {
                let mut written = 0;
                let all = write(socket, &self.control, &mut written)?;
                self.control.drain(..written);
                if !all {
                    return Ok(());
                }
            }
            if *due == 0 {
                return Ok(());
            }
            let batch = (*due).min((BATCH / self.frame).max(1));
            self.fill(batch);
            began(batch);
            *due -= batch;
        }
    }

    fn fill(&mut self, batch: usize) {
        while self.built < batch {
            self.bytes.extend_from_within(..self.frame);
            self.built += 1;
        }
        for frame in self.bytes.chunks_exact_mut(self.frame).take(batch) {
            let place = &mut frame[self.header..self.header + Stamp::LEN];
            for ((byte, plain), mask) in place.iter_mut().zip(self.next.text()).zip(self.mask.iter().cycle())
            {
                *byte = plain ^ mask;
            }
            self.next.advance();
        }
        self.filled = batch * self.frame;
        self.written = 0;
    }
}

/// A close frame with code 1000.
pub fn close_frame(sender: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    push_frame(&mut frame, CLOSE, mask(sender), &1000_u16.to_be_bytes());
    frame
}

/// A payload without a sender yet: the bytes after the stamp, which show a shift inside a message too.
pub fn payload(size: usize) -> Vec<u8> {
    (0..size).map(|place| b'a' + (place % 23) as u8).collect()
}

/// The most bytes of a batch, unless a single frame is larger.
const BATCH: usize = 64 << 10;

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PONG: u8 = 0x8A;

/// Some mask without a zero byte: a server must not get away with skipping one.
fn mask(sender: usize) -> [u8; 4] {
    ((sender as u32).wrapping_mul(0x9E37_79B1) | 0x0101_0101).to_ne_bytes()
}

fn push_frame(out: &mut Vec<u8>, first: u8, mask: [u8; 4], payload: &[u8]) {
    out.push(first);
    match payload.len() {
        short @ ..=125 => out.push(0x80 | short as u8),
        middle @ 126..0x1_0000 => {
            out.push(0x80 | 126);
            out.extend((middle as u16).to_be_bytes());
        }
        long => {
            out.push(0x80 | 127);
            out.extend((long as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// True once everything after `written` has left.
fn write(socket: &mut impl Write, bytes: &[u8], written: &mut usize) -> io::Result<bool> {
    while *written < bytes.len() {
        match socket.write(&bytes[*written..]) {
            Ok(some) => *written += some,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `room` bytes, then would block.
    struct Socket {
        room: usize,
        got: Vec<u8>,
    }

    impl Write for Socket {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let some = bytes.len().min(self.room);
            if some == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.room -= some;
            self.got.extend(&bytes[..some]);
            Ok(some)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_batch_that_the_socket_takes_in_pieces_leaves_whole_and_in_order() {
        let mut out = Outbound::new(3, &payload(14));
        let mut socket = Socket { room: 0, got: Vec::new() };
        let (mut due, mut begun) = (5, 0);
        for _ in 0..200 {
            socket.room = 1;
            out.send(&mut socket, &mut due, |batch| begun += batch).expect("no error");
        }
        assert_eq!((due, begun), (0, 5));
        let mask = mask(3);
        assert!(!mask.contains(&0));
        let texts: Vec<Vec<u8>> = socket
            .got
            .chunks(20)
            .map(|frame| {
                assert_eq!(frame[..2], [0x81, 0x80 | 14]);
                assert_eq!(frame[2..6], mask);
                frame[6..].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
            })
            .collect();
        assert_eq!(texts.len(), 5);
        assert_eq!(texts[4], b"000030000004mn");
    }
}
