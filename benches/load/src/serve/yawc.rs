//! yawc behind hyper, as its examples use it.

use std::convert::Infallible;

use anyhow::Result;
use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http1::Builder, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::spawn_local};
use yawc::{Frame, OpCode, Options, WebSocket};

use super::by_task::{self, Audience, Said};

/// Serves until it is killed.
pub fn serve(port: u16) -> Result<()> {
    by_task::listen(port, client)
}

async fn client(socket: TcpStream, audience: Audience<Frame>) {
    let service = service_fn(|mut request: Request<Incoming>| {
        let audience = audience.clone();
        async move {
            let path = request.uri().path().to_owned();
            let options = Options::default().with_max_payload_read(16 << 20).with_utf8();
            let Ok((response, upgrade)) = WebSocket::upgrade_with_options(&mut request, options) else {
                let mut refusal = Response::default();
                *refusal.status_mut() = StatusCode::BAD_REQUEST;
                return Ok::<_, Infallible>(refusal);
            };
            spawn_local(async move {
                if let Ok(socket) = upgrade.await {
                    by_task::serve(socket, &path, audience, understand).await;
                }
            });
            Ok(response)
        }
    });
    // A client that breaks off during the handshake is no concern of the others.
    let _ = Builder::new().serve_connection(TokioIo::new(socket), service).with_upgrades().await;
}

fn understand(frame: Frame) -> Said<Frame> {
    match frame.opcode() {
        OpCode::Text | OpCode::Binary => Said::Message(frame),
        _ => Said::Control,
    }
}
