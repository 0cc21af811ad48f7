//! `Ferrite\Audience`: some of a server's connections, described by selectors.

use std::sync::Arc;

use ext_php_rs::types::{ZendHashTable, Zval};

use super::{
    arguments::{close_arguments, message, strings, too_big, topic_names},
    connection::connection_id,
    tag::{self, Tag},
};
use crate::{
    php::{
        event_loop::{rules, server::Server, session::Session},
        zend::{
            call::{Call, handler, not_constructible},
            class::{BadDeclaration, ClassKind, Declaration},
            objects::{Meta, Native, Owned, create, state_of},
            thrown::{self, Thrown, bad_argument, bad_type, failed},
        },
    },
    port::{Audience, ConnectionHandle, ConnectionId, Publish, Query, TagValue},
};

/// The state of a `Audience` object. Never changed: each selector makes another one.
#[derive(Debug)]
pub(in crate::php) struct AudienceObject {
    /// The server's object.
    server: Zval,
    audience: Audience,
}

impl Native for AudienceObject {
    fn meta() -> &'static Meta {
        static META: Meta = Meta::new();
        &META
    }

    fn trace(&self, found: &mut dyn FnMut(&Zval)) {
        found(&self.server);
    }
}

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    AudienceObject::class().declare(&Declaration {
        name: "Ferrite\\Audience",
        kind: ClassKind::Native,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[],
        methods: &[
            ("private function __construct()", Some(handler(not_constructible))),
            ("public function topic(string ...$topics): Audience", Some(handler(topic))),
            ("public function user(string ...$users): Audience", Some(handler(user))),
            ("public function tags(Tag|array $tags): Audience", Some(handler(tags))),
            (
                "public function connection(Connection|int ...$connections): Audience",
                Some(handler(connection)),
            ),
            ("public function except(Connection|int ...$connections): Audience", Some(handler(except))),
            (
                "public function send(string $data, bool $binary = false, ?bool $compress = null): int",
                Some(handler(send)),
            ),
            ("public function close(int $code = 1000, string $reason = ''): int", Some(handler(close))),
            ("public function count(): int", Some(handler(count))),
            ("public function connections(): array", Some(handler(connections))),
            ("public function subscribe(string ...$topics): int", Some(handler(subscribe))),
            ("public function unsubscribe(string ...$topics): int", Some(handler(unsubscribe))),
            ("public function tag(string $name, string|int $value): int", Some(handler(tag))),
            ("public function untag(string ...$names): int", Some(handler(untag))),
        ],
        create: Some(create::<AudienceObject>),
    })
}

/// All connections of a server, the object that `server` refers to.
pub(in crate::php) fn everybody(server: Zval) -> Option<Owned<AudienceObject>> {
    Owned::new(AudienceObject { server, audience: Audience::default() })
}

/// Returns another audience, with the change that `change` makes.
fn narrowed(call: &mut Call<'_>, change: impl FnOnce(&mut Audience)) -> Result<(), Thrown> {
    let target = call.this::<AudienceObject>()?;
    let mut audience = target.audience.clone();
    change(&mut audience);
    let target =
        Owned::new(AudienceObject { server: target.server.shallow_clone(), audience }).ok_or_else(failed)?;
    call.returns_native(&target);
    Ok(())
}

fn topic(call: &mut Call<'_>) -> Result<(), Thrown> {
    let names = topic_names(call, 1)?;
    narrowed(call, |audience| {
        audience.topics.get_or_insert_default().extend(names.into_iter().map(Arc::from));
    })
}

fn user(call: &mut Call<'_>) -> Result<(), Thrown> {
    let mut users: Vec<Arc<str>> = Vec::new();
    for number in 1..=call.count() {
        let user = call.string(number)?;
        users.push(user.as_str().map_err(|_| bad_argument(number, "must be valid UTF-8"))?.into());
    }
    narrowed(call, |audience| audience.users.get_or_insert_default().extend(users))
}

fn tags(call: &mut Call<'_>) -> Result<(), Thrown> {
    let query = match call.value(1).and_then(state_of::<Tag>) {
        Some(tag) => tag.0.clone(),
        None if call.value(1).is_some_and(Zval::is_array) => {
            let equal = |(name, value): (Arc<str>, TagValue)| Query::In(name, vec![value]);
            Query::All(tag::pairs(call, 1)?.into_iter().map(equal).collect())
        }
        None => return Err(bad_type(1, "must be of type Ferrite\\Tag|array")),
    };
    let mut audience = call.this::<AudienceObject>()?.audience.clone();
    audience.and_tags(query).map_err(|error| tag::invalid(&error))?;
    narrowed(call, |narrowed| *narrowed = audience)
}

fn connection(call: &mut Call<'_>) -> Result<(), Thrown> {
    let ids = ids(call)?;
    narrowed(call, |audience| audience.connections.get_or_insert_default().extend(ids))
}

fn except(call: &mut Call<'_>) -> Result<(), Thrown> {
    let ids = ids(call)?;
    narrowed(call, |audience| audience.except.extend(ids))
}

