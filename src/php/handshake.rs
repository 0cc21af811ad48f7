//! `Ferrite\Handshake`: a client that asks to connect.

use std::{cell::Cell, rc::Rc};

use ext_php_rs::types::ZendHashTable;

use super::{
    audience::topic_name,
    call::{Call, handler},
    class::{BadDeclaration, Declaration, Kind},
    connection::too_many_topics,
    headers,
    objects::{Meta, Native, Owned, create},
    request::Request,
    tag,
    thrown::{Kind as Throw, Thrown, bad_argument, bad_type, throw},
    voice::Voice,
};
use crate::{
    hub::TagError,
    queue::{Accept, ConnectionId, Reject},
};

/// The state of a `Handshake` object.
#[derive(Debug)]
pub(super) struct Handshake {
    id: ConnectionId,
    voice: Rc<Voice>,
    request: Owned<Request>,
    /// The subprotocol if PHP names none.
    protocol: Option<String>,
    decision: Cell<Decision>,
}

/// How far a handshake is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Open,
    Deferred,
    Made,
}

impl Native for Handshake {
    fn meta() -> &'static Meta {
        static META: Meta = Meta::new();
        &META
    }
}

pub(super) fn declare() -> Result<(), BadDeclaration> {
    Handshake::class().declare(&Declaration {
        name: "Ferrite\\Handshake",
        kind: Kind::Native,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &["public readonly Request $request"],
        methods: &[
            ("private function __construct()", Some(handler(super::not_constructible))),
            (
                "public function accept(?string $user = null, array $topics = [], array $tags = [], \
                 ?string $protocol = null, array $headers = []): void",
                Some(handler(accept)),
            ),
            (
                "public function reject(int $status = 403, string $body = '', array $headers = []): void",
                Some(handler(reject)),
            ),
            ("public function defer(): void", Some(handler(defer))),
        ],
        create: Some(create::<Handshake>),
    })
}

/// Makes the object for a client that asks.
pub(super) fn object(
    id: ConnectionId,
    voice: Rc<Voice>,
    request: Owned<Request>,
    protocol: Option<String>,
) -> Option<Owned<Handshake>> {
    let shown = request.to_zval();
    let object = Owned::new(Handshake { id, voice, request, protocol, decision: Cell::new(Decision::Open) })?;
    object.initialise(0, shown);
    Some(object)
}

impl Handshake {
    /// Accepts if the callback has returned without a decision and without deferring it.
    pub(super) fn decide_by_default(&self) {
        if self.decision.get() == Decision::Open {
            self.accept(Accept { protocol: self.protocol.clone(), ..Accept::default() });
        }
    }

    /// Refuses a client whose callback threw, unless it was decided before that.
    pub(super) fn fail(&self) {
        if self.decision.get() != Decision::Made {
            self.reject(Reject { status: 500, body: Vec::new(), headers: Vec::new() });
        }
    }

    fn accept(&self, accept: Accept) {
        self.decision.set(Decision::Made);
        self.voice.speak(|handle| handle.accept(self.id, accept));
    }

    fn reject(&self, reject: Reject) {
        self.decision.set(Decision::Made);
        let waiting = self.voice.waiting.borrow_mut().remove(&self.id);
        drop(waiting);
        self.voice.speak(|handle| handle.reject(self.id, reject));
    }
}

fn this<'a>(call: &Call<'a>) -> Result<&'a Handshake, Thrown> {
    let handshake = call.this::<Handshake>()?;
    handshake.voice.check_process()?;
    if handshake.decision.get() == Decision::Made {
        return Err(throw(Throw::State, "The handshake is answered already"));
    }
    Ok(handshake)
}

fn accept(call: &mut Call<'_>) -> Result<(), Thrown> {
    let handshake = this(call)?;
    let user = match call.string_or_null(1)? {
        None => None,
        Some(user) => Some(user.as_str().map_err(|_| bad_argument(1, "must be valid UTF-8"))?.to_owned()),
    };
    let topics = topics(call, handshake.voice.max_topics())?;
    let tags = tag::pairs(call, 3)?;
    let limit = handshake.voice.max_tags();
    if tags.len() > limit {
        return Err(tag::refused(&TagError::TooMany { limit }, 3));
    }
    let protocol = match call.string_or_null(4)? {
        None => handshake.protocol.clone(),
        Some(protocol) => {
            let offered = protocol.as_str().ok().filter(|protocol| handshake.request.offers(protocol));
            Some(offered.ok_or_else(|| bad_argument(4, "must be one that the client offers"))?.to_owned())
        }
    };
    let headers = headers::argument(call, 5)?;
    handshake.accept(Accept { user, topics, tags, protocol, headers });
    Ok(())
}

fn reject(call: &mut Call<'_>) -> Result<(), Thrown> {
    let handshake = this(call)?;
    let status = call.int_or(1, 403)?;
    let valid = u16::try_from(status).ok().filter(|status| (300..600).contains(status));
    let status = valid
        .ok_or_else(|| bad_argument(1, &format!("must be an HTTP status from 300 to 599, {status} given")))?;
    let body = call.string_or_null(2)?.map_or_else(Vec::new, |body| body.as_bytes().to_vec());
    let headers = headers::argument(call, 3)?;
    handshake.reject(Reject { status, body, headers });
    Ok(())
}

fn defer(call: &mut Call<'_>) -> Result<(), Thrown> {
    this(call)?.decision.set(Decision::Deferred);
    Ok(())
}

fn topics(call: &Call<'_>, limit: usize) -> Result<Vec<std::sync::Arc<str>>, Thrown> {
    let mut topics: Vec<std::sync::Arc<str>> = Vec::new();
    for value in call.array_or_empty(2)?.map(ZendHashTable::values).into_iter().flatten() {
        let name = value.dereference().zend_str().ok_or_else(|| bad_type(2, "must be a list of strings"))?;
        let name = topic_name(name.as_bytes(), 2)?;
        if !topics.iter().any(|topic| **topic == *name) {
            topics.push(name.into());
        }
    }
    if topics.len() > limit {
        return Err(too_many_topics(limit));
    }
    Ok(topics)
}
