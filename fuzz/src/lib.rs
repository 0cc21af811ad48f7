//! Code that the fuzz targets share: division of an input, and checks that a server's output is legal.
//!
//! A target's first bytes are options; `seeds.py` writes the same layout. Options are few and whole
//! bytes, so that a mutation of one is a mutation of one option.

pub mod frames;
pub mod response;

/// An input whose options have not all been taken off its front.
pub struct Input<'a>(&'a [u8]);

/// The cuts of a stream: a first piece of some length, then pieces of another.
#[derive(Clone, Copy, Debug)]
pub struct Cuts {
    first: usize,
    then: usize,
}

impl<'a> Input<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// The next option; 0 if the input has ended.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// The next two options: the length of the first piece, 0 for none, and that of all others, 0 for all
    /// at once.
    pub fn cuts(&mut self) -> Cuts {
        Cuts { first: self.byte().into(), then: self.byte().into() }
    }

    /// The bytes behind the options.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }
}

impl Cuts {
    /// The same cuts behind `length` more bytes, which come with the first piece.
    pub fn behind(self, length: usize) -> Self {
        let whole = self.first == 0 && self.then == 0;
        Self { first: if whole { 0 } else { length + self.first }, ..self }
    }

    /// The pieces in which `stream` arrives.
    pub fn of(self, stream: &[u8]) -> impl Iterator<Item = &[u8]> {
        let (first, rest) = stream.split_at(self.first.min(stream.len()));
        let then = if self.then == 0 { rest.len().max(1) } else { self.then };
        std::iter::once(first).filter(|first| !first.is_empty()).chain(rest.chunks(then))
    }

    /// Bytes that have arrived after each piece.
    pub fn ends(self, stream: &[u8]) -> impl Iterator<Item = usize> {
        self.of(stream).scan(0, |end, piece| {
            *end += piece.len();
            Some(*end)
        })
    }
}
