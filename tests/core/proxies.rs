//! Behind proxies: who the client is, and whose word for it is taken.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    os::unix::net::UnixStream,
    time::Duration,
};

use ferrite::{
    config::{Config, Limits, Listen, PerAddress, TrustedProxies},
    queue::{Event, LogLevel},
};

use crate::harness::{HANDSHAKE, PATIENCE, Running, config, frame, read_frame, wait};

/// A server whose clients come through a proxy that speaks the PROXY protocol.
fn proxied(limits: Limits, trusted: &[&str]) -> Running {
    let trusted: Vec<_> = trusted.iter().map(|&proxy| proxy.to_owned()).collect();
    Running::echo(Config {
        listen: vec![Listen::parse("127.0.0.1:0?proxy_protocol").unwrap()],
        limits,
        trusted_proxies: TrustedProxies::parse(&trusted).unwrap(),
        ..config(1)
    })
}

/// The status of the answer to an upgrade that comes behind `header`; 0 for none.
fn status(socket: &mut TcpStream, header: &[u8], request: &[u8]) -> u16 {
    socket.write_all(header).unwrap();
    // Refused at the header already, the request finds nobody.
    let _ = socket.write_all(request);
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(socket.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
}

/// The addresses that PHP sees, and whether each client came over TLS, in the order of the opens.
fn clients(server: &Running, wanted: usize) -> Vec<(String, bool)> {
    server.wait_for("every open", |seen| {
        let opened: Vec<_> = seen
            .iter()
            .filter_map(|event| match event {
                Event::Open { opened, .. } => opened.request.as_ref(),
                _ => None,
            })
            .map(|request| (request.remote_address().to_owned(), request.secure()))
            .collect();
        (opened.len() == wanted).then_some(opened)
    })
}

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16).to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, body].concat()
}

const V1: &[u8] = b"PROXY TCP4 203.0.113.9 10.0.0.1 56324 443\r\n";
const V4: [u8; 12] = [203, 0, 113, 9, 10, 0, 0, 1, 0xdc, 0x04, 0x01, 0xbb];

fn with_header(line: &str) -> Vec<u8> {
    let head = String::from_utf8(HANDSHAKE.to_vec()).unwrap();
    head.replacen("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"), 1).into_bytes()
}

#[test]
fn a_proxy_header_names_the_client() {
    let server = proxied(Limits::default(), &[]);
    let unix = [b'x'; 216];
    let tls = [&V4[..], &[0x20, 0, 5, 1, 0, 0, 0, 0]].concat();
    let v6 = [&[0x20, 1, 0xd, 0xb8][..], &[0; 32]].concat();
    let headers: [(&[u8], &str, bool); 8] = [
        (V1, "203.0.113.9", false),
        (b"PROXY TCP6 2001:db8::9 ::1 56324 443\r\n", "2001:db8::9", false),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1", false),
        (&v2(0x21, 0x11, &V4), "203.0.113.9", false),
        (&v2(0x21, 0x21, &v6), "2001:db8::", false),
        (&v2(0x21, 0x31, &unix), "unix:", false),
        (&v2(0x20, 0x00, b""), "127.0.0.1", false),
        (&v2(0x21, 0x11, &tls), "203.0.113.9", true),
    ];
    let certificate =
        [&V4[..], &[0x20, 0x1f, 0x48, 1, 0, 0, 0, 0, 0x28, 0x1f, 0x40], &[b'c'; 8000][..]].concat();
    let (certificate, longest) = (v2(0x21, 0x11, &certificate), v2(0x20, 0x00, &[0; 65_535]));
    let headers = headers
        .into_iter()
        .chain([(&certificate[..], "203.0.113.9", true), (&longest[..], "127.0.0.1", false)]);
    let mut sockets = Vec::new();
    for (opened, (header, address, secure)) in headers.enumerate() {
        let mut socket = server.socket();
        assert_eq!(status(&mut socket, header, HANDSHAKE), 101);
        socket.write_all(&frame(0x81, b"hello")).unwrap();
        assert_eq!(read_frame(&mut socket), Some((0x81, b"hello".to_vec())));
        assert_eq!(clients(&server, opened + 1).last(), Some(&(address.to_owned(), secure)));
        sockets.push(socket);
    }
}

#[test]
fn a_proxy_header_may_come_byte_by_byte_and_together_with_what_follows() {
    let server = proxied(Limits::default(), &[]);
    for header in [V1, &v2(0x21, 0x11, &V4)] {
        for at_once in [false, true] {
            let mut socket = server.socket();
            if at_once {
                socket.write_all(&[header, HANDSHAKE, &frame(0x81, b"early")].concat()).unwrap();
                assert_eq!(status(&mut socket, b"", b""), 101);
                assert_eq!(read_frame(&mut socket), Some((0x81, b"early".to_vec())));
            } else {
                for byte in header {
                    socket.write_all(&[*byte]).unwrap();
                    // Lets the server see the bytes one by one, most of the time.
                    std::thread::sleep(Duration::from_millis(1));
                }
                assert_eq!(status(&mut socket, b"", HANDSHAKE), 101);
            }
        }
    }
    assert!(clients(&server, 4).iter().all(|(address, _)| address == "203.0.113.9"));
}

