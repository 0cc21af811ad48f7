//! The control API over real sockets: what is answered was done, to whom it says, once, and never later than PHP.
//!
//! Long because every route of the control API is tested over one kind of connection.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use ferrite::{
    config::{Config, Control},
    queue::{Accept, Event, LogLevel},
    runtime::Server,
};
use rustls::{ClientConnection, StreamOwned, version::TLS13};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::{
    certificates::Authority,
    harness::{Client, PATIENCE, Running, config, wait},
};

const SECRET: &str = "correct horse battery";

/// A server whose clients subscribe to `news`, have the path's first word as user, and a tag.
struct Controlled {
    server: Running,
    path: PathBuf,
    tcp: String,
    /// Holds the consumer up at the next message while it is set.
    held: Arc<AtomicBool>,
}

impl Controlled {
    fn start(shards: usize) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ferrite-control-{}-{number}.sock", std::process::id()));
        let texts = [
            format!("unix://{}", path.display()),
            format!("http://app:{}@127.0.0.1:0", SECRET.replace(' ', "%20")),
        ];
        let config = Config { control: Control::parse(&texts).unwrap(), ..config(shards) };
        let held = Arc::new(AtomicBool::new(false));
        let hold = held.clone();
        let server = Running::start_with(config, true, PATIENCE, move |handle, event| match event {
            Event::Handshake { id, handshake } => {
                let user = handshake.request.path().trim_matches('/').to_owned();
                let tags = vec![("name".into(), user.as_str().into())];
                let user = Some(user);
                handle.accept(*id, Accept { user, topics: vec!["news".into()], tags, ..Accept::default() });
            }
            Event::Message { .. } => {
                while hold.load(Ordering::SeqCst) {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            }
            _ => {}
        });
        let tcp = server.addresses.last().unwrap().strip_prefix("http://").unwrap().to_owned();
        Self { server, path, tcp, held }
    }

    /// A client of that name, once it is open.
    fn client(&self, name: &str) -> Client {
        let before = self.server.hub.open_connections();
        let url = format!("{}/{name}", self.server.address);
        let (client, _) = tokio_tungstenite::tungstenite::client(url, self.server.socket()).unwrap();
        wait("the connection to open", || (self.server.hub.open_connections() > before).then_some(()));
        client
    }

    fn connect(&self) -> UnixStream {
        let socket = UnixStream::connect(&self.path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        request(&mut self.connect(), "POST", path, &[], body.to_string().as_bytes()).unwrap()
    }

    fn get(&self, path: &str) -> (u16, Value) {
        request(&mut self.connect(), "GET", path, &[], b"").unwrap()
    }
}

/// One request and its answer, on a connection that stays open.
pub(crate) fn request(
    socket: &mut (impl Read + Write),
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: &[u8],
) -> std::io::Result<(u16, Value)> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: ferrite\r\n");
    headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    if method == "POST" {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    socket.write_all(&[format!("{head}\r\n").as_bytes(), body].concat())?;
    answer(socket)
}

fn answer(socket: &mut impl Read) -> std::io::Result<(u16, Value)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    socket.read_exact(&mut body)?;
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    if head.contains("idempotent-replayed: true") {
        body["replayed"] = true.into();
    }
    Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), body))
}

fn read(client: &mut Client) -> String {
    match client.read().unwrap() {
        Message::Text(text) => text.to_string(),
        Message::Binary(bytes) => format!("{bytes:?}"),
        other => panic!("{other:?}"),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["error"]["code"].as_str().unwrap_or_default())
}

