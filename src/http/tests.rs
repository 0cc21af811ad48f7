//! Handshakes at the module's face: a head goes in, an upgrade or an answer comes out.

use proptest::prelude::*;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::*;
use crate::config::{Origins, TrustedProxies};

const SAMPLE: &str = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://server.example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";

fn judge(head: impl AsRef<[u8]>) -> Result<Upgrade, HttpRefusal> {
    judge_from(head, Peer { address: Some([203, 0, 113, 9].into()), secure: false }, &Origins::SameHost)
}

fn judge_from(head: impl AsRef<[u8]>, peer: Peer, origins: &Origins) -> Result<Upgrade, HttpRefusal> {
    let protocols = ["superchat".to_owned(), "chat".to_owned()];
    let trusted = TrustedProxies::parse(&["10.0.0.0/8".to_owned()]).unwrap();
    let limits = HeadLimits::default();
    let rules = UpgradeRules {
        origins,
        protocols: &protocols,
        trusted_proxies: &trusted,
        compression: None,
        limits: &limits,
    };
    parse_upgrade(head.as_ref(), peer, &rules)
}

/// The sample of RFC 6455 with one part of it replaced; the part has to be there.
fn with(part: &str, replacement: &str) -> Result<Upgrade, HttpRefusal> {
    assert!(SAMPLE.contains(part), "{part}");
    judge(SAMPLE.replacen(part, replacement, 1))
}

fn status(outcome: Result<Upgrade, HttpRefusal>) -> u16 {
    outcome.unwrap_err().status()
}

#[test]
fn the_sample_of_rfc_6455_is_accepted_with_its_key() {
    let upgrade = judge(SAMPLE).unwrap();
    assert_eq!(&upgrade.accept_key, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(upgrade.request.path(), "/chat");
    assert_eq!(upgrade.request.remote_address(), "203.0.113.9");
    assert_eq!(upgrade.request.header("host"), Some(b"server.example.com".as_slice()));
}

#[test]
fn a_key_whose_last_character_has_bits_that_stand_for_nothing_is_accepted_as_it_stands() {
    // Printed in RFC 6455 section 4.1; its canonical form ends in A==.
    let upgrade = with("dGhlIHNhbXBsZSBub25jZQ==", "AQIDBAUGBwgJCgsMDQ4PEC==").unwrap();
    let expected = derive_accept_key(b"AQIDBAUGBwgJCgsMDQ4PEC==");
    assert_eq!(upgrade.accept_key, expected.as_bytes());
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".chars() {
        assert!(with("jZQ==", &format!("jZ{last}==")).is_ok(), "{last}");
    }
}

#[test]
fn the_first_subprotocol_of_the_client_that_the_server_speaks_is_chosen() {
    assert_eq!(judge(SAMPLE).unwrap().protocol.as_deref(), Some("chat"));
    assert_eq!(with("chat, superchat", "v9,superchat,chat").unwrap().protocol.as_deref(), Some("superchat"));
    assert_eq!(with("chat, superchat", "CHAT, v9").unwrap().protocol, None);
    assert_eq!(with("Sec-WebSocket-Protocol: chat, superchat\r\n", "").unwrap().protocol, None);
    let two_lines = with("chat, superchat", "v9\r\nSec-WebSocket-Protocol: chat").unwrap();
    assert_eq!(two_lines.protocol.as_deref(), Some("chat"));
    assert_eq!(status(with("chat, superchat", "a b")), 400);
}

