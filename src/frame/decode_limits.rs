//! Bounds on the memory that a peer can make the decoder hold.

/// Most that a peer can make the decoder hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Bytes of one message at most, summed over its fragments. A header that declares more is
    /// answered with 1009 before anything is stored for it (RFC 6455 §10.4).
    pub max_message: usize,
    /// Allows compressed messages (RFC 7692).
    pub deflate: bool,
    /// Bytes of a compressed message that are put together at most. A longer one is handed over in
    /// parts, which are the same however it arrives, so that it can be inflated meanwhile.
    pub part: usize,
}

impl DecodeLimits {
    /// Most bytes of a message on the wire. Data that cannot be compressed grows by five bytes
    /// in each block (RFC 1951 §3.2.4), and some compressors make small blocks.
    pub(super) const fn on_the_wire(&self, compressed: bool) -> usize {
        let max = self.max_message;
        if compressed { max.saturating_add(max / 256).saturating_add(64) } else { max }
    }

    /// Most bytes of a message that leaves whole.
    pub(super) const fn in_one_piece(&self, compressed: bool) -> usize {
        let most = self.on_the_wire(compressed);
        if compressed && self.part < most { self.part } else { most }
    }
}
