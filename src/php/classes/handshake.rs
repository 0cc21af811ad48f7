//! `Ferrite\Handshake`: a client that asks to connect.

use std::{cell::Cell, rc::Rc, sync::Arc};

use ext_php_rs::types::{ZendHashTable, Zval};

use super::{
    arguments::{too_many_topics, topic_name},
    auth, headers,
    request::Request,
    tag,
};
use crate::{
    php::{
        event_loop::link::Link,
        zend::{
            call::{Call, handler, not_constructible},
            class::{BadDeclaration, ClassKind, Declaration},
            objects::{Meta, Native, Owned, create},
            thrown::{ExceptionKind, Thrown, bad_argument, bad_type, throw},
        },
    },
    port::{Accept, ConnectionId, Identity, Reject, TagError, TagValue, headers_size},
};

/// The state of a `Handshake` object.
#[derive(Debug)]
pub(in crate::php) struct Handshake {
    id: ConnectionId,
    link: Rc<Link>,
    request: Owned<Request>,
    /// The subprotocol if PHP names none.
    protocol: Option<String>,
    /// The proven identity of the client.
    identity: Option<Identity>,
    decision: Cell<Decision>,
}

/// The state of the decision about a handshake.
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

    fn trace(&self, found: &mut dyn FnMut(&Zval)) {
        self.request.trace(found);
    }
}

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    Handshake::class().declare(&Declaration {
        name: "Ferrite\\Handshake",
        kind: ClassKind::Native,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &["public readonly Request $request", "public readonly ?Auth\\Identity $identity"],
        methods: &[
            ("private function __construct()", Some(handler(not_constructible))),
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
pub(in crate::php) fn object(
    id: ConnectionId,
    link: Rc<Link>,
    request: Owned<Request>,
    protocol: Option<String>,
    identity: Option<Identity>,
) -> Option<Owned<Handshake>> {
    let shown = [request.to_zval(), auth::identity(identity.as_ref())];
    let decision = Cell::new(Decision::Open);
    let object = Owned::new(Handshake { id, link, request, protocol, identity, decision })?;
    for (index, value) in shown.into_iter().enumerate() {
        object.initialise(index, value);
    }
    Some(object)
}

impl Handshake {
    /// Accepts if the callback has returned without a decision and without deferring it.
    pub(in crate::php) fn decide_by_default(&self) {
        if self.decision.get() == Decision::Open {
            self.accept(Accept::as_identified(self.identity.clone(), self.protocol.clone()));
        }
    }

    /// Refuses a client whose callback threw, unless it was decided before that.
    pub(in crate::php) fn fail(&self) {
        if self.decision.get() != Decision::Made {
            self.reject(Reject { status: 500, body: Vec::new(), headers: Vec::new() });
        }
    }

    fn accept(&self, accept: Accept) {
        self.decision.set(Decision::Made);
        self.link.publish(|publisher| publisher.accept(self.id, accept));
    }

    fn reject(&self, reject: Reject) {
        self.decision.set(Decision::Made);
        let waiting = self.link.waiting.borrow_mut().remove(&self.id);
        drop(waiting);
        self.link.publish(|publisher| publisher.reject(self.id, reject));
    }
}

fn this<'a>(call: &Call<'a>) -> Result<&'a Handshake, Thrown> {
    let handshake = call.this::<Handshake>()?;
    handshake.link.check_process()?;
    if handshake.decision.get() == Decision::Made {
        return Err(throw(ExceptionKind::State, "The handshake is answered already"));
    }
    Ok(handshake)
}

fn accept(call: &mut Call<'_>) -> Result<(), Thrown> {
    let handshake = this(call)?;
    let user = match call.string_or_null(1)? {
        None => None,
        Some(user) => Some(user.as_str().map_err(|_| bad_argument(1, "must be valid UTF-8"))?.to_owned()),
    };
    let mut accept = Accept::as_identified(handshake.identity.clone(), None);
    accept.user = user.or(accept.user);
    topics(call, &mut accept.topics, handshake.link.max_topics())?;
    tags(call, &mut accept.tags, handshake.link.max_tags())?;
    accept.protocol = match call.string_or_null(4)? {
        None => handshake.protocol.clone(),
        Some(protocol) => {
            let offered = protocol.as_str().ok().filter(|protocol| handshake.request.offers(protocol));
            Some(offered.ok_or_else(|| bad_argument(4, "must be one that the client offers"))?.to_owned())
        }
    };
    accept.headers = headers::argument(call, 5)?;
    fits(5, headers_size(&accept.headers), handshake.link.max_response())?;
    handshake.accept(accept);
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
    let reject = Reject { status, body, headers };
    let limit = handshake.link.max_response();
    fits(2, reject.body.len(), limit)?;
    fits(3, reject.size(), limit)?;
    handshake.reject(reject);
    Ok(())
}

/// Refuses a response that cannot wait for a client.
fn fits(argument: u32, size: usize, limit: usize) -> Result<(), Thrown> {
    if size <= limit {
        return Ok(());
    }
    Err(bad_argument(
        argument,
        &format!(
            "must be at most {limit} bytes with the body and the headers (limits.sendBuffer), {size} given"
        ),
    ))
}

fn defer(call: &mut Call<'_>) -> Result<(), Thrown> {
    this(call)?.decision.set(Decision::Deferred);
    Ok(())
}

/// Adds the topics that are given to those that the client begins with anyway.
fn topics(call: &Call<'_>, topics: &mut Vec<Arc<str>>, limit: usize) -> Result<(), Thrown> {
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
    Ok(())
}

/// Adds the tags that are given, in place of those of the same names.
fn tags(call: &Call<'_>, tags: &mut Vec<(Arc<str>, TagValue)>, limit: usize) -> Result<(), Thrown> {
    for (name, value) in tag::pairs(call, 3)? {
        match tags.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => tags.push((name, value)),
        }
    }
    if tags.len() > limit {
        return Err(tag::refused(&TagError::TooMany { limit }, 3));
    }
    Ok(())
}