#[test]
#[allow(clippy::too_many_lines)] // A table of cases.
fn every_fault_has_its_status() {
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    let host = "Host: server.example.com\r\n";
    let upgrade = "Upgrade: websocket\r\n";
    let table = [
        ("GET ", "POST ", 405),
        ("GET ", "HEAD ", 405),
        ("HTTP/1.1", "HTTP/1.0", 505),
        ("HTTP/1.1", "HTTP/2.0", 505),
        (host, "", 400),
        (host, "Host: server.example.com\r\nhost: server.example.com\r\n", 400),
        (host, "Host:\r\n", 400),
        (host, "Host: a, b\r\n", 400),
        (host, "Host: a@b\r\n", 400),
        (host, "Host: \u{e9}\r\n", 400),
        (key, "", 400),
        (key, "Sec-WebSocket-Key:\r\n", 400),
        (
            key,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            400,
        ),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQQ==", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZ===", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZSEh", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j-Q==", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "========================", 400),
        (upgrade, "", 426),
        (upgrade, "Upgrade: h2c\r\n", 426),
        (upgrade, "Upgrade: websockets\r\n", 426),
        ("Connection: Upgrade", "Connection: keep-alive", 400),
        ("Connection: Upgrade", "X: y", 400),
        (version, "", 426),
        (version, "Sec-WebSocket-Version: 8\r\n", 426),
        (version, "Sec-WebSocket-Version: 013\r\n", 426),
        (version, "Sec-WebSocket-Version: 13, 8\r\n", 426),
        (version, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n", 426),
        ("Origin", "Content-Length: 1\r\nOrigin", 400),
        ("Origin", "Content-Length: +0\r\nOrigin", 400),
        ("Origin", "Content-Length: 0\r\nContent-Length: 9\r\nOrigin", 400),
        ("Origin", "Transfer-Encoding: chunked\r\nOrigin", 400),
        ("Origin", "Transfer-Encoding: identity\r\nOrigin", 400),
        ("Origin: http://server.example.com", "Origin: https://evil.example", 403),
        ("Origin: http://server.example.com", "Origin: null", 403),
        ("Origin", "Origin: http://server.example.com\r\nOrigin", 400),
        ("/chat", "*", 400),
        ("/chat", "server.example.com:80", 400),
        ("/chat", "ftp://server.example.com/", 400),
        ("/chat", "http://other.example/", 400),
        ("/chat", "http://a@server.example.com/", 400),
        ("/chat", "/\u{e9}", 400),
        ("/chat", "/chat#top", 400),
        ("chat, superchat", "chat\r\n superchat", 400),
        ("Connection: Upgrade\r\n", "Connection: Upgrade\n", 400),
        ("\r\n\r\n", "\r\n", 400),
        ("\r\n\r\n", "\r\n\r\nmore", 400),
    ];
    for (part, replacement, expected) in table {
        assert_eq!(status(with(part, replacement)), expected, "{replacement:?} for {part:?}");
    }
    assert_eq!(status(with("/chat", &format!("/{}", "a".repeat(4096)))), 414);
    assert_eq!(status(with("Origin", &format!("A: {}\r\nOrigin", "a".repeat(16 * 1024)))), 431);
    assert_eq!(status(with("Origin", &format!("{}Origin", "A: b\r\n".repeat(60)))), 431);
}

#[test]
fn what_is_unusual_but_right_is_accepted() {
    let table = [
        ("Upgrade: websocket", "upgrade: WebSocket"),
        ("Upgrade: websocket", "Upgrade: h2c, websocket"),
        ("Connection: Upgrade", "Connection: keep-alive, UPGRADE"),
        ("Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade"),
        ("Origin: http://server.example.com\r\n", ""),
        ("Origin", "Content-Length: 0\r\nOrigin"),
        ("Origin", "X-Latin: caf\u{e9}\r\nOrigin"),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version:\t13 "),
        ("Sec-WebSocket-Version", "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Version"),
        ("chat, superchat", ""),
        ("GET /chat", "GET /"),
        ("GET /chat", "GET //two?"),
    ];
    for (part, replacement) in table {
        assert!(with(part, replacement).is_ok(), "{replacement:?} for {part:?}");
    }
}