#[test]
fn what_is_said_reaches_whom_it_is_for() {
    for shards in [1, 3] {
        let controlled = Controlled::start(shards);
        let (mut ann, mut bob) = (controlled.client("ann"), controlled.client("bob"));
        let ids: Vec<i64> = ["ann", "bob"]
            .map(|user| {
                controlled.get(&format!("/v1/connections?user={user}")).1["connections"][0]["id"]
                    .as_i64()
                    .unwrap()
            })
            .to_vec();
        let one = (200, json!({"connections": 1}));
        let post = |path: &str, body: Value| controlled.post(path, &body);
        assert_eq!(
            post("/v1/publish", json!({"topic": "news", "data": "1"})),
            (200, json!({"connections": 2}))
        );
        assert_eq!(
            post("/v1/publish", json!({"topic": "other", "data": "x"})),
            (200, json!({"connections": 0}))
        );
        assert_eq!(post("/v1/publish", json!({"topic": "news", "data": "2", "except": [ids[0]]})), one);
        assert_eq!(post("/v1/broadcast", json!({"data": "3", "except": [ids[1]]})), one);
        assert_eq!(post("/v1/send", json!({"to": {"users": ["ann"]}, "data": "AP8=", "binary": true})), one);
        assert_eq!(post("/v1/send", json!({"to": {"tags": "name=bob | name=eve"}, "data": "5"})), one);
        assert_eq!(
            post("/v1/send", json!({"to": {"tags": {"name": "ann"}, "topics": ["news"]}, "data": "6"})),
            one
        );
        assert_eq!(post("/v1/send", json!({"to": {"connections": [ids[1], 77]}, "data": "7"})), one);
        assert_eq!(post("/v1/send", json!({"to": {"except": [ids[1]]}, "data": "8"})), one);
        assert_eq!(
            post("/v1/send", json!({"to": {"users": []}, "data": "x"})),
            (200, json!({"connections": 0}))
        );
        assert_eq!([(); 5].map(|()| read(&mut ann)), ["1", "3", "b\"\\0\\xff\"", "6", "8"]);
        assert_eq!([(); 4].map(|()| read(&mut bob)), ["1", "2", "5", "7"]);
        assert_eq!(post("/v1/count", json!({"to": {"topics": ["news", "other"], "except": [ids[0]]}})), one);
        assert_eq!(controlled.get(&format!("/v1/connections?limit=0&except={}", ids[0])).1["total"], 1);
        assert_eq!(
            post("/v1/close", json!({"to": {"users": ["bob"]}, "code": 4000, "reason": "enough"})),
            one
        );
        match bob.read().unwrap() {
            Message::Close(Some(frame)) => {
                assert_eq!((u16::from(frame.code), &*frame.reason), (4000, "enough"))
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(post("/v1/close", json!({"to": {"users": ["bob"]}})), (200, json!({"connections": 0})));
    }
}

#[test]
fn a_consumer_that_sleeps_delays_neither_the_answer_nor_the_delivery() {
    for shards in [1, 3] {
        let controlled = Controlled::start(shards);
        let (mut ann, mut bob) = (controlled.client("ann"), controlled.client("bob"));
        controlled.held.store(true, Ordering::SeqCst);
        ann.send(Message::text("now hold")).unwrap();
        for n in 0..100 {
            let sent = controlled.post("/v1/publish", &json!({"topic": "news", "data": n.to_string()}));
            assert_eq!(sent, (200, json!({"connections": 2})));
            assert_eq!((read(&mut ann), read(&mut bob)), (n.to_string(), n.to_string()));
        }
        assert!(controlled.held.swap(false, Ordering::SeqCst));
    }
}

#[test]
fn an_order_that_is_repeated_with_its_key_is_done_once() {
    let controlled = Controlled::start(1);
    let mut ann = controlled.client("ann");
    let mut socket = controlled.connect();
    let mut publish = |id: &str, data: &str| {
        let body = json!({"topic": "news", "data": data}).to_string();
        request(&mut socket, "POST", "/v1/publish", &[("Idempotency-Key", id.to_owned())], body.as_bytes())
            .unwrap()
    };
    assert_eq!(publish("a", "1"), (200, json!({"connections": 1})));
    assert_eq!(publish("a", "1"), (200, json!({"connections": 1, "replayed": true})));
    assert_eq!(code(&publish("a", "2")), (422, "idempotency_mismatch"));
    assert_eq!(publish("b", "2"), (200, json!({"connections": 1})));
    assert_eq!(code(&publish("", "x")), (400, "invalid_request"));
    assert_eq!(code(&publish(&"x".repeat(65), "x")), (400, "invalid_request"));
    // A question is answered anew, and takes no place among what is remembered.
    let count = |socket: &mut UnixStream| {
        let id = [("Idempotency-Key", "count".to_owned())];
        request(socket, "POST", "/v1/count", &id, br#"{"to": {}}"#).unwrap()
    };
    let mut other = controlled.connect();
    assert_eq!(count(&mut other), (200, json!({"connections": 1})));
    let bob = controlled.client("bob");
    assert_eq!(count(&mut other), (200, json!({"connections": 2})));
    drop(bob);
    wait("one to be left", || (count(&mut other).1["connections"] == 1).then_some(()));
    // What was refused is not remembered.
    assert_eq!(code(&publish("c", "\u{0}")), (200, ""));
    assert_eq!([(); 3].map(|()| read(&mut ann)), ["1", "2", "\0"]);
}

#[test]
fn what_was_answered_before_the_end_was_sent_and_what_was_not_was_not() {
    for shards in [1, 2, 1, 2] {
        let controlled = Arc::new(Controlled::start(shards));
        let mut ann = controlled.client("ann");
        let speaker = |name: usize| {
            let controlled = controlled.clone();
            std::thread::spawn(move || {
                let mut socket = controlled.connect();
                let mut said = 0;
                loop {
                    let body = json!({"topic": "news", "data": format!("{name} {said}")}).to_string();
                    match request(&mut socket, "POST", "/v1/publish", &[], body.as_bytes()) {
                        Ok((200, answer)) if answer["connections"] == 1 => said += 1,
                        // Nobody is left, or the server ends.
                        Ok((200 | 503, _)) | Err(_) => return said,
                        Ok(other) => panic!("{other:?}"),
                    }
                }
            })
        };
        let speakers: Vec<_> = (0..4).map(speaker).collect();
        let mut heard = [0; 4];
        loop {
            match ann.read() {
                Ok(Message::Text(text)) => {
                    let (name, number) = text.split_once(' ').unwrap();
                    let heard = &mut heard[name.parse::<usize>().unwrap()];
                    assert_eq!(number, heard.to_string());
                    *heard += 1;
                    if *heard == 100 {
                        controlled.server.tell_stop();
                    }
                }
                Ok(_) => {}
                Err(Error::ConnectionClosed) => break,
                Err(error) => panic!("{error}"),
            }
        }
        let said: Vec<i32> = speakers.into_iter().map(|speaker| speaker.join().unwrap()).collect();
        assert_eq!(said, heard);
    }
}

#[test]
fn a_server_that_ends_does_nothing_more_and_says_so() {
    let controlled = Controlled::start(1);
    let _ann = controlled.client("ann");
    let mut socket = controlled.connect();
    assert_eq!(controlled.get("/v1/health"), (200, json!({"status": "ok"})));
    // A client that does not answer the close frame keeps the server in its grace.
    controlled.server.tell_stop();
    wait("the end to begin", || (controlled.get("/v1/health").0 == 503).then_some(()));
    let answer = request(&mut socket, "POST", "/v1/broadcast", &[], br#"{"data": "x"}"#).unwrap();
    assert_eq!(code(&answer), (503, "stopping"));
}

#[test]
fn over_tcp_nothing_is_done_without_the_right_signature() {
    let controlled = Controlled::start(1);
    let mut ann = controlled.client("ann");
    let body = br#"{"topic":"news","data":"signed"}"#.as_slice();
    // What is signed, and what is sent instead of it.
    let post =
        |name: &str, secret: &str, time: u64, signed: (&str, &str, &[u8]), sent: (&str, &str, &[u8])| {
            let text = [format!("POST\n{}\n{time}\n{}\n", signed.0, signed.1).as_bytes(), signed.2].concat();
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), &text);
            let headers = [
                ("Idempotency-Key", sent.1.to_owned()),
                ("Ferrite-Key", name.to_owned()),
                ("Ferrite-Timestamp", time.to_string()),
                ("Ferrite-Signature", HEXLOWER.encode(tag.as_ref())),
            ];
            request(&mut TcpStream::connect(&controlled.tcp).unwrap(), "POST", sent.0, &headers, sent.2)
                .unwrap()
        };
    let right = ("/v1/publish", "id", body);
    let wrong: Value = "the key or the signature is wrong".into();
    for answer in [
        post("app", "wrong horse battery!", now(), right, right),
        post("other", SECRET, now(), right, right),
        post("app", SECRET, now(), right, ("/v1/broadcast", "id", body)),
        post("app", SECRET, now(), right, ("/v1/publish?", "id", body)),
        post("app", SECRET, now(), right, ("/v1/publish", "other", body)),
        post("app", SECRET, now(), right, ("/v1/publish", "id", br#"{"topic":"news","data":"forged"}"#)),
        post("app", "wrong horse battery!", now() - 4000, right, right),
    ] {
        assert_eq!((code(&answer), &answer.1["error"]["message"]), ((401, "unauthorized"), &wrong));
    }
    for time in [now() - 400, now() + 400, 0] {
        let answer = post("app", SECRET, time, right, right);
        assert_eq!(code(&answer), (401, "clock"));
        assert!(answer.1["error"]["now"].as_u64().unwrap().abs_diff(now()) < 10);
    }
    let unsigned =
        request(&mut TcpStream::connect(&controlled.tcp).unwrap(), "POST", right.0, &[], body).unwrap();
    assert_eq!(unsigned.1["error"]["message"], "the header Ferrite-Key is missing");
    assert_eq!(post("app", SECRET, now() - 200, right, right), (200, json!({"connections": 1})));
    assert_eq!(read(&mut ann), "signed");
    // Overheard and said again.
    assert_eq!(post("app", SECRET, now() - 200, right, right).1["replayed"], true);
    controlled.server.wait_for("a line about it", |seen| {
        let line = seen.iter().find_map(|event| match event {
            Event::Log(record) if record.message == "A request to the control API was refused" => {
                Some(record)
            }
            _ => None,
        })?;
        assert_eq!(line.level, LogLevel::Warning);
        assert!(!format!("{line:?}").contains("horse"));
        Some(())
    });
}

#[test]
#[allow(clippy::too_many_lines)] // A table of cases.
fn a_request_that_is_not_understood_does_nothing_and_names_what_is_wrong() {
    let controlled = Controlled::start(1);
    let mut ann = controlled.client("ann");
    let many: Vec<i64> = (0..10_001).collect();
    for (path, body, field) in [
        ("/v1/publish", json!({"topic": "news"}), ""),
        ("/v1/publish", json!({"data": "x"}), "topic"),
        ("/v1/publish", json!({"topic": "a b", "data": "x"}), "topic"),
        ("/v1/publish", json!({"topic": "news", "data": 5}), "data"),
        ("/v1/publish", json!({"topic": "news", "data": "x", "excpet": [1]}), "excpet"),
        ("/v1/publish", json!({"topic": "news", "data": "x", "except": ["1"]}), "except[0]"),
        ("/v1/publish", json!({"topic": "news", "data": "x", "to": {}}), "to"),
        ("/v1/publish", json!({"topic": "news", "data": "*", "binary": true}), "data"),
        ("/v1/broadcast", json!({"data": "x", "topic": "news"}), "topic"),
        ("/v1/send", json!({"data": "x"}), "to"),
        ("/v1/send", json!({"data": "x", "to": {}, "except": [1]}), "except"),
        ("/v1/send", json!({"data": "x", "to": {"users": null}}), "to.users"),
        ("/v1/send", json!({"data": "x", "to": []}), "to"),
        ("/v1/send", json!({"data": "x", "to": null}), "to"),
        ("/v1/broadcast", json!({"data": "x", "except": null}), "except"),
        ("/v1/count", json!([{}]), ""),
        ("/v1/send", json!({"data": "x", "to": {"topics": ["news", ""]}}), "to.topics[1]"),
        ("/v1/send", json!({"data": "x", "to": {"tags": {"a": true}}}), "to.tags.a"),
        ("/v1/send", json!({"data": "x", "to": {"tags": {"": 1}}}), "to.tags"),
        ("/v1/send", json!({"data": "x", "to": {"tags": 7}}), "to.tags"),
        ("/v1/send", json!({"data": "x", "to": {"connections": many}}), "to.connections"),
        ("/v1/close", json!({"to": {}, "code": 1006}), "code"),
        ("/v1/close", json!({"to": {}, "code": 70_000}), "code"),
        ("/v1/close", json!({"to": {}, "reason": "x".repeat(124)}), "reason"),
    ] {
        let answer = controlled.post(path, &body);
        assert_eq!(
            (code(&answer), answer.1["error"]["field"].as_str()),
            ((400, "invalid_field"), Some(field)),
            "{answer:?}"
        );
    }
    let answer = controlled.post("/v1/send", &json!({"data": "x", "to": {"tags": "a=1 & "}}));
    assert_eq!(
        (code(&answer), &answer.1["error"]["column"]),
        ((400, "invalid_query"), &7.into()),
        "{answer:?}"
    );
    let raw = |method: &str, path: &str, headers: &[(&str, String)], body: &[u8]| {
        let answer = request(&mut controlled.connect(), method, path, headers, body).unwrap();
        (answer.0, answer.1["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let expect = |status: u16, code: &str| (status, code.to_owned());
    for body in
        [&b""[..], b"{", br#"{"data":"x"}x"#, b"\xff", b"{\"data\": \"\xff\"}", br#"{"data": "\ud800"}"#]
    {
        assert_eq!(
            raw("POST", "/v1/broadcast", &[], body),
            expect(400, "invalid_json"),
            "{}",
            body.escape_ascii()
        );
    }
    assert_eq!(raw("POST", "/v1/broadcast", &[], b"[]"), expect(400, "invalid_field"));
    assert_eq!(raw("GET", "/v1/publish", &[], b""), expect(405, "method_not_allowed"));
    assert_eq!(raw("POST", "/v1/stats", &[], b""), expect(405, "method_not_allowed"));
    assert_eq!(raw("DELETE", "/v1/connections", &[], b""), expect(405, "method_not_allowed"));
    assert_eq!(raw("GET", "/v2/stats", &[], b""), expect(404, "not_found"));
    assert_eq!(raw("POST", "/v1/broadcast?data=x", &[], br#"{"data":"x"}"#), expect(400, "invalid_field"));
    let form = [("Content-Type", "multipart/form-data; boundary=x".to_owned())];
    assert_eq!(
        raw("POST", "/v1/broadcast", &form, br#"{"data":"x"}"#),
        expect(415, "unsupported_media_type")
    );
    for (query, field) in [
        ("connections?limit=1001", "limit"),
        ("connections?limit=-1", "limit"),
        ("connections?id=x", "id"),
        ("connections?topic=a%20b", "topic"),
        ("connections?user=%ff", "user"),
        ("connections?tags=a&tags=b", "tags"),
        ("connections?users=ann", "users"),
        ("topics?after=a&after=b", "after"),
        ("presence", "topic"),
        ("presence?topic=a%20b", "topic"),
        ("stats?a", "a"),
    ] {
        let answer = controlled.get(&format!("/v1/{query}"));
        assert_eq!(
            (code(&answer), answer.1["error"]["field"].as_str()),
            ((400, "invalid_field"), Some(field)),
            "{answer:?}"
        );
    }
    assert_eq!(code(&controlled.get("/v1/connections?tags=a%3D")), (400, "invalid_query"));
    controlled.post("/v1/broadcast", &json!({"data": "the only one"}));
    assert_eq!(read(&mut ann), "the only one");
}

#[test]
fn a_body_beyond_its_limit_is_refused_before_it_is_sent() {
    let controlled = Controlled::start(1);
    let _ann = controlled.client("ann");
    let head = |more: &str| {
        let mut socket = controlled.connect();
        write!(socket, "POST /v1/broadcast HTTP/1.1\r\nHost: h\r\n{more}\r\n\r\n").unwrap();
        answer(&mut socket).unwrap()
    };
    assert_eq!(code(&head("Content-Length: 3000000")), (413, "too_large"));
    assert_eq!(code(&head("Transfer-Encoding: chunked")), (411, "length_required"));
    // As long as a message may be, all of it to be escaped, passes.
    let largest = "\"".repeat(1 << 20);
    assert_eq!(controlled.post("/v1/broadcast", &json!({"data": largest})), (200, json!({"connections": 1})));
}

#[test]
fn lists_come_in_pages_and_in_order() {
    let controlled = Controlled::start(2);
    let clients: Vec<_> = (0..5).map(|n| controlled.client(&format!("user{n}"))).collect();
    let whole = controlled.get("/v1/connections").1;
    let ids: Vec<i64> =
        whole["connections"].as_array().unwrap().iter().map(|c| c["id"].as_i64().unwrap()).collect();
    assert!(ids.len() == clients.len() && ids.is_sorted() && whole["total"] == 5 && whole["next"].is_null());
    let mut paged = Vec::new();
    let mut after = 0;
    loop {
        let page = controlled.get(&format!("/v1/connections?limit=2&after={after}")).1;
        paged.extend(page["connections"].as_array().unwrap().iter().map(|c| c["id"].as_i64().unwrap()));
        let Some(next) = page["next"].as_i64() else { break };
        after = next;
    }
    assert_eq!(paged, ids);
    let first = &whole["connections"][0];
    assert_eq!(
        (&first["topics"], &first["buffered"], &first["latency"]),
        (&json!(["news"]), &json!(0), &Value::Null)
    );
    assert_eq!(first["tags"], json!({"name": first["user"]}));
    let none = controlled.get("/v1/connections?limit=0").1;
    assert_eq!(none, json!({"connections": [], "total": 5, "next": null}));
    assert_eq!(
        controlled.get("/v1/topics?prefix=ne").1,
        json!({"topics": [{"topic": "news", "connections": 5}], "next": null})
    );
    let _tab = controlled.client("user1");
    let presence = json!({"users": ["user0", "user1", "user2", "user3", "user4"], "connections": 6});
    assert_eq!(controlled.get("/v1/presence?topic=news"), (200, presence));
    assert_eq!(controlled.get("/v1/presence?topic=none").1, json!({"users": [], "connections": 0}));
    assert_eq!(controlled.get("/v1/stats").1["ferrite_connections"], 6);
}

#[test]
fn the_socket_file_is_its_owners_alone_and_goes_with_the_server() {
    let controlled = Controlled::start(1);
    assert_eq!(std::fs::metadata(&controlled.path).unwrap().permissions().mode() & 0o777, 0o600);
    let Controlled { server, path, .. } = controlled;
    // Whoever is connected and says nothing does not keep it.
    let _idle = UnixStream::connect(&path).unwrap();
    server.stop();
    assert!(!path.exists());
}

#[test]
fn a_server_that_does_not_start_leaves_no_socket_file() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let path = std::env::temp_dir().join(format!("ferrite-control-{}-left.sock", std::process::id()));
    let texts = [
        format!("unix://{}", path.display()),
        format!("http://app:{}@{}", "x".repeat(16), taken.local_addr().unwrap()),
    ];
    let error = Server::start(Config { control: Control::parse(&texts).unwrap(), ..config(1) }).unwrap_err();
    assert!(error.to_string().contains("already in use"), "{error}");
    assert!(!path.exists());
}

#[test]
fn beyond_256_connections_the_one_that_is_idle_longest_makes_room_and_who_works_does_not() {
    let controlled = Controlled::start(1);
    let health = |socket: &mut UnixStream| request(socket, "GET", "/v1/health", &[], b"");
    let mut idle: Vec<_> = (0..255).map(|_| controlled.connect()).collect();
    idle.iter_mut().for_each(|socket| assert_eq!(health(socket).unwrap().0, 200));
    // The first has asked last, and this one is in the middle of a request.
    assert_eq!(health(&mut idle[0]).unwrap().0, 200);
    let mut working = controlled.connect();
    let body = br#"{"data": "x"}"#;
    let head = "POST /v1/broadcast HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 13\r\n\r\n";
    working.write_all(head.as_bytes()).unwrap();
    working.read_exact(&mut [0; 25]).unwrap();
    for _ in 0..2 {
        assert_eq!(health(&mut controlled.connect()).unwrap().0, 200);
    }
    assert_eq!(idle[1].read(&mut [0]).unwrap(), 0, "it had been idle longest");
    assert_eq!(health(&mut idle[0]).unwrap().0, 200);
    working.write_all(body).unwrap();
    assert_eq!(answer(&mut working).unwrap().0, 200);
}

#[test]
fn while_256_connections_work_who_comes_waits_for_the_first_that_is_done() {
    let controlled = Controlled::start(1);
    let mut working: Vec<_> = (0..256).map(|_| controlled.connect()).collect();
    for socket in &mut working {
        let head =
            "POST /v1/broadcast HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 13\r\n\r\n";
        socket.write_all(head.as_bytes()).unwrap();
        let mut go_on = [0; 25];
        socket.read_exact(&mut go_on).unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    let mut late = controlled.connect();
    late.write_all(b"GET /v1/health HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    for socket in working.iter_mut().rev() {
        socket.write_all(br#"{"data": "x"}"#).unwrap();
        assert_eq!(answer(socket).unwrap().0, 200);
    }
    assert_eq!(answer(&mut late).unwrap().0, 200);
}

#[test]
fn who_begins_no_tls_session_keeps_nobody_out() {
    let authority = Authority::new();
    let made = authority.make(&["localhost"]);
    let control =
        Control::parse(&[format!("https://app:{}@127.0.0.1:0", SECRET.replace(' ', "%20"))]).unwrap();
    let server = Running::echo(Config { control, tls: vec![made.files], ..config(1) });
    let address = server.addresses.last().unwrap().strip_prefix("https://").unwrap();
    let connect = || TcpStream::connect(address).unwrap();
    let trusting = authority.trusting(&[&TLS13], None);
    let publisher = || {
        let session = ClientConnection::new(trusting.clone(), "localhost".try_into().unwrap()).unwrap();
        StreamOwned::new(session, connect())
    };
    let ask = |socket: &mut _| code(&request(socket, "GET", "/v1/health", &[], b"").unwrap()).0;
    let mut early = publisher();
    assert_eq!(ask(&mut early), 401);
    let mut silent: Vec<_> = (0..255).map(|_| connect()).collect();
    // Twice: with the second, at least the first of the silent has its seat.
    assert_eq!([ask(&mut early), ask(&mut early)], [401; 2]);
    assert_eq!(ask(&mut publisher()), 401);
    assert_eq!(ask(&mut early), 401, "others have said nothing for longer");
    assert_eq!(silent[0].read(&mut [0]).unwrap(), 0);
}

#[test]
fn requests_whose_bodies_never_come_keep_no_publisher_out() {
    let controlled = Controlled::start(1);
    let begun = signed_post("app", "wrong horse battery!", "/v1/broadcast", "", br#"{"data": "x"}"#);
    // The right key's name, a wrong signature, and all but the body's last byte.
    let _waiting: Vec<_> = (0..600)
        .map(|_| {
            let mut socket = TcpStream::connect(&controlled.tcp).unwrap();
            // The oldest are closed while others come.
            let _ = socket.write_all(&begun[..begun.len() - 1]);
            socket
        })
        .collect();
    let mut publisher = TcpStream::connect(&controlled.tcp).unwrap();
    publisher.set_read_timeout(Some(PATIENCE / 2)).unwrap();
    for _ in 0..2 {
        publisher.write_all(&signed_post("app", SECRET, "/v1/broadcast", "", br#"{"data": "x"}"#)).unwrap();
        assert_eq!(answer(&mut publisher).unwrap().0, 200, "within half of what a body may take");
    }
    // And whoever has signed is not sent away for those who have not.
    let _more: Vec<_> = (0..600)
        .map(|_| {
            let mut socket = TcpStream::connect(&controlled.tcp).unwrap();
            let _ = socket.write_all(&begun[..begun.len() - 1]);
            socket
        })
        .collect();
    publisher.write_all(&signed_post("app", SECRET, "/v1/broadcast", "", br#"{"data": "x"}"#)).unwrap();
    assert_eq!(answer(&mut publisher).unwrap().0, 200);
}

#[test]
fn the_name_of_a_key_cannot_be_told_from_one_that_nobody_has() {
    let controlled = Controlled::start(1);
    let body = br#"{"data": "x"}"#;
    for lines in [
        "",
        "Content-Type: text/xml\r\n",
        "Idempotency-Key: \r\n",
        "Content-Length: 9\r\nContent-Length: 9\r\n",
        "Expect: 100-continue\r\n",
        "Host: other\r\n",
        "Ferrite-Key: app\r\n",
    ] {
        let answers = ["app", "apq"].map(|name| {
            let mut socket = TcpStream::connect(&controlled.tcp).unwrap();
            socket
                .write_all(&signed_post(name, "wrong horse battery!", "/v1/broadcast", lines, body))
                .unwrap();
            let mut all = String::new();
            socket.shutdown(std::net::Shutdown::Write).unwrap();
            socket.read_to_string(&mut all).unwrap();
            all
        });
        assert_eq!(answers[0], answers[1], "{lines:?}");
        let is_malformed = ["Content-Length", "Host", "Ferrite"].iter().any(|name| lines.starts_with(name));
        assert!(answers[0].contains(if is_malformed { " 400 " } else { " 401 " }), "{lines:?}: {answers:?}");
    }
}

#[test]
fn a_request_that_two_programs_could_read_differently_is_refused_and_ends_its_connection() {
    let controlled = Controlled::start(1);
    let right =
        String::from_utf8(signed_post("app", SECRET, "/v1/broadcast", "", br#"{"data":"x"}"#)).unwrap();
    let (head, body) = right.split_once("\r\n\r\n").unwrap();
    let signature = head.lines().find(|line| line.starts_with("Ferrite-Signature")).unwrap();
    let mut refused = vec![
        (right.replace("\r\n", "\n"), 400),
        (right.replacen("\r\n", "\n", 1), 400),
        (right.replace("Host: h\r\n", ""), 400),
        (right.replace("HTTP/1.1", "HTTP/1.0"), 505),
        (right.replace("HTTP/1.1", "HTTP/1.2"), 505),
        (right.replace("/v1/broadcast HTTP", "http://other/v1/broadcast HTTP"), 400),
        (right.replace("/v1/broadcast HTTP", "/v1/broadcast#a HTTP"), 400),
        (right.replace("POST /v1", "POST  /v1"), 400),
        (right.replace("Content-Length: 12", "Content-Length: 12, 12"), 400),
        (right.replace("Content-Length: 12", "Content-Length: +12"), 400),
    ];
    for line in [
        "Host: h",
        "Host: other",
        signature,
        "Ferrite-Key: app",
        "ferrite-timestamp: 1",
        "Ferrite-Timestamp : 1",
        "Content-Length: 12",
        "Content-Type: application/json\r\nContent-Type: text/xml",
        "Idempotency-Key: a\r\nIdempotency-Key: a",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: identity",
        " folded: x",
        "X: a\r\n folded",
        "X: a\0",
        "X: a\rb",
        "no colon",
        "Upgrade: websocket\r\nConnection: upgrade",
    ] {
        refused.push((format!("{head}\r\n{line}\r\n\r\n{body}"), 400));
    }
    for (request, status) in refused {
        let mut socket = TcpStream::connect(&controlled.tcp).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        // A second request behind it is not read, wherever the first one ends.
        socket.write_all(format!("{request}{right}").as_bytes()).unwrap();
        let mut all = Vec::new();
        let _ = socket.read_to_end(&mut all);
        let all = String::from_utf8(all).unwrap();
        assert!(all.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {all}");
        assert!(
            all.contains("connection: close\r\n") && all.matches("HTTP/1.1 ").count() == 1,
            "{request:?}: {all}"
        );
    }
    // A proxy's way to write the target.
    let mut socket = TcpStream::connect(&controlled.tcp).unwrap();
    socket.write_all(right.replace("/v1/broadcast HTTP", "http://h/v1/broadcast HTTP").as_bytes()).unwrap();
    assert_eq!(answer(&mut socket).unwrap().0, 200);
}

#[test]
fn connection_close_is_answered_in_kind_and_head_without_a_body() {
    let controlled = Controlled::start(1);
    let all = |request: &str| {
        let mut socket = controlled.connect();
        socket.write_all(request.as_bytes()).unwrap();
        let mut all = String::new();
        socket.read_to_string(&mut all).unwrap();
        all
    };
    let head = all("HEAD /v1/stats HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 405 ") && head.ends_with("\r\n\r\n") && head.contains("allow: GET"),
        "{head}"
    );
    let health = all(
        "GET /v1/health HTTP/1.1\r\nHost: h\r\n\r\nGET /v1/health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(health.matches("{\"status\":\"ok\"}").count(), 2, "{health}");
}

/// A signed request, whole.
fn signed_post(name: &str, secret: &str, path: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let time = now();
    let text = [format!("POST\n{path}\n{time}\n\n").as_bytes(), body].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), &text);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nFerrite-Key: {name}\r\nFerrite-Timestamp: {time}\r\n\
         Ferrite-Signature: {}\r\nContent-Length: {}\r\n{lines}\r\n",
        HEXLOWER.encode(tag.as_ref()),
        body.len()
    );
    [head.as_bytes(), body].concat()
}
