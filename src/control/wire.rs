//! One connection as bytes: heads, bodies and answers, one after the other.

use std::{io, time::Duration};

use bytes::BufMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout_at},
};

use super::{
    answer::Failure,
    head::{self, Head},
};
use crate::{
    http::{CONTINUE, HeadReader},
    limits::LeastRate,
};

/// A connection, and what has come of it and was not read.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    came: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, came: Vec::new() }
    }

    /// The next request's head; `None` at the end of the connection. Later bytes stay here.
    pub(super) async fn head(&mut self) -> io::Result<Option<Result<Head, Failure>>> {
        let mut reader = HeadReader::new();
        loop {
            match reader.advance(&self.came, &head::LIMITS) {
                Ok(Some(length)) => {
                    let rest = self.came.split_off(length);
                    let head = std::mem::replace(&mut self.came, rest);
                    return Ok(Some(Head::parse(&head)));
                }
                Ok(None) => {}
                Err(refusal) => return Ok(Some(Err(head::refused(refusal)))),
            }
            self.came.reserve(STEP);
            if self.stream.read_buf(&mut (&mut self.came).limit(STEP)).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// A body of this length, which takes memory as it comes: `hold` says whether there is some. It comes in pieces,
    /// since one that grew would leave holes behind, and is put together at the end.
    pub(super) async fn body(
        &mut self,
        length: usize,
        hold: impl AsyncFn(usize) -> Result<(), Failure>,
    ) -> Result<Vec<u8>, Failure> {
        let cut = |_| Failure::request("the body is cut short");
        let rest = self.came.split_off(length.min(self.came.len()));
        let mut piece = std::mem::replace(&mut self.came, rest);
        let began = Instant::now();
        let mut due = BODY.begin(Duration::ZERO);
        let slow = |_| Failure::too_slow();
        timeout_at(began + due, hold(piece.capacity())).await.map_err(slow)??;
        let (mut pieces, mut came) = (Vec::new(), piece.len());
        while came < length {
            if piece.len() == piece.capacity() {
                let more = came.clamp(STEP, LARGEST_PIECE).min(length - came);
                timeout_at(began + due, hold(more)).await.map_err(slow)??;
                pieces.push(std::mem::replace(&mut piece, Vec::with_capacity(more)));
            }
            let mut room = (&mut piece).limit(length - came);
            let read =
                timeout_at(began + due, self.stream.read_buf(&mut room)).await.map_err(slow)?.map_err(cut)?;
            if read == 0 {
                return Err(cut(io::ErrorKind::UnexpectedEof.into()));
            }
            came += read;
            due = BODY.go_on(due, began.elapsed(), read);
        }
        if pieces.is_empty() {
            return Ok(piece);
        }
        pieces.push(piece);
        Ok(pieces.concat())
    }

    /// Asks for the body.
    pub(super) async fn ask_for_body(&mut self) -> io::Result<()> {
        self.write(CONTINUE).await
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Ends the connection after a request that was not read to its end: a client that still sends would lose the
    /// answer if nobody took that.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        self.came = Vec::new();
        loop {
            self.came.clear();
            self.came.reserve(STEP);
            if self.stream.read_buf(&mut (&mut self.came).limit(STEP)).await? == 0 {
                return Ok(());
            }
        }
    }
}

/// How slowly a body may come.
const BODY: LeastRate = LeastRate { rate: 8 << 10, patience: Duration::from_secs(10) };
/// Bytes that are read at once.
const STEP: usize = 8 << 10;
/// Bytes of a body that are kept together while it comes.
const LARGEST_PIECE: usize = 64 << 10;
