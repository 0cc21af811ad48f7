//! The shape of the servers on tokio: a task per connection, a queue per subscriber, `send()` per message.

use std::{cell::RefCell, rc::Rc};

use anyhow::Result;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::{LocalSet, spawn_local},
};

/// The queues of all subscribers.
pub type Audience<M> = Rc<RefCell<Vec<UnboundedSender<M>>>>;

/// A message from a socket, or its end.
pub enum Said<M> {
    Message(M),
    /// Nothing for us: a ping, or a close frame that the library answers.
    Control,
    End,
}

/// Listens on one thread until killed; each client gets a task of its own.
pub fn listen<M: 'static>(
    port: u16,
    client: impl AsyncFn(TcpStream, Audience<M>) + Copy + 'static,
) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        println!("{}", listener.local_addr()?);
        let audience = Audience::default();
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let audience = audience.clone();
            spawn_local(async move { client(socket, audience).await });
        }
    })
}

/// Serves an upgraded client by its path, until it goes.
pub async fn serve<S, M>(mut socket: S, path: &str, audience: Audience<M>, understand: fn(S::Item) -> Said<M>)
where
    S: Stream + Sink<M> + Unpin,
    M: Clone,
{
    if path == "/subscribe" {
        return subscribe(socket, audience, understand).await;
    }
    while let Some(item) = socket.next().await {
        match understand(item) {
            Said::Message(message) if path == "/publish" => {
                audience.borrow_mut().retain(|subscriber| subscriber.send(message.clone()).is_ok());
            }
            Said::Message(message) => {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            Said::Control => {}
            Said::End => return,
        }
    }
}

async fn subscribe<S, M>(mut socket: S, audience: Audience<M>, understand: fn(S::Item) -> Said<M>)
where
    S: Stream + Sink<M> + Unpin,
{
    let (sender, mut news) = unbounded_channel();
    audience.borrow_mut().push(sender);
    loop {
        tokio::select! {
            message = news.recv() => {
                let Some(message) = message else { return };
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            item = socket.next() => match item.map(understand) {
                None | Some(Said::End) => return,
                Some(_) => {}
            },
        }
    }
}
