//! What to compare with: the echo server that everybody would write with tokio-tungstenite.

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;

/// Serves on a free port, which it prints, until it is killed.
pub async fn serve() -> Result<String, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| e.to_string())?;
    println!("{}", listener.local_addr().map_err(|e| e.to_string())?);
    loop {
        let (socket, _) = listener.accept().await.map_err(|e| e.to_string())?;
        tokio::task::spawn_local(async move {
            let _ = socket.set_nodelay(true);
            let Ok(mut socket) = tokio_tungstenite::accept_async(socket).await else { return };
            while let Some(Ok(message)) = socket.next().await {
                if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
                    return;
                }
            }
        });
    }
}