fn ids(call: &Call<'_>) -> Result<Vec<ConnectionId>, Thrown> {
    let id = |number| {
        let id = call.value(number).and_then(connection_id);
        id.ok_or_else(|| bad_type(number, "must be of type Ferrite\\Connection|int"))
    };
    (1..=call.count()).map(id).collect()
}

fn send(call: &mut Call<'_>) -> Result<(), Thrown> {
    let message = message(call, 1, 2, 3)?;
    let counted = call.is_result_used();
    let reached = on_run(call, |session, audience| {
        session.link.ask(|publisher| publisher.send_to(audience, message, counted)).unwrap_or(Ok(0))
    })?;
    returns_count(call, reached.unwrap_or(Ok(0)).map_err(|error| too_big(1, error))?)
}

fn close(call: &mut Call<'_>) -> Result<(), Thrown> {
    let (code, reason) = close_arguments(call)?;
    each(call, |publisher, connection| {
        publisher.close(connection, code, reason);
        true
    })
}

fn count(call: &mut Call<'_>) -> Result<(), Thrown> {
    let count = on_run(call, |session, audience| session.select(audience).len())?;
    returns_count(call, count.unwrap_or(0))
}

fn connections(call: &mut Call<'_>) -> Result<(), Thrown> {
    let list = on_run(call, |session, audience| {
        let mut list = ZendHashTable::new();
        for id in session.select(audience) {
            let client = session.client(id);
            if let Some(object) = client.and_then(|client| client.object(&session.link)) {
                // A list cannot be full.
                let _ = list.push(object);
            }
        }
        list
    })?;
    call.returns_array(list.unwrap_or_else(ZendHashTable::new));
    Ok(())
}

fn subscribe(call: &mut Call<'_>) -> Result<(), Thrown> {
    let names = topic_names(call, 1)?;
    let target = call.this::<AudienceObject>()?;
    let server = state_of::<Server>(&target.server).ok_or_else(failed)?;
    if server.rules.concern(&names) {
        return subscribe_by_rules(call, server, &target.audience, &names);
    }
    each(call, |publisher, connection| publisher.subscribe(connection, &names).is_ok())
}

/// Subscribes the connections that the rules allow. The rules are asked for each connection, and may do anything to
/// the others.
fn subscribe_by_rules(
    call: &mut Call<'_>,
    server: &Server,
    audience: &Audience,
    names: &[&str],
) -> Result<(), Thrown> {
    server.check_process()?;
    let Some(session) = server.session() else { return returns_count(call, 0) };
    let mut done = 0;
    for id in session.select(audience) {
        let Some(client) = session.client(id) else { continue };
        let Some(connection) = client.object(&session.link) else { continue };
        let handle = client.handle().clone();
        let is_subscribed = |topic: &str| session.link.is_subscribed(&handle, topic);
        let refused = rules::refused(session.link.rules(), &connection, is_subscribed, names)?;
        // The values of the connection's object may throw when they end.
        drop((connection, client));
        if let Some(thrown) = thrown::pending() {
            return Err(thrown);
        }
        if refused.is_none() {
            server.check_process()?;
            let subscribed = session.link.ask(|publisher| publisher.subscribe(&handle, names).is_ok());
            done += usize::from(subscribed == Some(true));
        }
    }
    returns_count(call, done)
}

fn unsubscribe(call: &mut Call<'_>) -> Result<(), Thrown> {
    let names = topic_names(call, 1)?;
    each(call, |publisher, connection| {
        publisher.unsubscribe(connection, &names);
        true
    })
}

fn tag(call: &mut Call<'_>) -> Result<(), Thrown> {
    let (name, value) = (tag::name(call, 1)?, tag::value(call, 2)?);
    tag::check(&name, &value, 2)?;
    let tags = [(&*name, value)];
    each(call, |publisher, connection| publisher.tag(connection, &tags).is_ok())
}

fn untag(call: &mut Call<'_>) -> Result<(), Thrown> {
    let names = strings(call)?;
    each(call, |publisher, connection| {
        publisher.untag(connection, &names);
        true
    })
}

/// Does something with each connection, and returns for how many that was done.
fn each(
    call: &mut Call<'_>,
    mut what: impl FnMut(&mut dyn Publish, &ConnectionHandle) -> bool,
) -> Result<(), Thrown> {
    let done = on_run(call, |session, audience| {
        session.link.ask(|publisher| {
            let ids = publisher.connections(audience);
            let found = ids.into_iter().filter_map(|id| publisher.connection(id)).collect::<Vec<_>>();
            found.iter().filter(|connection| what(publisher, connection)).count()
        })
    })?;
    returns_count(call, done.flatten().unwrap_or(0))
}

/// Calls `what` with the audience in the run that is on; `None` if there is none.
fn on_run<R>(call: &Call<'_>, what: impl FnOnce(&Session, &Audience) -> R) -> Result<Option<R>, Thrown> {
    let target = call.this::<AudienceObject>()?;
    let server = state_of::<Server>(&target.server).ok_or_else(failed)?;
    server.check_process()?;
    Ok(server.session().map(|session| what(&session, &target.audience)))
}

fn returns_count(call: &mut Call<'_>, count: usize) -> Result<(), Thrown> {
    call.returns_int(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}
