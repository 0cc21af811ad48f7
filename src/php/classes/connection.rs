//! `Ferrite\Connection`: one client.

use std::{rc::Rc, sync::Arc};

use ext_php_rs::types::{ZendHashTable, Zval};

use super::{
    audience::{message, too_big, topic_name},
    enums,
    request::Request,
    tag,
};
use crate::php::event_loop::{link::Link, rules};
use crate::php::zend::{
    call::{Call, handler, not_constructible},
    class::{BadDeclaration, Declaration, Kind},
    objects::{Meta, Native, Owned, create},
    thrown::{Kind as Throw, Thrown, bad_argument, throw},
    values,
};
use crate::port::{ConnectionHandle, Opened, TopicError, close_code_allowed};

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
        kind: Kind::Native,
        parent: std::ptr::null_mut(),
        interfaces: &[],
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
}

/// Topic names among the arguments, from number `first` on, each checked.
pub(in crate::php) fn topic_names<'a>(call: &Call<'a>, first: u32) -> Result<Vec<&'a str>, Thrown> {
    (first..=call.count()).map(|number| topic_name(call.string(number)?.as_bytes(), number)).collect()
}

/// All arguments, as strings of UTF-8.
pub(in crate::php) fn strings<'a>(call: &Call<'a>) -> Result<Vec<&'a str>, Thrown> {
    let string =
        |number| call.string(number)?.as_str().map_err(|_| bad_argument(number, "must be valid UTF-8"));
    (1..=call.count()).map(string).collect()
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

/// The code and reason of a `close`.
pub(in crate::php) fn close_arguments<'a>(call: &Call<'a>) -> Result<(u16, &'a str), Thrown> {
    let code = call.int_or(1, 1000)?;
    let allowed = u16::try_from(code).ok().filter(|code| close_code_allowed(*code));
    let code = allowed.ok_or_else(|| {
        bad_argument(1, &format!("must be 1000, 1001, 1003, 1007 to 1013 or 3000 to 4999, {code} given"))
    })?;
    let reason = call.string_or_null(2)?.map_or(&b""[..], |reason| reason.as_bytes());
    if reason.len() > MAX_REASON {
        return Err(bad_argument(
            2,
            &format!("must be at most {MAX_REASON} bytes long, has {}", reason.len()),
        ));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| bad_argument(2, "must be valid UTF-8"))?;
    Ok((code, reason))
}

fn subscribe(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    let names = topic_names(call, 1)?;
    let refused = rules::refused(&connection.link, &call.this_kept(), &connection.handle, &names)?;
    if let Some((topic, pattern)) = refused {
        let error =
            format!("The rule for \"{pattern}\" does not let this connection subscribe to \"{topic}\"");
        return Err(throw(Throw::Forbidden, &error));
    }
    // A rule may have forked.
    connection.link.check_process()?;
    match connection.link.publish(|publisher| publisher.subscribe(&connection.handle, &names)) {
        Some(Err(TopicError::TooMany { limit })) => return Err(too_many_topics(limit)),
        Some(Err(error)) => return Err(throw(Throw::Value, &error.to_string())),
        Some(Ok(())) | None => {}
    }
    call.returns_this();
    Ok(())
}

pub(in crate::php) fn too_many_topics(limit: usize) -> Thrown {
    throw(Throw::Value, &format!("A connection may have at most {limit} topics (Limits::$maxTopics)"))
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
    let open = connection.link.is_up() && connection.handle.is_open();
    let topics = if open { connection.handle.topics() } else { Vec::new() };
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
    if let Some(Err(error)) = connection.link.publish(|publisher| publisher.tag(&connection.handle, &tags)) {
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
    let running = connection.link.is_up();
    let tags = if running { connection.handle.tags() } else { Vec::new() };
    call.returns_array(tag::array(&tags));
    Ok(())
}

fn is_open(call: &mut Call<'_>) -> Result<(), Thrown> {
    let connection = this(call)?;
    let running = connection.link.is_up();
    call.returns_bool(running && connection.handle.is_open());
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

/// What a close frame has room for after the code (RFC 6455 section 5.5).
const MAX_REASON: usize = 123;