#[test]
fn an_absolute_target_is_reduced_to_its_path() {
    for (target, path, query) in [
        ("http://server.example.com/chat?a=b", "/chat", "a=b"),
        ("WS://SERVER.example.com/chat", "/chat", ""),
        ("wss://server.example.com", "/", ""),
        ("https://server.example.com?a=/b", "/", "a=/b"),
    ] {
        let upgrade = with("/chat", target).unwrap();
        assert_eq!((upgrade.request.path(), upgrade.request.query_string()), (path, query), "{target}");
    }
}

#[test]
fn a_refused_origin_names_both_sides_for_the_log_and_neither_for_the_client() {
    let refusal = with("Origin: http://server.example.com", "Origin: https://\u{e9}vil.example").unwrap_err();
    let mismatch = ("https://\\xc3\\xa9vil.example", "server.example.com");
    assert_eq!(refusal.origin_mismatch(), Some(mismatch));
    let long =
        with("Origin: http://server.example.com", &format!("Origin: {}", "a".repeat(9000))).unwrap_err();
    assert_eq!(long.origin_mismatch().unwrap().0, format!("{}...", "a".repeat(128)));
    let response = String::from_utf8(refusal.to_response(false)).unwrap();
    assert!(response.starts_with("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n"));
    assert!(response.ends_with("\r\n\r\nthis origin may not connect here\n"));
    assert_eq!(with("GET ", "PUT ").unwrap_err().origin_mismatch(), None);
}

#[test]
fn a_refusal_carries_the_headers_that_its_status_demands() {
    let method = "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nConnection: close\r\n\
        Content-Type: text/plain; charset=utf-8\r\nContent-Length: 42\r\n\r\n\
        a WebSocket handshake uses the method GET\n";
    assert_eq!(with("GET ", "POST ").unwrap_err().to_response(false), method.as_bytes());
    let version = "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Connection: close, upgrade\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 35\r\n\r\n\
        the WebSocket version has to be 13\n";
    let answer = with("Version: 13", "Version: 8").unwrap_err().to_response(false);
    assert_eq!(String::from_utf8(answer).unwrap(), version);
}

#[test]
fn a_plain_get_is_told_that_this_is_a_websocket_endpoint() {
    let refusal =
        judge("GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n").unwrap_err();
    assert_eq!(refusal.status(), 426);
    assert!(String::from_utf8(refusal.to_response(false)).unwrap().contains("\r\nUpgrade: websocket\r\n"));
}

#[test]
fn a_trusted_proxy_says_who_the_client_is_and_whether_it_is_secure() {
    let head = SAMPLE
        .replace("http://server", "https://server")
        .replace("Origin", "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\nOrigin");
    let proxy = Peer { address: Some([10, 0, 0, 1].into()), secure: false };
    let request = judge_from(&head, proxy, &Origins::SameHost).unwrap().request;
    assert_eq!((request.remote_address(), request.secure()), ("198.51.100.7", true));
    let request = judge(&head).unwrap().request;
    assert_eq!((request.remote_address(), request.secure()), ("203.0.113.9", false));
    let unix = Peer { address: None, secure: false };
    let request = judge_from(&head, unix, &Origins::SameHost).unwrap().request;
    assert_eq!((request.remote_address(), request.secure()), ("unix:", false));
}

#[test]
fn a_page_that_came_in_the_clear_may_not_use_a_secure_socket_of_the_same_host() {
    let secure = Peer { address: Some([203, 0, 113, 9].into()), secure: true };
    assert_eq!(status(judge_from(SAMPLE, secure, &Origins::SameHost)), 403);
    assert!(judge_from(SAMPLE, secure, &Origins::Any).is_ok());
}

