//! sockudo-ws as its examples use it.

use anyhow::Result;
use sockudo_ws::{Config, Message, WebSocketStream, handshake::server_handshake};
use tokio::net::TcpStream;

use super::by_task::{self, Audience, Said};

/// Serves until it is killed.
pub fn serve(port: u16) -> Result<()> {
    by_task::listen(port, client)
}

async fn client(mut socket: TcpStream, audience: Audience<Message>) {
    // Bytes after the request would be in `leftover`; the load generator waits for the answer first.
    if let Ok(request) = server_handshake(&mut socket).await {
        let config = Config { max_message_size: 16 << 20, max_frame_size: 16 << 20, ..Config::default() };
        by_task::serve(WebSocketStream::server(socket, config), &request.path, audience, understand).await;
    }
}

fn understand(item: sockudo_ws::Result<Message>) -> Said<Message> {
    match item {
        Ok(message @ (Message::Text(_) | Message::Binary(_))) => Said::Message(message),
        Ok(_) => Said::Control,
        Err(_) => Said::End,
    }
}
