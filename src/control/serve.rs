//! From listening sockets to requests, and the answers back: HTTP/1.1 by hyper, with our limits around it.

use std::{convert::Infallible, io, pin::pin, rc::Rc, sync::Arc, time::Duration};

use http_body_util::BodyExt;
use hyper::{
    Method, StatusCode,
    body::{Body, Incoming},
    header::{CONTENT_TYPE, HeaderMap},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{
    answer::{Answer, Failure},
    api::{Api, Request},
    idle::{Idle, Seat},
    signature::Keys,
};
use crate::{config::ControlKey, tls::Certificates};

/// A listening socket of the control API.
#[derive(Debug)]
pub struct Listener {
    /// Not blocking.
    pub socket: Socket,
    /// What requests are signed with; none: whoever can connect may speak.
    pub keys: Vec<ControlKey>,
    /// What TLS sessions begin with, if it speaks TLS.
    pub tls: Option<Arc<Certificates>>,
}

/// What a [`Listener`] listens with.
#[derive(Debug)]
pub enum Socket {
    /// TCP.
    Tcp(std::net::TcpListener),
    /// A Unix socket.
    Unix(std::os::unix::net::UnixListener),
}

/// What the connections of one listener share, so that those of one cannot crowd out those of another.
struct Shared {
    api: Rc<Api>,
    keys: Keys,
    /// Connections that may still be served.
    slots: Arc<Semaphore>,
    /// Those that are served and ask nothing just now.
    idle: Idle,
    /// Bytes of bodies that may still come.
    bodies: Semaphore,
}

/// Serves until `stop` says so, within a runtime of one thread and a `LocalSet`; then lets answers that are on their
/// way leave.
pub async fn serve(api: Api, listeners: Vec<Listener>, stop: watch::Receiver<bool>) -> io::Result<()> {
    let api = Rc::new(api);
    let mut accepting = JoinSet::new();
    for Listener { socket, keys, tls } in listeners {
        let (api, keys) = (api.clone(), Keys::new(&keys));
        let (slots, bodies) = (Arc::new(Semaphore::new(CONNECTIONS)), Semaphore::new(BODIES));
        let shared = Rc::new(Shared { api, keys, slots, idle: Idle::default(), bodies });
        match socket {
            Socket::Tcp(socket) => {
                let socket = TcpListener::from_std(socket)?;
                accepting.spawn_local(accept_tcp(socket, tls, shared, stop.clone()));
            }
            Socket::Unix(socket) => {
                let socket = UnixListener::from_std(socket)?;
                accepting.spawn_local(accept_unix(socket, shared, stop.clone()));
            }
        }
    }
    while accepting.join_next().await.is_some() {}
    Ok(())
}

async fn accept_tcp(
    socket: TcpListener,
    tls: Option<Arc<Certificates>>,
    shared: Rc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    while let Some((accepted, slot)) = next(&shared, || socket.accept(), &mut stop).await {
        let Ok((stream, peer)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (shared, stop, tls) = (shared.clone(), stop.clone(), tls.clone());
        tokio::task::spawn_local(async move {
            let peer = peer.ip().to_string();
            let seat = Seat::take(&shared.idle);
            match tls {
                None => talk(stream, &peer, &shared, &seat, stop).await,
                Some(certificates) => {
                    let accepted = TlsAcceptor::from(certificates.config()).accept(stream);
                    // Whoever only connects asks nothing either, and makes room for who does.
                    let shaken = tokio::select! {
                        shaken = timeout(HANDSHAKE, accepted) => shaken,
                        () = seat.leave.notified() => return,
                    };
                    if let Ok(Ok(stream)) = shaken {
                        talk(stream, &peer, &shared, &seat, stop).await;
                    }
                }
            }
            drop(slot);
        });
    }
    shared.last_answers().await;
}

async fn accept_unix(socket: UnixListener, shared: Rc<Shared>, mut stop: watch::Receiver<bool>) {
    while let Some((accepted, slot)) = next(&shared, || socket.accept(), &mut stop).await {
        let Ok((stream, _)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (shared, stop) = (shared.clone(), stop.clone());
        tokio::task::spawn_local(async move {
            talk(stream, "unix", &shared, &Seat::take(&shared.idle), stop).await;
            drop(slot);
        });
    }
    shared.last_answers().await;
}

/// Who connects next, and the slot that it takes; `None` at the end.
async fn next<T, F: Future<Output = io::Result<T>>>(
    shared: &Shared,
    accept: impl FnOnce() -> F,
    stop: &mut watch::Receiver<bool>,
) -> Option<(io::Result<T>, OwnedSemaphorePermit)> {
    let accepted = async {
        let accepted = accept().await;
        let slots = shared.slots.clone();
        if slots.available_permits() == 0 {
            shared.idle.dismiss_longest();
        }
        // While all are busy one waits here, the others in the system's queue.
        let slot = slots.acquire_owned().await.ok()?;
        shared.idle.has_room();
        Some((accepted, slot))
    };
    tokio::select! {
        accepted = accepted => accepted,
        _ = stop.wait_for(|stop| *stop) => None,
    }
}

/// Answers the requests of one connection, one after the other.
async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: &str,
    shared: &Shared,
    seat: &Seat<'_>,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(|request| async move {
        seat.work();
        let answer = shared.request(request).await;
        seat.rest();
        if let Err(failure) = &answer
            && failure.is_refusal()
        {
            shared.api.log_refusal(peer, failure);
        }
        Ok::<_, Infallible>(answer.map_or_else(Failure::into_response, Answer::into_response))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(IDLE).max_headers(HEADERS).max_buf_size(BUFFER);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // Errors are the client's: it left, or spoke no HTTP, which hyper has told it. What it has asked already is answered
    // before it makes room.
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        () = seat.leave.notified() => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(LAST_ANSWERS, connection).await;
}

impl Shared {
    /// Waits until every connection has given its slot back.
    async fn last_answers(&self) {
        let _ = timeout(LAST_ANSWERS, self.slots.acquire_many(CONNECTIONS as u32)).await;
    }

    async fn request(&self, request: hyper::Request<Incoming>) -> Result<Answer, Failure> {
        let (head, body) = request.into_parts();
        let claim = self.keys.claim(&head.headers)?;
        let id = idempotency_key(&head.headers)?;
        let (body, _budget) = self.body(&head.method, &head.headers, body).await?;
        claim.verify(&head, id, &body)?;
        self.api.answer(&Request {
            method: &head.method,
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            body: &body,
            by: claim.name,
            id,
        })
    }

    /// The body, and what it takes of the budget: what has come of it, not what it says it has.
    async fn body(
        &self,
        method: &Method,
        headers: &HeaderMap,
        mut body: Incoming,
    ) -> Result<(Vec<u8>, Option<SemaphorePermit<'_>>), Failure> {
        let (mut whole, mut budget) = (Vec::new(), None::<SemaphorePermit<'_>>);
        if body.is_end_stream() && method != Method::POST {
            return Ok((whole, budget));
        }
        self.check_body(headers, body.size_hint().exact())?;
        let read = async {
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|_| Failure::request("the body is cut short"))?;
                let Ok(piece) = frame.into_data() else { continue };
                let size = u32::try_from(piece.len()).unwrap_or(u32::MAX);
                let permit = self.bodies.try_acquire_many(size).map_err(|_| Failure::too_busy())?;
                match &mut budget {
                    None => budget = Some(permit),
                    Some(budget) => budget.merge(permit),
                }
                whole.extend_from_slice(&piece);
            }
            Ok(())
        };
        match timeout(BODY, read).await {
            Ok(read) => read.map(|()| (whole, budget)),
            Err(_) => Err(Failure::too_slow()),
        }
    }

    /// Refuses a body before it is read.
    fn check_body(&self, headers: &HeaderMap, length: Option<u64>) -> Result<(), Failure> {
        let refuse = |status, code, message: &str| Err(Failure::new(status, code, message));
        let Some(length) = length else {
            let message = "the header Content-Length is missing";
            return refuse(StatusCode::LENGTH_REQUIRED, "length_required", message);
        };
        let largest = self.api.largest_body();
        if length > largest as u64 {
            let message =
                format!("the body has {length} bytes; it may have {largest} (limits.maxMessageSize)");
            return Err(Failure::too_large(message));
        }
        if !is_json(headers) {
            let message = "the body is JSON; its Content-Type says something else";
            return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message);
        }
        Ok(())
    }
}

