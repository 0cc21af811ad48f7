//! One message on its way to many: compressed once for all connections with the same agreement.

use bytes::{Bytes, BytesMut};

use crate::{
    connection::OpenState,
    deflate::{Codec, Contexts, WINDOWS},
    frame::{encode_compressed, encoded_len, message_of},
};

/// A frame, and its compressed forms so far.
pub(super) struct Fanned {
    plain: Bytes,
    /// True if it is to be compressed where it can be.
    compress: bool,
    /// The compressed form for each compressor, by its place.
    made: [Option<Bytes>; WINDOWS],
}

impl Fanned {
    pub(super) fn new(plain: Bytes, compress: bool) -> Self {
        Self { plain, compress, made: [const { None }; WINDOWS] }
    }

    /// The frame for this connection, unless it [needs one of its own](Self::is_for_each).
    pub(super) fn shared(&mut self, codec: &mut Codec, open: Option<&mut OpenState>) -> Bytes {
        if !self.compress {
            return self.plain.clone();
        }
        let Some(open) = open else { return self.plain.clone() };
        let place = open.deflate.as_ref().and_then(Contexts::shared_place);
        match place.and_then(|place| self.made.get_mut(place)) {
            None => self.plain.clone(),
            Some(made) => made
                .get_or_insert_with(|| compressed(codec, open, &self.plain).unwrap_or(self.plain.clone()))
                .clone(),
        }
    }

    /// True if the message has to be compressed for this connection alone, because its messages refer back to earlier
    /// ones.
    pub(super) fn is_for_each(&self, open: &OpenState) -> bool {
        self.compress && open.deflate.as_ref().is_some_and(|contexts| contexts.shared_place().is_none())
    }
}

/// The compressed form of a frame, for this connection. `None`: it is to leave as it is.
pub(super) fn compressed(codec: &mut Codec, open: &mut OpenState, frame: &[u8]) -> Option<Bytes> {
    let (opcode, message) = message_of(frame);
    let deflated = codec.deflate(open.deflate.as_mut()?, message)?;
    let mut frame = BytesMut::with_capacity(encoded_len(deflated.len()));
    encode_compressed(&mut frame, opcode, deflated);
    Some(frame.freeze())
}
