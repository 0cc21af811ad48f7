//! Items that a read has cut in two: half a header, half a payload, or a message between its fragments.

use std::mem;

use bytes::{Buf, Bytes, BytesMut};

use super::{
    assemble::{DirectRead, Message},
    close,
    decode_limits::DecodeLimits,
    header::{Header, MAX_CLIENT_HEADER},
    mask,
    opcode::{OpCode, may_follow},
    received::Received,
    violation::Violation,
};

/// The unfinished items of one connection. Exists only while there is one.
#[derive(Debug, Default)]
pub(super) struct Partial {
    /// The beginning of a header whose end has not arrived.
    header: [u8; MAX_CLIENT_HEADER],
    header_len: u8,
    /// The frame whose payload is arriving.
    frame: Option<Frame>,
    /// The unmasked beginning of a control frame's payload. Apart from the message, since control
    /// frames come between the fragments of one (RFC 6455 §5.4).
    control: Vec<u8>,
    /// The data message that is open, in or between its frames.
    message: Option<Message>,
}

/// A frame from its header to the last byte of its payload.
#[derive(Debug)]
struct Frame {
    fin: bool,
    opcode: OpCode,
    /// The key, turned to the next byte.
    mask: [u8; 4],
    /// Bytes of the payload that have not been unmasked yet.
    remaining: u64,
}

impl Partial {
    /// A fragmented message is open and the next byte begins a frame.
    #[inline]
    pub(super) fn is_between_frames(&self) -> bool {
        self.frame.is_none() && self.header_len == 0
    }

    /// Nothing is unfinished any more.
    pub(super) fn is_idle(&self) -> bool {
        self.is_between_frames() && self.message.is_none()
    }

    /// See [`super::Decoder::is_at_control`].
    pub(super) fn is_at_control(&self, input: &[u8]) -> bool {
        if let Some(frame) = &self.frame {
            return frame.opcode.is_control();
        }
        let begun = self.header.get(..usize::from(self.header_len)).unwrap_or_default();
        begun.iter().chain(input).next().is_some_and(|first| OpCode::is_control_byte(*first))
    }

    pub(super) fn held(&self) -> usize {
        size_of::<Self>() + self.control.capacity() + self.message.as_ref().map_or(0, Message::capacity)
    }

    pub(super) fn direct_buffer(&mut self) -> Option<DirectRead<'_>> {
        let frame = self.frame.as_ref().filter(|frame| !frame.opcode.is_control())?;
        self.message.as_mut()?.direct_buffer(frame.remaining)
    }

    /// See [`super::Decoder::next`]. Every round takes a whole frame out of `input` or all of it, if no part
    /// ends there.
    pub(super) fn next(
        &mut self,
        input: &mut BytesMut,
        limits: &DecodeLimits,
    ) -> Result<Option<Received>, Violation> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.take_header(input, limits)? {
                    Some(header) => self.begin(&header, limits)?,
                    None => return Ok(None),
                },
            };
            if frame.opcode.is_control() {
                self.take_control_payload(&mut frame, input)?;
                if frame.remaining == 0 {
                    let payload = Bytes::from(mem::take(&mut self.control));
                    return Received::from_control(frame.opcode, payload).map(Some);
                }
            } else {
                // `begin` lets no data frame in without a message.
                let message = self.message.as_mut().ok_or(Violation::UnexpectedContinuation)?;
                let taken = message.arrive(input, frame.remaining, frame.mask, frame.fin, limits)?;
                frame.advance(taken);
                let ended = frame.remaining == 0;
                if ended && frame.fin {
                    return self.message.take().map(Message::finish).transpose();
                }
                let part = message.take_part();
                if !ended {
                    self.frame = Some(frame);
                } else if part.is_none() {
                    continue;
                }
                return Ok(part);
            }
            self.frame = Some(frame);
            return Ok(None);
        }
    }

    /// Completes the header, from the bytes that an earlier read left and `input`.
    fn take_header(
        &mut self,
        input: &mut BytesMut,
        limits: &DecodeLimits,
    ) -> Result<Option<Header>, Violation> {
        let earlier = usize::from(self.header_len);
        for (slot, &byte) in self.header.iter_mut().skip(earlier).zip(input.iter()) {
            *slot = byte;
            self.header_len += 1;
        }
        let in_fragmented = self.message.is_some();
        let arrived = self.header.get(..usize::from(self.header_len)).unwrap_or_default();
        let header =
            Header::decode_after(arrived, limits.deflate, |opcode| may_follow(opcode, in_fragmented))?;
        match &header {
            Some(header) => {
                input.advance(header.header_len() - earlier);
                self.header_len = 0;
            }
            // Fourteen bytes always make a header, so all of `input` has been copied.
            None => input.clear(),
        }
        Ok(header)
    }

    /// Accepts a frame by its header alone.
    fn begin(&mut self, header: &Header, limits: &DecodeLimits) -> Result<Frame, Violation> {
        let Header { fin, opcode, compressed, mask, length, .. } = *header;
        if !opcode.is_control() {
            let message =
                self.message.get_or_insert_with(|| Message::new(opcode == OpCode::Binary, compressed));
            message.begin_fragment(length, limits)?;
        }
        Ok(Frame { fin, opcode, mask, remaining: length })
    }

    fn take_control_payload(&mut self, frame: &mut Frame, input: &mut BytesMut) -> Result<(), Violation> {
        let len = input.len().min(usize::try_from(frame.remaining).unwrap_or(usize::MAX));
        let arrived = input.get_mut(..len).unwrap_or_default();
        mask::apply(arrived, frame.mask);
        self.control.extend_from_slice(arrived);
        input.advance(len);
        frame.advance(len);
        if frame.opcode == OpCode::Close { close::check_arrived(&self.control) } else { Ok(()) }
    }
}

impl Frame {
    /// `len` more bytes of the payload are done with.
    fn advance(&mut self, len: usize) {
        self.remaining = self.remaining.saturating_sub(len as u64);
        self.mask = mask::rotated(self.mask, len);
    }
}
