//! Turns the bytes of one client into messages and control frames, in wire order.
//!
//! Nearly every frame is whole in the bytes just read. Its payload goes straight to the memory in which it may wait
//! (`Payloads`) and is unmasked there: no allocation, no state. Only frames that a read cuts in two, and fragmented
//! messages, go through `Partial`.

use bytes::{Buf, BytesMut};

use super::{
    assemble::DirectRead,
    decode_limits::DecodeLimits,
    header::Header,
    mask,
    opcode::{OpCode, may_follow},
    partial::Partial,
    payloads::Payloads,
    received::Received,
    utf8,
    violation::Violation,
};

/// The receiving half of one connection (RFC 6455 §5.4, §6.2).
///
/// One pointer while nothing is half received, which is nearly always. After a [`Violation`] or a
/// [`Received::Close`] the caller stops: the decoder would read on as if nothing had happened.
#[derive(Debug, Default)]
pub struct Decoder {
    partial: Option<Box<Partial>>,
}

impl Decoder {
    /// Creates a decoder at the start of a connection's frames.
    #[must_use]
    pub const fn new() -> Self {
        Self { partial: None }
    }

    /// Takes the next item out of `input`, the bytes just read from the socket (RFC 6455 §6.2).
    ///
    /// A message that is whole in `input` leaves in memory of `payloads`, unless it is large or compressed; that
    /// and a control frame leave as slices of `input`. `Ok(None)` means that `input` is used up: an incomplete
    /// item has been taken over. Call it until then, also after filling a [`Decoder::direct_buffer`],
    /// with an empty `input`.
    ///
    /// After an error, the rest of `input` means nothing.
    ///
    /// The decision on size falls with the header. Memory grows by doubling with the bytes
    /// that arrive, never by a declared length. Text is checked as it arrives, also inside an
    /// unfinished frame.
    #[inline]
    pub fn next(
        &mut self,
        input: &mut BytesMut,
        payloads: &mut Payloads,
        limits: &DecodeLimits,
    ) -> Result<Option<Received>, Violation> {
        let in_fragmented = match &self.partial {
            None => false,
            Some(partial) if partial.is_between_frames() => true,
            Some(_) => return self.resume(input, limits),
        };
        // From here on every result is built where it is returned: a helper that returned it would
        // have it moved again, and the moves cost more than the decoding.
        let header =
            match Header::decode_after(input, limits.deflate, |opcode| may_follow(opcode, in_fragmented)) {
                Ok(Some(header)) if header.fin && header.opcode != OpCode::Continuation => header,
                Ok(None) if input.is_empty() => return Ok(None),
                Ok(_) => return self.resume(input, limits),
                Err(violation) => return Err(self.fail(violation)),
            };
        let Header { opcode, compressed, mask, length, .. } = header;
        // Too much, or too much at once.
        if length > limits.in_one_piece(compressed) as u64 && !opcode.is_control() {
            return self.resume(input, limits);
        }
        let header_len = header.header_len();
        // The header is in `input`, so this cannot wrap; adding the declared length to something could.
        if length > (input.len() - header_len) as u64 {
            return self.resume(input, limits);
        }
        let length = length as usize;
        let mut payload = if length == 0 {
            input.advance(header_len);
            // Keeps no chunk alive.
            BytesMut::new()
        } else if compressed || opcode.is_control() {
            input.advance(header_len);
            input.split_to(length)
        } else {
            payloads.take(input, header_len, length)
        };
        if opcode == OpCode::Text && !compressed {
            if !utf8::unmask_whole(&mut payload, mask) {
                return Err(self.fail(Violation::InvalidUtf8));
            }
            return Ok(Some(Received::Message { payload: payload.freeze(), binary: false, compressed }));
        }
        mask::apply(&mut payload, mask);
        if !opcode.is_control() {
            let binary = opcode == OpCode::Binary;
            return Ok(Some(Received::Message { payload: payload.freeze(), binary, compressed }));
        }
        match Received::from_control(opcode, payload.freeze()) {
            Ok(received) => Ok(Some(received)),
            Err(violation) => Err(self.fail(violation)),
        }
    }

    /// The place for the next bytes of this connection while a large payload is half received, so
    /// that the kernel's copy is the only one.
    ///
    /// `None` while the detour would not pay: before 16 KiB of the message have arrived, or when
    /// so little of the frame is left that one ordinary read gets it together with the next bytes.
    /// Reserves at most as much again as has arrived, and takes no byte beyond the frame's payload.
    /// After reading into it, call [`Decoder::next`] with an empty input.
    pub fn direct_buffer(&mut self) -> Option<DirectRead<'_>> {
        self.partial.as_mut()?.direct_buffer()
    }

    /// True while an item is begun and not finished: a message, in or between its frames, a
    /// control frame, or a header.
    ///
    /// A message has a deadline and the caller keeps the clock: it starts when this becomes true
    /// and again with every [`Received::Message`] after which it is still true.
    #[must_use]
    #[inline]
    pub const fn in_message(&self) -> bool {
        self.partial.is_some()
    }

    /// Decides whether the first byte of `input` belongs to a control frame. Those may be taken while the
    /// caller has no room for messages.
    #[must_use]
    pub fn is_at_control(&self, input: &[u8]) -> bool {
        match &self.partial {
            Some(partial) => partial.is_at_control(input),
            None => input.first().is_some_and(|first| OpCode::is_control_byte(*first)),
        }
    }

    /// Bytes of memory that the unfinished message holds, spare capacity included.
    #[must_use]
    pub fn held(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.held())
    }

    /// Continues with everything that is not a whole frame in one piece.
    // Not `cold`: large messages come this way, and cold code is not vectorised.
    #[inline(never)]
    fn resume(&mut self, input: &mut BytesMut, limits: &DecodeLimits) -> Result<Option<Received>, Violation> {
        let partial = self.partial.get_or_insert_default();
        match partial.next(input, limits) {
            Ok(received) => {
                if partial.is_idle() {
                    self.partial = None;
                }
                Ok(received)
            }
            Err(violation) => Err(self.fail(violation)),
        }
    }

    /// Drops the unfinished item of a failed connection: no caller needs it, and the close handshake
    /// may take a while.
    #[cold]
    fn fail(&mut self, violation: Violation) -> Violation {
        self.partial = None;
        violation
    }
}