/// Modelled on the heads of these clients, not captured: the real ones are run in tests of the server.
#[test]
fn heads_as_real_clients_write_them_are_accepted() {
    let chrome = "GET /ws?room=1 HTTP/1.1\r\nHost: localhost:8080\r\nConnection: Upgrade\r\nPragma: no-cache\r\n\
        Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
        Chrome/138.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\nOrigin: http://localhost:8080\r\n\
        Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: de,en;q=0.9\r\n\
        Cookie: PHPSESSID=abc; theme=\"dark\"\r\nSec-WebSocket-Key: 4jYqV2gA1T5sHq0nGm0mXw==\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    let firefox = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) \
        Gecko/20100101 Firefox/140.0\r\nAccept: */*\r\nAccept-Language: en-US,en;q=0.5\r\n\
        Accept-Encoding: gzip, deflate, br, zstd\r\nSec-WebSocket-Version: 13\r\nOrigin: http://127.0.0.1:8080\r\n\
        Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\
        Sec-WebSocket-Key: mJ0eHqP3ZkVqQ0sR3B2a0g==\r\nConnection: keep-alive, Upgrade\r\nSec-Fetch-Dest: empty\r\n\
        Sec-Fetch-Mode: websocket\r\nSec-Fetch-Site: same-origin\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\
        Upgrade: websocket\r\n\r\n";
    let npm_ws = "GET / HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Fk2aXqgYq7zJ6c3m8Hn1DA==\r\n\
        Connection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nHost: localhost:8080\r\n\r\n";
    let python_websockets = "GET / HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: 9pYyqBzvGf9m5mN3rC2WQQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
        User-Agent: Python/3.13 websockets/15.0.1\r\n\r\n";
    for head in [chrome, firefox, npm_ws, python_websockets] {
        let upgrade = judge(head).unwrap_or_else(|refusal| panic!("{refusal}: {head}"));
        assert!(upgrade.request.headers().all(|(name, value)| !name.is_empty() && !value.is_empty()));
    }
}

/// Three bytes of the sample replaced, so that most heads fail deep inside, and some pass.
fn nearly_the_sample() -> impl Strategy<Value = Vec<u8>> {
    let hit = prop_oneof![any::<u8>(), prop::sample::select(b"\r\n\t :,?#/[]\"=\0\xff".to_vec())];
    prop::collection::vec((0..SAMPLE.len(), hit), 0..4).prop_map(|hits| {
        let mut head = SAMPLE.as_bytes().to_vec();
        for (at, byte) in hits {
            head[at] = byte;
        }
        head
    })
}

proptest! {
    #[test]
    fn no_bytes_at_all_cause_a_panic(
        bytes in prop_oneof![nearly_the_sample(), prop::collection::vec(any::<u8>(), 0..300)],
    ) {
        match judge(&bytes) {
            Ok(upgrade) => {
                prop_assert!(upgrade.request.path().starts_with('/'));
                prop_assert!(upgrade.request.path().is_ascii() && upgrade.request.query_string().is_ascii());
                prop_assert_eq!(upgrade.accept_key.len(), 28);
            }
            Err(refusal) => {
                prop_assert!((400..=599).contains(&refusal.status()));
                prop_assert!(refusal.to_response(false).ends_with(b"\n"));
            }
        }
    }

    #[test]
    fn forwarded_headers_of_any_bytes_leave_an_address(
        value in "[ -~]{0,60}", name in "(X-Forwarded-For|Forwarded)",
    ) {
        let head = SAMPLE.replace("Origin", &format!("{name}: {value}\r\nOrigin"));
        let proxy = Peer { address: Some([10, 0, 0, 1].into()), secure: false };
        let request = judge_from(head, proxy, &Origins::Any).unwrap().request;
        prop_assert!(request.remote_address().parse::<std::net::IpAddr>().is_ok());
    }

    #[test]
    fn header_values_of_any_bytes_reach_the_request_untouched(
        value in prop::collection::vec(prop_oneof![b'!'..=b'~', 0x80..=0xff_u8], 0..60),
    ) {
        let (before, after) = SAMPLE.split_once("Origin").unwrap();
        let head = [before.as_bytes(), b"X-Any: ", &value, b"\r\nOrigin", after.as_bytes()].concat();
        let request = judge(head).unwrap().request;
        prop_assert_eq!(request.header("x-any"), Some(value.as_slice()));
    }
}
