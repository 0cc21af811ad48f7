//! tokio-tungstenite as its examples use it: a task per connection, a queue per subscriber, `send()` per message.

use std::{cell::RefCell, rc::Rc};

use anyhow::Result;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::{LocalSet, spawn_local},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        self, Message,
        handshake::server::{Request, Response},
    },
};

/// Serves until it is killed, on one thread.
pub fn serve(port: u16) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        println!("{}", listener.local_addr()?);
        let subscribers = Subscribers::default();
        loop {
            let (socket, _) = listener.accept().await?;
            let subscribers = subscribers.clone();
            // A client that breaks off is no concern of the others.
            spawn_local(async move { client(socket, subscribers).await.ok() });
        }
    })
}

type Subscribers = Rc<RefCell<Vec<UnboundedSender<Message>>>>;

async fn client(socket: TcpStream, subscribers: Subscribers) -> Result<(), tungstenite::Error> {
    socket.set_nodelay(true)?;
    let mut path = String::new();
    // tungstenite's own type for a refusal is that large.
    #[allow(clippy::result_large_err)]
    let look = |request: &Request, response: Response| {
        request.uri().path().clone_into(&mut path);
        Ok(response)
    };
    let socket = accept_hdr_async(socket, look).await?;
    match path.as_str() {
        "/subscribe" => subscribe(socket, subscribers).await,
        "/publish" => publish(socket, subscribers).await,
        _ => echo(socket).await,
    }
}

async fn echo(mut socket: WebSocketStream<TcpStream>) -> Result<(), tungstenite::Error> {
    while let Some(message) = socket.next().await.transpose()? {
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn publish(mut socket: WebSocketStream<TcpStream>, to: Subscribers) -> Result<(), tungstenite::Error> {
    while let Some(message) = socket.next().await.transpose()? {
        if message.is_text() || message.is_binary() {
            to.borrow_mut().retain(|subscriber| subscriber.send(message.clone()).is_ok());
        }
    }
    Ok(())
}

async fn subscribe(
    mut socket: WebSocketStream<TcpStream>,
    among: Subscribers,
) -> Result<(), tungstenite::Error> {
    let (sender, mut news) = unbounded_channel();
    among.borrow_mut().push(sender);
    loop {
        tokio::select! {
            message = news.recv() => match message {
                Some(message) => socket.send(message).await?,
                None => return Ok(()),
            },
            message = socket.next() => if message.transpose()?.is_none() { return Ok(()) },
        }
    }
}
