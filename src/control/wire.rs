//! One connection as bytes: heads, bodies and answers, one after the other.

use std::{io, time::Duration};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    answer::Failure,
    head::{self, Head},
    watch::Watch,
};
use crate::{
    http::{CONTINUE, HeadReader},
    limits::LeastRate,
};

/// A connection, and its bytes that were not read.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    came: Vec<u8>,
    watch: Watch,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, came: Vec::new(), watch: Watch::default() }
    }

    /// The next request's head, if it comes in time; `None` at the end of the connection. Later bytes stay here.
    pub(super) async fn head(&mut self, patience: Duration) -> io::Result<Option<Result<Head, Failure>>> {
        let due = self.watch.now() + patience;
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
            let mut room = (&mut self.came).limit(STEP);
            if self.watch.until(due, self.stream.read_buf(&mut room)).await?? == 0 {
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
        let mut due = BODY.begin(self.watch.now());
        let slow = |_| Failure::too_slow();
        self.watch.until(due, hold(piece.capacity())).await.map_err(slow)??;
        let (mut pieces, mut came) = (Vec::new(), piece.len());
        while came < length {
            if piece.len() == piece.capacity() {
                let more = came.clamp(STEP, LARGEST_PIECE).min(length - came);
                self.watch.until(due, hold(more)).await.map_err(slow)??;
                pieces.push(std::mem::replace(&mut piece, Vec::with_capacity(more)));
            }
            let mut room = (&mut piece).limit(length - came);
            let read =
                self.watch.until(due, self.stream.read_buf(&mut room)).await.map_err(slow)?.map_err(cut)?;
            if read == 0 {
                return Err(cut(io::ErrorKind::UnexpectedEof.into()));
            }
            came += read;
            due = BODY.go_on(due, self.watch.now(), read);
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

    /// Writes all of it, to a client that takes it at the least rate or faster, however long that takes.
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let mut due = ANSWER.begin(self.watch.now());
        while !bytes.is_empty() {
            let written = self.watch.until(due, self.stream.write(bytes)).await??;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = bytes.get(written..).unwrap_or_default();
            due = ANSWER.go_on(due, self.watch.now(), written);
        }
        self.watch.until(due, self.stream.flush()).await?
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

/// The least rate of a body.
const BODY: LeastRate = LeastRate { rate: 8 << 10, patience: Duration::from_secs(10) };
/// The least rate at which an answer is taken. It may stand still longer than a body: the operating system takes more
/// only when a hundred kilobytes of its buffer were acknowledged.
const ANSWER: LeastRate = LeastRate { rate: 4 << 10, patience: Duration::from_secs(30) };
/// Bytes that are read at once.
const STEP: usize = 8 << 10;
/// Bytes of a body that are kept together while it comes.
const LARGEST_PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const ROOM: usize = 64 << 10;

    /// Writes 8 MiB to a client that takes `bytes` every ten seconds, and says how that ended.
    async fn answer_to_who_takes(bytes: usize) -> io::Result<()> {
        let (mut client, server) = tokio::io::duplex(ROOM);
        let taking = async move {
            let mut taken = vec![0; bytes];
            while client.read_exact(&mut taken).await.is_ok() {
                sleep(Duration::from_secs(10)).await;
            }
        };
        let answering = async move { Wire::new(server).write(&vec![b'x'; 8 << 20]).await };
        tokio::join!(taking, answering).1
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_may_be_taken_as_slowly_as_its_network_is() {
        answer_to_who_takes(ROOM).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_hardly_anybody_takes_is_given_up() {
        let error = answer_to_who_takes(1 << 10).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_come_as_slowly_as_its_rate_and_no_slower() {
        for (pause, ends_well) in [(1, true), (9, false)] {
            let (mut client, server) = tokio::io::duplex(ROOM);
            let mut wire = Wire::new(server);
            let sending = async move {
                for _ in 0..100 {
                    if client.write_all(&[b'x'; 8 << 10]).await.is_err() {
                        return;
                    }
                    sleep(Duration::from_secs(pause)).await;
                }
            };
            let (read, ()) = tokio::join!(
                async move { wire.body(100 * (8 << 10), async |_| Ok(())).await.map(|body| body.len()) },
                sending
            );
            assert_eq!(read.is_ok(), ends_well);
        }
    }
}
