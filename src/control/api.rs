//! The routes of the control API.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    time::Instant,
};

use aws_lc_rs::digest;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    answer::{Answer, Failure},
    body::{self, Close, Count, Object, Order},
    query::Fields,
    remembered::{Asked, Remembered},
};
use crate::{
    port::{
        ConnectionHandle, ConnectionId, LOG_INTERVAL, LogLevel, LogRecord, MAX_REASON, PayloadTooBig,
        Publisher, TagValue, check_topic, close_code_allowed,
    },
    queue::LogSender,
};

/// The server as its control API sees it. One thread's.
#[derive(Debug)]
pub struct Api {
    publisher: RefCell<Publisher>,
    remembered: RefCell<Remembered>,
    log: LogSender,
    /// The time at which a refused request was logged last.
    refusal_logged: Cell<Option<Instant>>,
}

/// One request, whose sender is authenticated.
#[derive(Debug)]
pub(super) struct ApiRequest<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) body: &'a [u8],
    /// The key that signed it; empty on a Unix socket.
    pub(super) by: &'a str,
    /// Its idempotency key, or nothing.
    pub(super) id: &'a str,
}

impl Api {
    /// Sends with `publisher`, which is its own.
    pub fn new(publisher: Publisher, log: LogSender) -> Self {
        Self {
            publisher: RefCell::new(publisher),
            remembered: RefCell::default(),
            log,
            refusal_logged: Cell::default(),
        }
    }

    /// Bytes that a body may have: JSON may write one byte of a message as six, and mostly writes it as one.
    pub(super) fn largest_body(&self) -> usize {
        2 * self.publisher.borrow().max_message_size() + (64 << 10)
    }

    /// Carries a request out, or says why not.
    pub(super) fn answer(&self, request: &ApiRequest<'_>) -> Result<Answer, Failure> {
        let order = match request.path {
            "/v1/publish" => Self::publish,
            "/v1/broadcast" => Self::broadcast,
            "/v1/send" => Self::send,
            "/v1/close" => Self::close,
            "/v1/count" => return self.count(request),
            _ => return self.tell(request),
        };
        request.check_posted()?;
        if request.id.is_empty() {
            return self.carry_out(request, order);
        }
        let asked = Asked { by: request.by.into(), id: request.id.into() };
        let (digest, now) = (request.digest(), Instant::now());
        let known = self.remembered.borrow().find(&asked, &digest, now);
        match known {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => {}
            Err(_) => {
                return Err(Failure::new(
                    422,
                    "idempotency_mismatch",
                    "another request was made with this Idempotency-Key",
                ));
            }
        }
        let answer = self.carry_out(request, order)?;
        self.remembered.borrow_mut().remember(asked, digest, answer.clone(), now);
        Ok(answer)
    }

    /// Says that a request was refused, not too often.
    pub(super) fn log_refusal(&self, peer: &str, failure: &Failure) {
        let now = Instant::now();
        if self.refusal_logged.get().is_none_or(|at| now >= at + LOG_INTERVAL) {
            self.refusal_logged.set(Some(now));
            let context = vec![
                ("peer".to_owned(), peer.to_owned()),
                ("reason".to_owned(), failure.message().to_owned()),
            ];
            let message = "A request to the control API was refused".to_owned();
            self.log.send(LogRecord { level: LogLevel::Warning, message, context });
        }
    }

    fn carry_out(&self, request: &ApiRequest<'_>, order: Do) -> Result<Answer, Failure> {
        let answer = self.publisher.borrow_mut().unless_stopping(|publisher| {
            publisher.begin_batch();
            let answer = order(self, publisher, request.body);
            publisher.end_batch();
            answer
        });
        answer.unwrap_or_else(|| Err(Failure::stopping()))
    }

    fn publish(&self, publisher: &mut Publisher, json: &[u8]) -> Result<Answer, Failure> {
        let mut order: Order<'_> = body::read(json)?;
        let (topic, except) = (order.take_topic()?, order.take_except());
        let payload = order.into_payload()?;
        let count = publisher.publish(&topic, payload.outgoing(), &except).map_err(too_big)?;
        Ok(Answer::connections(count))
    }

    fn broadcast(&self, publisher: &mut Publisher, json: &[u8]) -> Result<Answer, Failure> {
        let mut order: Order<'_> = body::read(json)?;
        let except = order.take_except();
        let payload = order.into_payload()?;
        let count = publisher.broadcast(payload.outgoing(), &except).map_err(too_big)?;
        Ok(Answer::connections(count))
    }

    fn send(&self, publisher: &mut Publisher, json: &[u8]) -> Result<Answer, Failure> {
        let mut order: Order<'_> = body::read(json)?;
        let audience = order.take_audience()?;
        let payload = order.into_payload()?;
        let count = publisher.send_to(&audience, payload.outgoing()).map_err(too_big)?;
        Ok(Answer::connections(count))
    }

    fn close(&self, publisher: &mut Publisher, json: &[u8]) -> Result<Answer, Failure> {
        let Close { to: Object(to), code, reason } = body::read(json)?;
        if !close_code_allowed(code) {
            return Err(Failure::field("code", format!("{code} is not a close code for applications")));
        }
        if reason.len() > MAX_REASON {
            let length = reason.len();
            return Err(Failure::field("reason", format!("has {length} bytes; it may have {MAX_REASON}")));
        }
        let mut count = 0;
        for id in publisher.connections(&to.into_audience()?) {
            if let Some(connection) = publisher.connection(id).filter(|connection| connection.is_open()) {
                publisher.close(&connection, code, &reason);
                count += 1;
            }
        }
        Ok(Answer::connections(count))
    }