/// The header's value, or nothing.
fn idempotency_key(headers: &HeaderMap) -> Result<&str, Failure> {
    let Some(value) = headers.get("idempotency-key") else { return Ok("") };
    let key = value.to_str().ok().filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
    key.ok_or_else(|| {
        Failure::request(format!("Idempotency-Key is not 1 to {LONGEST_KEY} printable ASCII characters"))
    })
}

/// Whether a body can be JSON by its type. `curl -d` says that it is a form.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return true };
    let kind = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    ["application/json", "application/x-www-form-urlencoded"]
        .iter()
        .any(|known| kind.eq_ignore_ascii_case(known))
}

/// Connections of a listener at once.
pub const CONNECTIONS: usize = 256;
/// Bytes of bodies that have come and are not dealt with, of a listener.
const BODIES: usize = 64 << 20;
/// From the answer before, or the accept, to the end of a request's head.
const IDLE: Duration = Duration::from_secs(75);
/// From the end of a head to the end of its body.
const BODY: Duration = Duration::from_secs(10);
const HANDSHAKE: Duration = Duration::from_secs(5);
/// For answers that are on their way when the server ends.
const LAST_ANSWERS: Duration = Duration::from_millis(500);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const HEADERS: usize = 64;
const BUFFER: usize = 64 << 10;
const LONGEST_KEY: usize = 64;
