//! Listening, and one connection's requests, from its bytes to the answer.

use std::{future::poll_fn, io, pin::pin, rc::Rc, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    task::{JoinSet, yield_now},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{
    answer::{Answer, Failure, Form},
    api::{Api, ApiRequest},
    head::Head,
    places::{Place, Places},
    signature::SigningKeys,
    watch::Watch,
    wire::Wire,
};
use crate::{
    config::ControlKey,
    socket::{Gate, Listening, PeerAddress, Transport},
    tls::Certificates,
};

/// A listening socket of the control API.
#[derive(Debug)]
pub struct Listener {
    /// Not blocking.
    pub listening: Listening,
    /// The keys that sign requests; without one, every client that can connect may send.
    pub keys: Vec<ControlKey>,
    /// The certificates of TLS sessions, if it speaks TLS.
    pub tls: Option<Arc<Certificates>>,
}

/// The state of one listener's connections, so that they cannot crowd out those of another.
struct Shared {
    api: Rc<Api>,
    keys: SigningKeys,
    places: Rc<Places>,
}

/// Serves until `stop` says so, within a runtime of one thread and a `LocalSet`; then lets answers that are on their
/// way leave.
pub async fn serve(api: Api, listeners: Vec<Listener>, stop: watch::Receiver<bool>) -> io::Result<()> {
    let api = Rc::new(api);
    let mut accepting = JoinSet::new();
    for Listener { listening, keys, tls } in listeners {
        let (api, keys) = (api.clone(), SigningKeys::new(&keys));
        let places = Places::new(keys.is_empty(), api.largest_body());
        let shared = Rc::new(Shared { api, keys, places });
        let gate = Gate::new(listening)?;
        accepting.spawn_local(accept(gate, tls, shared, stop.clone()));
    }
    while accepting.join_next().await.is_some() {}
    Ok(())
}

async fn accept(
    gate: Gate,
    tls: Option<Arc<Certificates>>,
    shared: Rc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    while let Some(accepted) = next(&shared, &gate, &mut stop).await {
        let Ok((plain, peer, place)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (shared, stop, tls) = (shared.clone(), stop.clone(), tls.clone());
        let inherited = plain.inherited();
        tokio::task::spawn_local(async move {
            let _inherited = inherited;
            let peer = peer.ip().map_or_else(|| "unix".to_owned(), |peer| peer.to_string());
            let stream = match plain {
                Transport::Tcp(stream) => stream,
                Transport::Unix(stream) => return talk(stream, &peer, &shared, &place, stop).await,
            };
            let Some(certificates) = tls else { return talk(stream, &peer, &shared, &place, stop).await };
            let accepted = TlsAcceptor::from(certificates.config()).accept(stream);
            let watch = Watch::default();
            let shaken = tokio::select! {
                shaken = watch.within(HANDSHAKE, accepted) => shaken,
                () = place.leave.notified() => return,
            };
            if let Ok(Ok(stream)) = shaken {
                talk(stream, &peer, &shared, &place, stop).await;
            }
        });
    }
    let _ = timeout(LAST_ANSWERS, shared.places.empty()).await;
}

/// The next connection, and its place; `None` at the end.
async fn next(
    shared: &Shared,
    gate: &Gate,
    stop: &mut watch::Receiver<bool>,
) -> Option<io::Result<(Transport, PeerAddress, Place)>> {
    let accepted = async {
        // Earlier connections read their bytes before a new one makes them leave.
        yield_now().await;
        let (plain, peer) = poll_fn(|cx| gate.poll_accept(cx)).await?;
        let place = shared.places.take(peer.ip()).await;
        Ok((plain, peer, place))
    };
    tokio::select! {
        accepted = accepted => Some(accepted),
        _ = stop.wait_for(|stop| *stop) => None,
    }
}

/// Answers the requests of one connection, one after the other, until it has to make room.
async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: &str,
    shared: &Shared,
    place: &Place,
    stop: watch::Receiver<bool>,
) {
    let mut wire = Wire::new(stream);
    // Errors are the client's: it left, or took no answer.
    let mut conversation =
        pin!(async { while shared.exchange(&mut wire, peer, place, stop.clone()).await.unwrap_or(false) {} });
    tokio::select! {
        biased;
        () = conversation.as_mut() => return,
        () = place.leave.notified() => {}
    }
    // A publisher asks nothing then; but its last answer may still be on its way.
    if place.is_finishing() {
        let _ = timeout(LAST_ANSWERS, conversation).await;
    }
}

impl Shared {
    /// One request and its answer; whether there may be another.
    async fn exchange(
        &self,
        wire: &mut Wire<impl AsyncRead + AsyncWrite + Unpin>,
        peer: &str,
        place: &Place,
        mut stop: watch::Receiver<bool>,
    ) -> io::Result<bool> {
        let patience = if place.is_strangers() { STRANGER } else { IDLE };
        let head = tokio::select! {
            biased;
            head = wire.head(patience) => head?,
            _ = stop.wait_for(|stop| *stop) => return Ok(false),
        };
        let Some(head) = head else { return Ok(false) };
        place.work();
        let mut form = Form { to_head: false, last: true };
        let answer = match head {
            Err(failure) => Err(failure),
            Ok(head) => {
                form.to_head = head.is_head();
                let (answer, is_read) = self.request(wire, &head, place).await;
                form.last = !is_read || head.is_last() || *stop.borrow();
                answer
            }
        };
        if let Err(failure) = &answer
            && failure.is_refusal()
        {
            self.api.log_refusal(peer, failure);
        }
        let bytes = answer.map_or_else(|failure| failure.into_bytes(form), |answer| answer.into_bytes(form));
        place.rest();
        wire.write(&bytes).await?;
        place.finish();
        if form.last {
            timeout(LAST_ANSWERS, wire.end()).await??;
        }
        Ok(!form.last && place.is_taken())
    }

    /// The answer to a request, and true if all of the request was read.
    async fn request(
        &self,
        wire: &mut Wire<impl AsyncRead + AsyncWrite + Unpin>,
        head: &Head,
        place: &Place,
    ) -> (Result<Answer, Failure>, bool) {
        let body = async {
            // Nothing is answered before it is verified that would differ with the name of the key.
            let claim = self.keys.claim(head)?;
            let id = head.one(IDEMPOTENCY_KEY)?.unwrap_or_default();
            let kind = head.one(CONTENT_TYPE)?;
            let length = self.length(head)?;
            if length > 0 && head.waits() {
                wire.ask_for_body().await.map_err(|_| Failure::too_slow())?;
            }
            let hold = async |bytes| place.hold(bytes).await.map_err(|_| Failure::too_busy());
            let body = wire.body(length, hold).await?;
            Ok((claim, id, kind, body))
        };
        let (claim, id, kind, body) = match body.await {
            Ok(read) => read,
            // A GET that nobody has signed has no body, and its connection may go on.
            Err(failure) => return (Err(failure), head.length().is_ok_and(|length| length == 0)),
        };
        let answer = claim.verify(head, id, &body).and_then(|()| {
            place.trust();
            if (!body.is_empty() || head.method() == "POST") && !is_json(kind) {
                let message = "the body is JSON; its Content-Type says something else";
                return Err(Failure::new(415, "unsupported_media_type", message));
            }
            self.api.answer(&ApiRequest {
                method: head.method(),
                path: head.path(),
                query: head.query(),
                body: &body,
                by: claim.name,
                id: idempotency_key(head, id)?,
            })
        });
        (answer, true)
    }

    /// The body's length, unless it is refused before it is read.
    fn length(&self, head: &Head) -> Result<usize, Failure> {
        let (length, largest) = (head.length()?, self.api.largest_body());
        usize::try_from(length).ok().filter(|length| *length <= largest).ok_or_else(|| {
            Failure::too_large(format!(
                "the body has {length} bytes; it may have {largest} (limits.maxMessageSize)"
            ))
        })
    }
}

/// The header's value, or nothing.
fn idempotency_key<'a>(head: &Head, id: &'a [u8]) -> Result<&'a str, Failure> {
    if head.one(IDEMPOTENCY_KEY)?.is_none() {
        return Ok("");
    }
    let is_key = (1..=LONGEST_KEY).contains(&id.len()) && id.iter().all(|byte| matches!(byte, b' '..=b'~'));
    std::str::from_utf8(id).ok().filter(|_| is_key).ok_or_else(|| {
        Failure::request(format!("Idempotency-Key is not 1 to {LONGEST_KEY} printable ASCII characters"))
    })
}

/// True if a body can be JSON by its type. `curl -d` says that it is a form.
fn is_json(kind: Option<&[u8]>) -> bool {
    let Some(kind) = kind else { return true };
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    [&b"application/json"[..], b"application/x-www-form-urlencoded"]
        .iter()
        .any(|known| kind.eq_ignore_ascii_case(known))
}

/// From the answer before to the end of a request's head.
const IDLE: Duration = Duration::from_secs(75);
/// The same for clients that have signed no request, and from the accept.
const STRANGER: Duration = Duration::from_secs(10);
const HANDSHAKE: Duration = Duration::from_secs(5);
/// For answers that are on their way when the connection ends.
const LAST_ANSWERS: Duration = Duration::from_millis(500);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_KEY: usize = 64;
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const CONTENT_TYPE: &str = "Content-Type";
