//! Sharing of compressors and decompressors: all connections without context takeover share one of each per shard,
//! a connection with it has its own.

use super::{Agreement, Deflater, InflateError, Inflater};

/// The part that all connections of a shard share. Each member is made when it is first needed.
#[derive(Debug)]
pub struct Codec {
    level: u8,
    /// By window size, see [`Contexts::shared_place`].
    deflaters: [Option<Deflater>; WINDOWS],
    inflater: Option<Inflater>,
    /// Output of the last compression.
    scratch: Vec<u8>,
    tally: Tally,
}

/// Work since the last [`Codec::end_tick`]. Sizes in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages compressed.
    pub deflated: u64,
    /// Their size before.
    pub deflate_input: u64,
    /// Their size after.
    pub deflate_output: u64,
    /// Messages inflated.
    pub inflated: u64,
    /// Their size before.
    pub inflate_input: u64,
    /// Their size after.
    pub inflate_output: u64,
}

/// State of one connection: the agreement and, only with context takeover, memory of its own from
/// the first message on. Measured: 313 KiB to send and 47 KiB to receive at 15 bits, 188 and 46 at 9.
#[derive(Debug)]
pub struct Contexts {
    agreement: Agreement,
    deflater: Option<Box<Deflater>>,
    /// Without takeover only while a message comes in parts.
    inflater: Option<Box<Inflater>>,
}

impl Contexts {
    /// Creates the state of a connection that reached this agreement.
    pub fn new(agreement: Agreement) -> Self {
        Self { agreement, deflater: None, inflater: None }
    }

    /// Index of the shared compressor of this connection, below [`WINDOWS`]: its output is good for every connection
    /// with the same index. `None` with takeover.
    pub fn shared_place(&self) -> Option<usize> {
        (!self.agreement.server_takeover).then_some(place(self.agreement.server_window_bits))
    }

    /// Bytes of memory that hold the inflated beginning of a message whose last part has not come.
    pub fn held(&self) -> usize {
        self.inflater.as_ref().map_or(0, |inflater| inflater.held())
    }

    /// Estimate of the bytes that it keeps.
    pub fn memory(&self) -> usize {
        let deflater = self.deflater.as_ref().map_or(0, |_| DEFLATER);
        deflater + self.inflater.as_ref().map_or(0, |inflater| INFLATER + inflater.held())
    }

    fn new_inflater(&self) -> Box<Inflater> {
        Box::new(Inflater::new(self.agreement.client_window_bits.unwrap_or(15)))
    }
}

impl Codec {
    /// `level` from 1 to 9.
    pub fn new(level: u8) -> Self {
        Self {
            level,
            deflaters: [const { None }; WINDOWS],
            inflater: None,
            scratch: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Inflates one message of a connection, of at most `limit` bytes, or the rest of one that began
    /// [in parts](Self::inflate_part). After an error only [`forget`](Self::forget) may come.
    pub fn inflate(
        &mut self,
        contexts: &mut Contexts,
        message: &[u8],
        limit: usize,
    ) -> Result<Vec<u8>, InflateError> {
        let takeover = contexts.agreement.client_takeover;
        let inflater = match &mut contexts.inflater {
            Some(own) => own,
            None if takeover => contexts.inflater.insert(contexts.new_inflater()),
            None => {
                let shared = self.inflater.get_or_insert_with(shared);
                shared.reset();
                shared
            }
        };
        let arrived = inflater.arrived() + message.len();
        let inflated = inflater.finish(message, limit)?;
        if !takeover {
            self.take_back(contexts);
        }
        self.tally.inflated += 1;
        self.tally.inflate_input += arrived as u64;
        self.tally.inflate_output += inflated.len() as u64;
        Ok(inflated)
    }

    /// Inflates the next part of a message that [`inflate`](Self::inflate) is to end. Without takeover the
    /// connection has the shared decompressor until then, and others make do with a new one.
    pub fn inflate_part(
        &mut self,
        contexts: &mut Contexts,
        part: &[u8],
        limit: usize,
    ) -> Result<(), InflateError> {
        let inflater = match &mut contexts.inflater {
            Some(own) => own,
            None if contexts.agreement.client_takeover => contexts.inflater.insert(contexts.new_inflater()),
            None => {
                let mut lent = self.inflater.take().unwrap_or_else(shared);
                lent.reset();
                contexts.inflater.insert(Box::new(lent))
            }
        };
        inflater.push(part, limit)
    }

    /// Drops a message whose last part has not come, and the context of earlier ones: nothing
    /// of this connection is to be inflated any more.
    pub fn forget(&mut self, contexts: &mut Contexts) {
        if contexts.agreement.client_takeover {
            contexts.inflater = None;
        } else {
            self.take_back(contexts);
        }
    }

    fn take_back(&mut self, contexts: &mut Contexts) {
        if let Some(mut lent) = contexts.inflater.take()
            && self.inflater.is_none()
        {
            lent.reset();
            self.inflater = Some(*lent);
        }
    }

    /// Compresses one message for a connection. `None`: the compressor failed, which no peer and no caller can cause;
    /// the message is to leave uncompressed.
    pub fn deflate(&mut self, contexts: &mut Contexts, message: &[u8]) -> Option<&[u8]> {
        let Agreement { server_takeover, server_window_bits: bits, .. } = contexts.agreement;
        self.scratch.clear();
        let done = if server_takeover {
            let make = || Box::new(Deflater::new(self.level, bits));
            let own = contexts.deflater.get_or_insert_with(make);
            own.deflate(message, &mut self.scratch)
        } else {
            let shared = self.deflaters.get_mut(place(bits))?;
            let shared = shared.get_or_insert_with(|| Deflater::new(self.level, bits));
            shared.reset();
            shared.deflate(message, &mut self.scratch)
        };
        if !done {
            return None;
        }
        self.tally.deflated += 1;
        self.tally.deflate_input += message.len() as u64;
        self.tally.deflate_output += self.scratch.len() as u64;
        Some(&self.scratch)
    }

    /// Ends a tick: gives a large scratch buffer back. Returns the work since the last call; `None` if there was
    /// none.
    pub fn end_tick(&mut self) -> Option<Tally> {
        if self.scratch.capacity() > KEPT {
            self.scratch = Vec::new();
        }
        let tally = std::mem::take(&mut self.tally);
        (tally != Tally::default()).then_some(tally)
    }
}

/// Creates the shared decompressor. A window of 15 bits reads the output of any smaller one.
fn shared() -> Inflater {
    Inflater::new(15)
}

/// Index of a window of 9 to 15 bits.
fn place(bits: u8) -> usize {
    usize::from(bits.saturating_sub(9))
}

/// Bytes that a compressor and a decompressor keep with windows of 15 bits.
const DEFLATER: usize = 313 << 10;
const INFLATER: usize = 47 << 10;
/// Sizes that a window of the server's may have: 9 to 15 bits.
pub const WINDOWS: usize = 7;
/// Bytes of a scratch buffer that is kept; a larger one is given back.
const KEPT: usize = 256 << 10;