    /// Changes nothing, so nothing of it is remembered; but asks with an audience as the others do.
    fn count(&self, request: &ApiRequest<'_>) -> Result<Answer, Failure> {
        request.check_posted()?;
        let Count { to: Object(to) } = body::read(request.body)?;
        Ok(Answer::connections(self.publisher.borrow().connections(&to.into_audience()?).len()))
    }

    /// Requests that change nothing.
    fn tell(&self, request: &ApiRequest<'_>) -> Result<Answer, Failure> {
        let tell = match request.path {
            "/v1/connections" => Self::connections,
            "/v1/topics" => Self::topics,
            "/v1/presence" => Self::presence,
            "/v1/stats" => Self::stats,
            "/v1/health" => Self::health,
            path => {
                let message = format!("{path} is nothing that can be asked for; see docs/control-api.md");
                return Err(Failure::new(404, "not_found", message));
            }
        };
        if request.method != "GET" {
            return Err(Failure::method("GET"));
        }
        if !request.body.is_empty() {
            return Err(Failure::request("a GET has no body"));
        }
        let mut fields = Fields::parse(request.query)?;
        tell(self, &mut fields).and_then(|answer| fields.end().map(|()| answer))
    }

    fn connections(&self, fields: &mut Fields) -> Result<Answer, Failure> {
        let (audience, limit) = (fields.audience()?, fields.limit()?);
        let after = fields.number("after")?.map(ConnectionId::from_php);
        let publisher = self.publisher.borrow();
        let mut ids = publisher.connections(&audience);
        ids.sort_unstable();
        let total = ids.len();
        let rest = ids.partition_point(|id| after.is_some_and(|after| *id <= after));
        let page = ids.get(rest..).unwrap_or_default();
        let next = (page.len() > limit).then(|| page.get(limit.checked_sub(1)?)).flatten();
        let connections = page.iter().take(limit).filter_map(|id| publisher.connection(*id));
        Ok(Answer::of(&Connections {
            connections: connections.map(|connection| ConnectionJson::of(&connection)).collect(),
            total,
            next: next.map(|id| id.to_php()),
        }))
    }

    fn topics(&self, fields: &mut Fields) -> Result<Answer, Failure> {
        let (prefix, limit) = (fields.one("prefix")?.unwrap_or_default(), fields.limit()?);
        let after = fields.one("after")?;
        let mut topics = self.publisher.borrow().topics(&prefix, after.as_deref(), limit + 1);
        let more = topics.len() > limit;
        topics.truncate(limit);
        let next = topics.last().filter(|_| more).map(|(topic, _)| topic.to_string());
        let topics = topics.iter().map(|(topic, connections)| Topic { topic, connections: *connections });
        Ok(Answer::of(&Topics { topics: topics.collect(), next }))
    }

    fn presence(&self, fields: &mut Fields) -> Result<Answer, Failure> {
        let topic = fields.one("topic")?.ok_or_else(|| Failure::field("topic", "is missing"))?;
        check_topic(&topic).map_err(|error| Failure::field("topic", error.to_string()))?;
        let presence = self.publisher.borrow().presence(&topic);
        Ok(Answer::of(&Present { users: presence.users, connections: presence.connections }))
    }

    fn stats(&self, _: &mut Fields) -> Result<Answer, Failure> {
        let figures = self.publisher.borrow().figures().into_iter();
        Ok(Answer::of(
            &figures.map(|figure| (figure.name.to_owned(), figure.value.into())).collect::<Map<_, _>>(),
        ))
    }

    fn health(&self, _: &mut Fields) -> Result<Answer, Failure> {
        let stopping = self.publisher.borrow().is_stopping();
        let word = if stopping { "stopping" } else { "ok" };
        let status = if stopping { 503 } else { 200 };
        Ok(Answer { status, ..Answer::of(&Health { status: word }) })
    }
}

impl ApiRequest<'_> {
    /// Refuses a request that is not a POST, or has fields outside of its body.
    fn check_posted(&self) -> Result<(), Failure> {
        if self.method != "POST" {
            return Err(Failure::method("POST"));
        }
        Fields::parse(self.query)?.end()
    }

    /// The digest by which requests are the same.
    fn digest(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(self.path.as_bytes());
        context.update(b"\n");
        context.update(self.body);
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }
}

type Do = fn(&Api, &mut Publisher, &[u8]) -> Result<Answer, Failure>;

#[derive(Serialize)]
struct Connections {
    connections: Vec<ConnectionJson>,
    total: usize,
    next: Option<i64>,
}

#[derive(Serialize)]
struct ConnectionJson {
    id: i64,
    user: Option<Arc<str>>,
    topics: Vec<Arc<str>>,
    tags: Map<String, Value>,
    buffered: usize,
    /// In seconds.
    latency: Option<f64>,
}

#[derive(Serialize)]
struct Topics<'a> {
    topics: Vec<Topic<'a>>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Topic<'a> {
    topic: &'a str,
    connections: usize,
}

#[derive(Serialize)]
struct Present {
    users: Vec<Arc<str>>,
    connections: usize,
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

impl ConnectionJson {
    fn of(connection: &ConnectionHandle) -> Self {
        let value = |value: TagValue| match value {
            TagValue::Int(number) => number.into(),
            TagValue::Text(text) => (*text).into(),
        };
        Self {
            id: connection.id().to_php(),
            user: connection.user(),
            topics: connection.topics(),
            tags: connection.tags().into_iter().map(|(name, tag)| (name.to_string(), value(tag))).collect(),
            buffered: connection.buffered(),
            latency: connection.latency().map(|latency| latency.as_secs_f64()),
        }
    }
}

fn too_big(error: PayloadTooBig) -> Failure {
    Failure::too_large(error.to_string())
}