#[test]
fn a_connection_without_a_proxy_header_is_closed_at_once_counted_and_logged_once() {
    let server = proxied(Limits { handshake_timeout: Duration::from_secs(600), ..Limits::default() }, &[]);
    let wrong: [&[u8]; 5] =
        [HANDSHAKE, b"\x16\x03\x01", b"PROXY TCP4 a b 1 2\r\n", b"PROXY\n", b"\r\n\r\n\0\r\nQUIT\n\x21\xff"];
    let wrong_count = wrong.len() - 1;
    for (place, bytes) in wrong.into_iter().enumerate() {
        let mut socket = server.socket();
        if place < wrong_count {
            assert_eq!(status(&mut socket, bytes, b""), 0);
        } else {
            // Half a header and no more: not refused, but given up.
            socket.write_all(bytes).unwrap();
            socket.shutdown(Shutdown::Write).unwrap();
            assert_eq!(socket.read(&mut [0; 16]).unwrap(), 0);
        }
    }
    let counters = &server.hub.counters[0];
    wait("the counters", || (counters.proxy_headers_refused.get() == 4).then_some(()));
    wait("the counters", || (counters.handshakes_failed.get() == 1).then_some(()));
    let logged = server.wait_for("the log line", |seen| {
        let lines: Vec<_> = seen
            .iter()
            .filter_map(|event| match event {
                Event::Log(record) => Some(record.clone()),
                _ => None,
            })
            .collect();
        (!lines.is_empty()).then_some(lines)
    });
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert_eq!(logged[0].level, LogLevel::Warning);
    assert!(logged[0].message.contains("did not begin with a PROXY header"), "{logged:?}");
    assert!(logged[0].context.iter().any(|(key, value)| key == "peer" && value == "127.0.0.1"));
    assert_eq!(server.hub.open_connections(), 0);
}

#[test]
fn a_proxy_header_that_does_not_come_is_cut_at_the_handshakes_deadline() {
    let limits = Limits { handshake_timeout: Duration::from_millis(200), ..Limits::default() };
    let server = proxied(limits, &[]);
    for bytes in [&b""[..], b"PROXY TCP4 203.0.113.9 10.0.0", &v2(0x21, 0x11, &V4)[..20]] {
        let mut socket = server.socket();
        socket.write_all(bytes).unwrap();
        assert!(matches!(socket.read(&mut [0; 1]), Ok(0) | Err(_)), "the deadline passed");
    }
    wait("the counter", || (server.hub.counters[0].handshakes_failed.get() == 3).then_some(()));
}

#[test]
fn limits_by_address_count_whom_the_proxy_header_names_and_not_the_proxy() {
    let limits = Limits { max_connections_per_address: PerAddress::AtMost(1), ..Limits::default() };
    let server = proxied(limits, &[]);
    let other = b"PROXY TCP4 203.0.113.10 10.0.0.1 1 443\r\n";
    let mut first = server.socket();
    let mut second = server.socket();
    assert_eq!(status(&mut first, V1, HANDSHAKE), 101);
    assert_eq!(status(&mut server.socket(), V1, HANDSHAKE), 429);
    assert_eq!(status(&mut second, other, HANDSHAKE), 101);
    let local = v2(0x20, 0x00, b"");
    let mut health = [server.socket(), server.socket()];
    assert!(health.iter_mut().all(|socket| status(socket, &local, HANDSHAKE) == 101));
    drop(first);
    wait("the place of the first", || (status(&mut server.socket(), V1, HANDSHAKE) == 101).then_some(()));
}

#[test]
fn forwarded_headers_are_believed_from_whom_the_proxy_header_names_if_that_is_a_trusted_proxy() {
    let server = proxied(Limits::default(), &["203.0.113.9"]);
    let request = with_header("X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https");
    let other = b"PROXY TCP4 203.0.113.10 10.0.0.1 1 443\r\n";
    let mut sockets = [server.socket(), server.socket()];
    assert_eq!(status(&mut sockets[0], V1, &request), 101);
    assert_eq!(clients(&server, 1)[0], ("198.51.100.7".to_owned(), true));
    assert_eq!(status(&mut sockets[1], other, &request), 101);
    assert_eq!(clients(&server, 2)[1], ("203.0.113.10".to_owned(), false));
}

#[test]
fn forwarded_headers_over_a_unix_socket_are_believed_if_unix_sockets_are_trusted() {
    let folder = std::env::temp_dir().join(format!("ferrite-proxies-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("a.sock");
    for (trusted, query, address) in [
        (&[][..], "", "unix:"),
        (&["127.0.0.1"], "", "unix:"),
        (&["unix:"], "", "198.51.100.7"),
        (&[], "?proxy_protocol", "203.0.113.9"),
        (&["unix:"], "?proxy_protocol", "203.0.113.9"),
    ] {
        let trusted: Vec<_> = trusted.iter().map(|&proxy: &&str| proxy.to_owned()).collect();
        let server = Running::echo(Config {
            listen: vec![Listen::parse(&format!("unix://{}{query}", path.display())).unwrap()],
            trusted_proxies: TrustedProxies::parse(&trusted).unwrap(),
            ..config(1)
        });
        let mut socket = UnixStream::connect(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        if !query.is_empty() {
            socket.write_all(V1).unwrap();
        }
        socket.write_all(&with_header("X-Forwarded-For: 192.0.2.1, 198.51.100.7")).unwrap();
        assert_eq!(clients(&server, 1)[0].0, address, "{trusted:?} {query}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
