//! `Ferrite\Connection`: one client.

use std::{rc::Rc, sync::Arc};

use ext_php_rs::types::{ZendHashTable, Zval};

use super::{
    arguments::{close_arguments, message, strings, too_big, too_many_topics, topic_names},
    attributes, enums,
    request::Request,
    tag,
};
use crate::{
    php::{
        event_loop::{link::Link, rules},
        zend::{
            call::{Call, handler, not_constructible},
            class::{BadDeclaration, ClassKind, Declaration},
            encoding, externs,
            objects::{Meta, Native, Owned, create, state_of},
            thrown::{ExceptionKind, Thrown, bad_type, throw},
            values,
        },
    },
    port::{ConnectionHandle, ConnectionId, Opened, TopicError},
};

/// The state of a `Connection` object.
#[derive(Debug)]
pub(in crate::php) struct Connection {
    handle: Arc<ConnectionHandle>,
    link: Rc<Link>,
}

impl Native for Connection {
    fn meta() -> &'static Meta {
        static META: Meta = Meta::new();
        &META
    }
}

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    Connection::class().declare(&Declaration {
        name: "Ferrite\\Connection",
        kind: ClassKind::Native,
        parent: std::ptr::null_mut(),
        interfaces: &[externs::array_access()],
        properties: &[
            "public readonly int $id",
            "public readonly Request $request",
            "public readonly ?string $user",
            "public readonly ?string $protocol",
            "public readonly string $remoteAddress",
            "public mixed $data = null",
        ],
        methods: &[
            ("private function __construct()", Some(handler(not_constructible))),
            (
                "public function send(string $data, bool $binary = false, ?bool $compress = null): SendResult",
                Some(handler(send)),
            ),
            ("public function close(int $code = 1000, string $reason = ''): void", Some(handler(close))),
            ("public function subscribe(string ...$topics): static", Some(handler(subscribe))),
            ("public function unsubscribe(string ...$topics): static", Some(handler(unsubscribe))),
            ("public function topics(): array", Some(handler(topics))),
            ("public function tag(string $name, string|int $value): static", Some(handler(add_tag))),
            ("public function untag(string ...$names): static", Some(handler(untag))),
            ("public function tags(): array", Some(handler(tags))),
            ("public function isOpen(): bool", Some(handler(is_open))),
            ("public function bufferedAmount(): int", Some(handler(buffered_amount))),
            ("public function latency(): ?float", Some(handler(latency))),
            ("public function pause(): void", Some(handler(pause))),
            ("public function resume(): void", Some(handler(resume))),
            ("public function offsetExists(mixed $offset): bool", Some(handler(offset_exists))),
            ("public function offsetGet(mixed $offset): mixed", Some(handler(offset_get))),
            ("public function offsetSet(mixed $offset, mixed $value): void", Some(handler(offset_set))),
            ("public function offsetUnset(mixed $offset): void", Some(handler(offset_unset))),
        ],
        create: Some(create::<Connection>),
    })
}

/// Makes the object of a connection that opened.
pub(in crate::php) fn object(
    handle: Arc<ConnectionHandle>,
    link: Rc<Link>,
    request: &Owned<Request>,
    opened: &Opened,
) -> Option<Owned<Connection>> {
    let text = |text: &Option<String>| match text {
        Some(text) => values::text(text.as_bytes()),
        None => values::null(),
    };
    let properties = [
        values::int(handle.id().to_php()),
        request.to_zval(),
        text(&opened.user),
        text(&opened.protocol),
        request.remote_address(),
    ];
    let object = Owned::new(Connection { handle, link })?;
    for (index, value) in properties.into_iter().enumerate() {
        object.initialise(index, value);
    }
    Some(object)
}

impl Connection {
    pub(in crate::php) fn handle(&self) -> &Arc<ConnectionHandle> {
        &self.handle
    }

    /// The encoded value of an attribute.
    fn attribute(&self, key: &attributes::Given<'_>) -> Option<Box<[u8]>> {
        let key = key.text()?;
        self.link.publish(|publisher| publisher.attribute(&self.handle, key)).flatten()
    }

    fn is_open(&self) -> bool {
        self.link.is_up() && self.handle.is_open()
    }
}

fn this<'a>(call: &Call<'a>) -> Result<&'a Connection, Thrown> {
    let connection = call.this::<Connection>()?;
    connection.link.check_process()?;
    Ok(connection)
}

fn send(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    let message = message(call, 1, 2, 3)?;
    let result = connection.link.send(&connection.handle, message).map_err(|error| too_big(1, error))?;
    if call.is_result_used() {
        call.returns(enums::send_result(result));
    }
    Ok(())
}

fn close(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    let (code, reason) = close_arguments(call)?;
    connection.link.publish(|publisher| publisher.close(&connection.handle, code, reason));
    Ok(())
}

