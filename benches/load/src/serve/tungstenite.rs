//! tokio-tungstenite as its examples use it.

use anyhow::Result;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        self, Message,
        handshake::server::{Request, Response},
    },
};

use super::by_task::{self, Audience, Said};

/// Serves until it is killed.
pub fn serve(port: u16) -> Result<()> {
    by_task::listen(port, client)
}

async fn client(socket: TcpStream, audience: Audience<Message>) {
    let mut path = String::new();
    // tungstenite's own type for a refusal is that large.
    #[allow(clippy::result_large_err)]
    let look = |request: &Request, response: Response| {
        request.uri().path().clone_into(&mut path);
        Ok(response)
    };
    if let Ok(socket) = accept_hdr_async(socket, look).await {
        by_task::serve(socket, &path, audience, understand).await;
    }
}

fn understand(item: Result<Message, tungstenite::Error>) -> Said<Message> {
    match item {
        Ok(message @ (Message::Text(_) | Message::Binary(_))) => Said::Message(message),
        Ok(_) => Said::Control,
        Err(_) => Said::End,
    }
}
