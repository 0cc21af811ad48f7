//! Request heads as probes, proxies and clients that nobody here wrote send them, and what each answer has.

use std::io::{Read, Write};

use ferrite::{
    config::{Config, Limits, Metrics, Origins, PerAddress},
    port::{Interests, Publisher},
    queue::{Event, Respond},
};

use crate::harness::{HANDSHAKE, PATIENCE, Running, config, echo};

/// The answer to `request`, whose sender then listens until the server closes.
fn answer(server: &Running, request: impl AsRef<[u8]>) -> String {
    let mut socket = server.socket();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(request.as_ref()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

/// The head of the answer to a handshake, whose connection goes on.
fn handshake(server: &Running, request: impl AsRef<[u8]>) -> String {
    let mut socket = server.socket();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(request.as_ref()).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && socket.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn monitored() -> Config {
    let metrics = Metrics { path: "/metrics".into(), listen: None };
    Config { health: Some("/health".into()), metrics: Some(metrics), ..config(1) }
}

/// Answers every request with its method, target and body.
fn tell(handle: &mut Publisher, event: &Event) {
    echo(handle, event);
    if let Event::Request { id, asked } = event {
        let told = format!("{} {} {}", asked.request.method(), asked.request.path(), asked.body.len());
        let response = Respond { status: 200, body: told.into_bytes(), headers: Vec::new() };
        handle.respond(*id, response).unwrap();
    }
}

fn asking() -> Running {
    let interests = Interests { requests: true, drains: true, ..Interests::default() };
    Running::start_for(monitored(), interests, PATIENCE, tell)
}

#[test]
fn health_and_metrics_are_answered_in_http_1_0() {
    let server = Running::echo(monitored());
    for (request, status) in [
        // `option httpchk GET /health` of HAProxy, `proxy_pass` of nginx, `ab`.
        ("GET /health HTTP/1.0\r\n\r\n", "200 OK"),
        ("HEAD /health HTTP/1.0\r\n\r\n", "200 OK"),
        ("GET /health/live HTTP/1.0\r\nHost: h\r\nConnection: close\r\n\r\n", "200 OK"),
        ("GET /health/ready HTTP/1.0\r\nConnection: keep-alive\r\nUser-Agent: ab\r\n\r\n", "200 OK"),
        ("GET /metrics HTTP/1.0\r\n\r\n", "200 OK"),
        ("HEAD /metrics HTTP/1.0\r\n\r\n", "200 OK"),
        ("GET http://h/health HTTP/1.0\r\n\r\n", "200 OK"),
        ("POST /health HTTP/1.0\r\n\r\n", "405 Method Not Allowed"),
        ("GET /health HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400 Bad Request"),
        ("GET /health HTTP/1.0\r\nHost: a b\r\n\r\n", "400 Bad Request"),
        // What is nobody's is a handshake, and that needs 1.1.
        ("GET /other HTTP/1.0\r\n\r\n", "505 HTTP Version Not Supported"),
        ("GET /health HTTP/1.2\r\nHost: h\r\n\r\n", "505 HTTP Version Not Supported"),
    ] {
        let answer = answer(&server, request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{request}: {answer}");
        assert!(!answer.to_ascii_lowercase().contains("chunked"), "{request}: {answer}");
    }
}

#[test]
fn a_websocket_is_not_opened_over_http_1_0() {
    let upgrade = String::from_utf8(HANDSHAKE.to_vec()).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    for server in [Running::echo(config(1)), Running::echo(monitored()), asking()] {
        for request in [upgrade.clone(), upgrade.replace("/chat", "/health")] {
            let answer = answer(&server, &request);
            assert!(answer.starts_with("HTTP/1.1 505 ") && answer.contains("uses HTTP/1.1"), "{answer}");
        }
    }
}

#[test]
fn the_application_is_asked_in_http_1_0_too_and_no_100_is_sent() {
    let server = asking();
    for (request, told) in [
        ("GET /a HTTP/1.0\r\n\r\n", "GET /a 0"),
        ("GET /a HTTP/1.0\r\nHost: h:80\r\n\r\n", "GET /a 0"),
        ("POST /a HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "POST /a 3"),
        // RFC 9110 section 10.1.1: the expectation of a 1.0 client is to be ignored.
        ("POST /a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", "POST /a 3"),
        ("OPTIONS / HTTP/1.0\r\n\r\n", "OPTIONS / 0"),
    ] {
        let answer = answer(&server, request);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{request}: {answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{told}")), "{request}: {answer}");
    }
    // RFC 9112 section 6.1: faulty framing.
    let chunked =
        answer(&server, "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    assert!(chunked.starts_with("HTTP/1.1 400 "), "{chunked}");
}

#[test]
fn options_is_a_health_check_where_haproxy_makes_one_of_it() {
    let server = Running::echo(monitored());
    for request in [
        // `option httpchk` by itself, in several versions of HAProxy.
        "OPTIONS / HTTP/1.0\r\n\r\n",
        "OPTIONS / HTTP/1.1\r\nHost: \r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: www\r\n\r\n",
        "OPTIONS /health HTTP/1.0\r\n\r\n",
        "OPTIONS /health/ready HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost:\r\n\r\n",
    ] {
        let answer = answer(&server, request);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{request}: {answer}");
        assert!(answer.ends_with("{\"status\":\"ok\"}\n"), "{request}: {answer}");
    }
    let metrics = answer(&server, "OPTIONS /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(metrics.contains("\r\nAllow: GET, HEAD, OPTIONS\r\n"), "{metrics}");
    // Without `health` there is no check to be passed.
    let bare = Running::echo(config(1));
    assert!(answer(&bare, "OPTIONS / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 405 "));
    for request in ["GET * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS *a HTTP/1.1\r\nHost: h\r\n\r\n"] {
        assert!(answer(&server, request).starts_with("HTTP/1.1 400 "), "{request}");
    }
}

#[test]
fn empty_lines_before_a_request_are_passed_over() {
    let server = asking();
    for empty in ["\r\n", "\r\n\r\n", "\r\n\r\n\r\n"] {
        let request = format!("{empty}GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(answer(&server, &request).ends_with("\r\n\r\nGET /a 0"), "{request:?}");
        let request = format!("{empty}HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(answer(&server, &request).ends_with("\r\nContent-Length: 9\r\n\r\n"), "{request:?}");
        let request = format!("{empty}HEAD /\u{e9} HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(answer(&server, &request).ends_with("\r\n\r\n"), "a refusal of HEAD has no body");
        let upgrade = [empty.as_bytes(), HANDSHAKE].concat();
        assert!(handshake(&server, upgrade).starts_with("HTTP/1.1 101 "), "{empty:?}");
    }
    for bad in ["\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "\rGET / HTTP/1.1\r\nHost: h\r\n\r\n", "\r\n GET /"] {
        assert!(answer(&server, bad).starts_with("HTTP/1.1 400 "), "{bad:?}");
    }
    let endless = "\r\n".repeat(20_000);
    assert!(answer(&server, endless).starts_with("HTTP/1.1 431 "));
}

#[test]
fn every_answer_says_when_it_was_made_and_once() {
    let server = asking();
    let full = Running::echo(Config {
        limits: Limits { max_connections_per_address: PerAddress::AtMost(1), ..Limits::default() },
        ..config(1)
    });
    let mut first = full.socket();
    first.write_all(HANDSHAKE).unwrap();
    first.read_exact(&mut [0; 12]).unwrap();
    for (server, request, status) in [
        (&server, &b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n"[..], "200"),
        (&server, b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "200"),
        (&server, b"HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n", "200"),
        (&server, b"GET /a b\r\n\r\n", "400"),
        (&server, b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n", "400"),
        (&server, HANDSHAKE, "101"),
        (&full, HANDSHAKE, "429"),
    ] {
        let head = handshake(server, request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        let dates: Vec<_> = head.lines().filter_map(|line| line.strip_prefix("Date: ")).collect();
        let [date] = dates[..] else { panic!("{dates:?} in {head}") };
        // IMF-fixdate (RFC 9110 section 5.6.7), and in this century.
        assert!(date.len() == 29 && date.ends_with(" GMT") && date.contains(" 20"), "{date}");
    }
}

#[test]
fn a_date_of_the_applications_own_is_left_alone() {
    let interests = Interests { requests: true, drains: true, ..Interests::default() };
    let server = Running::start_for(config(1), interests, PATIENCE, |handle, event| {
        if let Event::Request { id, asked } = event {
            let headers = vec![("date".to_owned(), b"Thu, 01 Jan 1970 00:00:00 GMT".to_vec())];
            let response = Respond { status: 200, body: asked.body.clone(), headers };
            handle.respond(*id, response).unwrap();
        }
    });
    let head = answer(&server, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nDate: me");
    assert_eq!(head.matches("ate: ").count(), 2, "{head}");
    assert!(head.contains("\r\ndate: Thu, 01 Jan 1970"), "{head}");
}

#[test]
fn a_page_without_a_host_of_its_own_connects_if_it_is_listed() {
    let listed = |entries: &[&str]| {
        let entries: Vec<_> = entries.iter().map(|&entry| entry.to_owned()).collect();
        Running::echo(Config { origins: Origins::parse(&entries).unwrap(), ..config(1) })
    };
    let status = |server: &Running, origin: &str| {
        let request = String::from_utf8(HANDSHAKE.to_vec()).unwrap();
        let request = request.replacen("\r\n", &format!("\r\nOrigin: {origin}\r\n"), 1);
        handshake(server, request).split(' ').nth(1).unwrap().to_owned()
    };
    let server = listed(&["https://app.example/", "file://"]);
    assert_eq!(status(&server, "file://"), "101");
    assert_eq!(status(&server, "https://app.example/"), "101");
    assert_eq!(status(&server, "null"), "403");
    assert_eq!(status(&listed(&["null"]), "null"), "101");
    assert_eq!(status(&listed(&["null"]), "file://"), "403");
}

/// What the log lines with this text have under `status` and `raise`.
fn logged(seen: &[Event], text: &str) -> Vec<[String; 2]> {
    let lines = seen.iter().filter_map(|event| match event {
        Event::Log(record) if record.message.contains(text) => Some(&record.context),
        _ => None,
    });
    let value = |context: &[(String, String)], name: &str| {
        context.iter().find(|(found, _)| *found == name).map(|(_, value)| value.clone()).unwrap()
    };
    lines.map(|context| ["status", "raise"].map(|name| value(context, name))).collect()
}

fn with_cookie(length: usize) -> String {
    let head = String::from_utf8(HANDSHAKE.to_vec()).unwrap();
    head.replacen("\r\n\r\n", &format!("\r\nCookie: a={}\r\n\r\n", "c".repeat(length)), 1)
}

#[test]
fn a_head_too_large_is_logged_with_what_to_raise() {
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(5000));
    let many = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(80));
    let heads = [
        (with_cookie(17 << 10), "431", "limits.maxHeadSize"),
        (long_target, "414", "limits.maxHeadSize, a quarter of which the target may have"),
        (many, "431", "limits.maxHeaders"),
    ];
    let server = Running::echo(config(1));
    for (request, status, _) in heads.iter().cycle().take(9) {
        assert!(answer(&server, request).starts_with(&format!("HTTP/1.1 {status} ")));
    }
    let found = server.wait_for("the lines", |seen| {
        Some(logged(seen, "head is larger")).filter(|lines| lines.len() >= heads.len())
    });
    let each = heads.map(|(_, status, raise)| [status, raise].map(str::to_owned));
    assert_eq!(found, each, "and once in ten seconds");
}

#[test]
fn a_login_with_large_cookies_comes_in_where_its_head_may_be_as_large() {
    let limits = Limits { max_head_size: 64_000, max_headers: 100, ..Limits::default() };
    let server = Running::echo(Config { limits, ..config(1) });
    assert!(handshake(&server, with_cookie(60_000)).starts_with("HTTP/1.1 101 "));
    assert!(answer(&server, with_cookie(64_000)).starts_with("HTTP/1.1 431 "));
    let target = |length: usize| {
        let path = format!("/chat?x={}", "1".repeat(length));
        String::from_utf8(HANDSHAKE.to_vec()).unwrap().replacen("/chat?x=1", &path, 1)
    };
    assert!(handshake(&server, target(15_000)).starts_with("HTTP/1.1 101 "));
    assert!(answer(&server, target(17_000)).starts_with("HTTP/1.1 414 "));
    let lines = "A: b\r\n".repeat(90);
    let many = String::from_utf8(HANDSHAKE.to_vec()).unwrap().replacen("Host", &format!("{lines}Host"), 1);
    assert!(handshake(&server, many).starts_with("HTTP/1.1 101 "));
}