fn subscribe(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    let names = topic_names(call, 1)?;
    let refused = rules::refused(
        connection.link.rules(),
        &call.this_kept(),
        |topic| connection.link.is_subscribed(&connection.handle, topic),
        &names,
    )?;
    if let Some((topic, pattern)) = refused {
        let error =
            format!("The rule for \"{pattern}\" does not let this connection subscribe to \"{topic}\"");
        return Err(throw(ExceptionKind::Forbidden, &error));
    }
    // A rule may have forked.
    connection.link.check_process()?;
    match connection.link.ask(|publisher| publisher.subscribe(&connection.handle, &names)) {
        Some(Err(TopicError::TooMany { limit })) => return Err(too_many_topics(limit)),
        Some(Err(error)) => return Err(throw(ExceptionKind::Value, &error.to_string())),
        Some(Ok(())) | None => {}
    }
    call.returns_this();
    Ok(())
}

fn unsubscribe(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    let names = topic_names(call, 1)?;
    connection.link.publish(|publisher| publisher.unsubscribe(&connection.handle, &names));
    call.returns_this();
    Ok(())
}

fn topics(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    let topics = match connection.handle.is_open() {
        true => connection.link.ask(|publisher| publisher.topics_of(&connection.handle)).unwrap_or_default(),
        false => Vec::new(),
    };
    let list = if topics.is_empty() {
        ZendHashTable::new()
    } else {
        values::list(topics.iter().map(|topic| topic.as_bytes()))
    };
    call.returns_array(list);
    Ok(())
}

fn add_tag(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    let (name, value) = (tag::name(call, 1)?, tag::value(call, 2)?);
    let tags = [(&*name, value)];
    if let Some(Err(error)) = connection.link.ask(|publisher| publisher.tag(&connection.handle, &tags)) {
        return Err(tag::refused(&error, 2));
    }
    call.returns_this();
    Ok(())
}

fn untag(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    let names = strings(call)?;
    connection.link.publish(|publisher| publisher.untag(&connection.handle, &names));
    call.returns_this();
    Ok(())
}

fn tags(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    let tags = connection.link.ask(|publisher| publisher.tags_of(&connection.handle)).unwrap_or_default();
    call.returns_array(tag::array(&tags));
    Ok(())
}

fn is_open(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    call.returns_bool(connection.is_open());
    Ok(())
}

fn buffered_amount(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    let running = connection.link.is_up();
    let bytes = if running { connection.handle.buffered() } else { 0 };
    call.returns_int(i64::try_from(bytes).unwrap_or(i64::MAX));
    Ok(())
}

fn latency(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    let latency: Zval = match connection.handle.latency() {
        Some(time) => values::float(time.as_secs_f64()),
        None => values::null(),
    };
    call.returns(latency);
    Ok(())
}

fn pause(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    connection.link.publish(|publisher| publisher.pause(&connection.handle));
    Ok(())
}

fn resume(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    connection.link.publish(|publisher| publisher.resume(&connection.handle));
    Ok(())
}

/// `isset($connection['key'])`, and the first half of `$connection['key'] ?? …`.
fn offset_exists(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    let value = connection.attribute(&attributes::key(call)?);
    call.returns_bool(value.is_some_and(|value| !encoding::is_null(&value)));
    Ok(())
}

fn offset_get(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    let key = attributes::key(call)?;
    match connection.attribute(&key) {
        Some(value) => call.returns(attributes::decoded(&value)?),
        None => key.warn_undefined()?,
    }
    Ok(())
}

fn offset_set(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    let given = attributes::key(call)?;
    let key = given.checked()?;
    match attributes::encoded(call)? {
        Ok(value) => {
            let set =
                connection.link.publish(|publisher| publisher.set_attribute(&connection.handle, key, &value));
            set.unwrap_or(Ok(())).map_err(|error| attributes::refused(&error, &given))
        }
        Err(too_long) if connection.link.is_up() && connection.handle.takes_attributes() => {
            Err(attributes::too_long(too_long))
        }
        Err(_) => Ok(()),
    }
}

fn offset_unset(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    if let Some(key) = attributes::key(call)?.text() {
        connection.link.publish(|publisher| publisher.unset_attribute(&connection.handle, key));
    }
    Ok(())
}

/// Reads `Connection|array|null`.
pub(in crate::php) fn except(call: &Call<'_>, number: u32) -> Result<Vec<ConnectionId>, Thrown> {
    let wrong = |what| bad_type(number, what);
    match call.value(number) {
        None => Ok(Vec::new()),
        Some(value) if value.is_null() => Ok(Vec::new()),
        Some(value) => match value.array() {
            Some(list) => list
                .values()
                .map(|value| connection_id(value.dereference()))
                .collect::<Option<_>>()
                .ok_or_else(|| wrong("must be a list of Ferrite\\Connection objects or ids")),
            None => Ok(vec![
                state_of::<Connection>(value)
                    .map(|connection| connection.handle().id())
                    .ok_or_else(|| wrong("must be of type Ferrite\\Connection|array|null"))?,
            ]),
        },
    }
}

/// Reads `Connection|int`.
pub(in crate::php) fn connection_id(value: &Zval) -> Option<ConnectionId> {
    let connection = state_of::<Connection>(value).map(|connection| connection.handle().id());
    connection.or_else(|| value.long().map(ConnectionId::from_php))
}
