//! TLS: which certificate, which clients, and nothing that a client does to it disturbs another.
//!
//! Long because its authority, its clients and its servers are used by every test here.

use std::{
    fs,
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    os::unix::net::UnixStream,
    sync::Arc,
    time::{Duration, Instant},
};

use ferrite::{
    config::{Config, Limits, Listen, Tls},
    queue::{Event, LogLevel},
    runtime::Server,
    tls::{Certificates, Watch},
};
use rustls::{
    ClientConfig, HandshakeKind,
    version::{TLS12, TLS13},
};
use tokio_tungstenite::tungstenite::{Message, WebSocket};

use crate::{
    certificates::{Authority, Made, Secure, begin, client, read_to_end, secured},
    harness::{HANDSHAKE, PATIENCE, Running, config, frame, wait},
};

/// An echo server with these certificates.
fn serving(certificates: &[&Made]) -> Running {
    serving_as(certificates, "127.0.0.1:0", Limits { max_connections: 1000, ..Limits::default() })
}

fn serving_as(certificates: &[&Made], listen: &str, limits: Limits) -> Running {
    Running::echo(Config {
        listen: vec![Listen::parse(listen).unwrap()],
        tls: certificates.iter().map(|made| made.files.clone()).collect(),
        limits,
        ..config(1)
    })
}

fn stat(server: &Running, name: &str) -> u64 {
    let figure = server.hub.figures().into_iter().find(|figure| figure.name == name).unwrap();
    u64::try_from(figure.value).unwrap()
}

fn echo(client: &mut WebSocket<Secure>, text: &str) {
    client.send(Message::text(text)).unwrap();
    assert_eq!(client.read().unwrap().into_text().unwrap(), text);
}

fn shown(stream: &Secure) -> &[u8] {
    &stream.conn.peer_certificates().unwrap()[0]
}

#[test]
fn both_versions_of_tls_are_spoken_and_messages_of_every_size_come_back() {
    let authority = Authority::new();
    let server = serving(&[&authority.make(&["localhost"])]);
    assert!(server.address.starts_with("wss://127.0.0.1:"));
    for version in [&TLS12, &TLS13] {
        let trusting = authority.trusting(&[version], None);
        let mut client = client(&server, &trusting, "localhost");
        assert_eq!(client.get_ref().conn.protocol_version(), Some(version.version));
        for size in [0, 1, 125, 126, 4096, 16_384, 16_385, 65_536, 300_000, 1 << 20] {
            let message = Message::binary(vec![size as u8; size]);
            client.send(message.clone()).unwrap();
            assert!(client.read().unwrap() == message, "{size} bytes");
        }
    }
    let secure = server.wait_for("an open", |seen| {
        seen.iter().find_map(|event| match event {
            Event::Open { opened, .. } => opened.request.as_ref().map(|request| request.secure()),
            _ => None,
        })
    });
    assert!(secure);
    assert_eq!(stat(&server, "ferrite_tls_handshakes_total"), 2);
}

#[test]
fn http_1_1_is_agreed_on_and_nothing_else() {
    let authority = Authority::new();
    let server = serving(&[&authority.make(&["localhost"])]);
    let offering = |protocol: &str| {
        let mut config = ClientConfig::clone(&authority.trusting(&[&TLS13], None));
        config.alpn_protocols = vec![protocol.into()];
        secured(&server, &Arc::new(config), "localhost")
    };
    assert_eq!(offering("http/1.1").unwrap().conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let error = offering("h2").unwrap_err().to_string();
    assert!(error.contains("NoApplicationProtocol"), "{error}");
}

#[test]
fn a_client_is_shown_the_certificate_of_the_name_it_asks_for() {
    let authority = Authority::new();
    let first = authority.make(&["localhost"]);
    let chat = authority.make(&["chat.example", "www.chat.example"]);
    let wild = authority.make(&["*.chat.example"]);
    let server = serving(&[&first, &chat, &wild]);
    let trusting = authority.trusting(&[&TLS13], None);
    for (name, made) in [
        ("localhost", &first),
        ("chat.example", &chat),
        ("www.chat.example", &chat),
        ("eu.chat.example", &wild),
        ("WWW.Chat.Example", &chat),
    ] {
        assert!(shown(&secured(&server, &trusting, name).unwrap()) == &*made.der, "{name}");
    }
    // Nobody has a certificate for these: the client sees the first and refuses it.
    for name in ["other.example", "a.b.chat.example", "127.0.0.1"] {
        let error = secured(&server, &trusting, name).unwrap_err().to_string();
        assert!(error.contains("not valid for name"), "{name}: {error}");
    }
}

#[test]
fn with_a_client_ca_only_clients_with_its_certificate_get_in_and_php_sees_it() {
    let authority = Authority::new();
    let mut own = authority.make(&["localhost"]);
    own.files.client_ca = Some(authority.root_file());
    let server = serving(&[&own]);
    let (known, stranger) = (authority.make(&["device-7"]), Authority::new().make(&["device-7"]));
    for version in [&TLS12, &TLS13] {
        let mut welcome = client(&server, &authority.trusting(&[version], Some(&known)), "localhost");
        echo(&mut welcome, "hello");
        for other in [None, Some(&stranger)] {
            let config = authority.trusting(&[version], other);
            // In version 1.3 the client is done before the server has looked at its certificate.
            let refused = secured(&server, &config, "localhost").and_then(|mut stream| {
                stream.write_all(HANDSHAKE)?;
                stream.read(&mut [0; 16])
            });
            assert!(refused.is_err(), "{refused:?}");
        }
    }
    let shown = server.wait_for("an open", |seen| {
        seen.iter().find_map(|event| match event {
            Event::Open { opened, .. } => opened.request.as_ref()?.client_certificate().map(<[u8]>::to_vec),
            _ => None,
        })
    });
    assert!(shown == *known.der);
    assert_eq!(stat(&server, "ferrite_connections_opened_total"), 2);
    // The last may hear of it before it is counted.
    wait("four refusals", || (stat(&server, "ferrite_tls_failed_total") == 4).then_some(()));
}

#[test]
fn a_session_is_resumed_with_a_ticket() {
    let authority = Authority::new();
    let server = serving(&[&authority.make(&["localhost"])]);
    for (version, resumed) in [(&TLS12, 1), (&TLS13, 2)] {
        let trusting = authority.trusting(&[version], None);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut client = client(&server, &trusting, "localhost");
            echo(&mut client, "what comes behind the ticket");
            let found = client.get_ref().conn.handshake_kind().unwrap();
            // A first handshake of version 1.3 may take one round trip more.
            assert_eq!(found == HandshakeKind::Resumed, kind == HandshakeKind::Resumed, "{found:?}");
        }
        assert_eq!(stat(&server, "ferrite_tls_resumed_total"), resumed);
    }
}

#[test]
fn certificates_are_read_again_without_dropping_a_connection() {
    let authority = Authority::new();
    let made = authority.make(&["localhost"]);
    let server = serving(&[&made]);
    let certificates = server.certificates.clone().unwrap();
    let trusting = authority.trusting(&[&TLS13], None);
    let mut before = client(&server, &trusting, "localhost");
    echo(&mut before, "one");

    let renewed = authority.make(&["localhost"]);
    certificates.reload().unwrap();
    echo(&mut before, "two");
    // Not the client of before, which would resume.
    let trusting = authority.trusting(&[&TLS13], None);
    assert!(shown(&secured(&server, &trusting, "localhost").unwrap()) == &*renewed.der);

    fs::write(&made.files.key, "rubbish").unwrap();
    let error = certificates.reload().unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("tls.key: {} holds no private key", made.files.key.display())),
        "{error}"
    );
    echo(&mut before, "three");
    assert!(shown(&secured(&server, &trusting, "localhost").unwrap()) == &*renewed.der);
}

#[test]
fn files_that_change_are_noticed() {
    let authority = Authority::new();
    let server = serving(&[&authority.make(&["localhost"])]);
    let renewed = authority.make(&["localhost"]);
    wait("the new certificate", || {
        let trusting = authority.trusting(&[&TLS13], None);
        std::thread::sleep(Duration::from_millis(50));
        (shown(&secured(&server, &trusting, "localhost").unwrap()) == &*renewed.der).then_some(())
    });
    let log = |level, text: &str| {
        server.wait_for(text, |seen| {
            let is = |event: &Event| matches!(event, Event::Log(log) if log.level == level && log.message.contains(text));
            seen.iter().any(is).then_some(())
        });
    };
    log(LogLevel::Info, "were read again");
    fs::remove_file(&renewed.files.certificate).unwrap();
    log(LogLevel::Error, "cannot be used; those before stay in use");
}

#[test]
fn a_file_that_is_replaced_right_after_it_was_read_is_noticed_and_a_reload_is_not_done_twice() {
    let authority = Authority::new();
    let certificates = Certificates::load(&[authority.make(&["localhost"]).files]).unwrap();
    authority.make(&["localhost"]);
    let mut watch = Watch::default();
    let looks = [watch.look(&certificates), watch.look(&certificates), watch.look(&certificates)];
    assert_eq!(looks, [None, Some(Ok(())), None]);
    authority.make(&["localhost"]);
    certificates.reload().unwrap();
    assert_eq!([watch.look(&certificates), watch.look(&certificates)], [None, None]);
}

#[test]
fn a_wrong_file_is_an_error_that_names_the_option_and_the_file() {
    let authority = Authority::new();
    let good = authority.make(&["localhost"]).files;
    let other = authority.make(&["other.example"]).files;
    let root = authority.root_file();
    let empty = root.with_file_name("empty.pem");
    fs::write(&empty, "").unwrap();
    let broken = root.with_file_name("broken.pem");
    fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let locked = root.with_file_name("locked.key");
    fs::write(&locked, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
        .unwrap();
    let missing = root.with_file_name("missing.pem");
    for (certificate, key, client_ca, option, file, reason) in [
        (&missing, &good.key, None, "tls.certificate", &missing, "cannot be read: No such file or directory"),
        (&empty, &good.key, None, "tls.certificate", &empty, "holds no certificate in PEM form"),
        (&good.key, &good.key, None, "tls.certificate", &good.key, "holds no certificate in PEM form"),
        (&broken, &good.key, None, "tls.certificate", &broken, "holds a certificate that cannot be used"),
        (&good.certificate, &missing, None, "tls.key", &missing, "cannot be read: No such file or directory"),
        (
            &good.certificate,
            &good.certificate,
            None,
            "tls.key",
            &good.certificate,
            "holds no private key in PEM form",
        ),
        (&good.certificate, &other.key, None, "tls.key", &other.key, "is not the key of the certificate in"),
        (&good.certificate, &locked, None, "tls.key", &locked, "is encrypted; write it decrypted with"),
        (&good.certificate, &good.key, Some(&missing), "tls.clientCa", &missing, "cannot be read"),
        (
            &good.certificate,
            &good.key,
            Some(&broken),
            "tls.clientCa",
            &broken,
            "holds a certificate that cannot be used",
        ),
    ] {
        let tls = Tls { certificate: certificate.clone(), key: key.clone(), client_ca: client_ca.cloned() };
        let error = ferrite::runtime::check_certificate(&tls).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{option}: {} {reason}", file.display())), "{error}");
    }
    assert!(ferrite::runtime::check_certificate(&good).is_ok());
}

#[test]
fn certificates_and_addresses_have_to_fit() {
    let authority = Authority::new();
    let one = authority.make(&["localhost"]).files;
    let check = |listen: &[&str], tls: &[Tls]| {
        let listen = listen.iter().map(|text| Listen::parse(text).unwrap()).collect();
        Config { listen, tls: tls.to_vec(), ..Config::default() }.check().map_err(|error| error.to_string())
    };
    assert_eq!(
        check(&["wss://127.0.0.1:0"], &[]).unwrap_err(),
        "tls: is needed to listen on wss://127.0.0.1:0"
    );
    for plain in [&["ws://127.0.0.1:0"][..], &["unix:///run/a.sock"]] {
        assert!(
            check(plain, std::slice::from_ref(&one))
                .unwrap_err()
                .starts_with("tls: is given, but nothing in listen")
        );
    }
    assert!(check(&["ws://127.0.0.1:0", "127.0.0.1:0"], std::slice::from_ref(&one)).is_ok());
    let other = Tls { client_ca: Some(authority.root_file()), ..one.clone() };
    assert!(check(&["127.0.0.1:0"], &[one, other]).unwrap_err().starts_with("tls: its certificates differ"));
}

#[test]
fn plain_and_secure_addresses_serve_side_by_side() {
    let authority = Authority::new();
    let path = authority.root_file().with_file_name("a.sock");
    let unix = format!("unix://{}", path.display());
    let mut server = Server::start(Config {
        listen: ["127.0.0.1:0", "ws://127.0.0.1:0", &unix].map(|text| Listen::parse(text).unwrap()).to_vec(),
        tls: vec![authority.make(&["localhost"]).files],
        ..config(1)
    })
    .unwrap();
    let addresses = server.addresses().to_vec();
    assert!(addresses[0].starts_with("wss://127.0.0.1:"));
    assert!(addresses[1].starts_with("ws://127.0.0.1:"));
    assert_eq!(addresses[2], format!("ws+{unix}"));
    let mut plain = TcpStream::connect(&addresses[1]["ws://".len()..]).unwrap();
    let mut local = UnixStream::connect(path).unwrap();
    let answers = [&mut plain as &mut dyn Conversation, &mut local].map(|socket| {
        socket.write_all(HANDSHAKE).unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).unwrap();
        answer
    });
    assert_eq!(answers, [*b"HTTP/1.1 101"; 2]);
    drop((server.take_consumer(), server));
}

trait Conversation: Read + Write {}
impl<T: Read + Write> Conversation for T {}

#[test]
fn who_speaks_http_to_a_tls_port_is_told_so() {
    let authority = Authority::new();
    let server = serving(&[&authority.make(&["localhost"])]);
    let mut socket = server.socket();
    socket.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("This port speaks TLS: write wss://"),
        "{answer}"
    );
}

#[test]
fn rubbish_in_place_of_a_handshake_ends_that_connection_alone() {
    let authority = Authority::new();
    let server = serving(&[&authority.make(&["localhost"])]);
    let trusting = authority.trusting(&[&TLS13], None);
    let mut bystander = client(&server, &trusting, "localhost");
    let hello = {
        let mut stream = begin(&server, &trusting, "localhost");
        let mut bytes = Vec::new();
        stream.conn.write_tls(&mut bytes).unwrap();
        bytes
    };
    let long = [b"\x16\x03\x01\xff\xff".as_slice(), &[0; 70_000]].concat();
    let endless: Vec<u8> = (0..64)
        .flat_map(|n| {
            // A message of 16 MiB in many records.
            let body = if n == 0 { b"\x01\xff\xff\xff".to_vec() } else { vec![0; 1000] };
            [&[22, 3, 1, (body.len() >> 8) as u8, body.len() as u8][..], &body].concat()
        })
        .collect();
    let mut changed: Vec<Vec<u8>> = (0..hello.len())
        .step_by(7)
        .map(|at| {
            let mut bytes = hello.clone();
            bytes[at] ^= 0xff;
            bytes
        })
        .collect();
    changed.extend([
        b"\0".to_vec(),
        b"\x16\x03\x01\0\0".to_vec(),
        b"\x15\x03\x01\0\x02\x02\x28".to_vec(),
        long,
        endless,
    ]);
    for bytes in changed {
        let mut socket = server.socket();
        let _ = socket.write_all(&bytes);
        let _ = socket.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
    }
    echo(&mut bystander, "still here");
    wait("the sockets to come back", || (server.hub.open_connections() == 1).then_some(()));
    assert_eq!(stat(&server, "ferrite_panics_total"), 0);
}

#[test]
fn a_stream_may_come_in_pieces_of_any_size() {
    let authority = Authority::new();
    let server = serving(&[&authority.make(&["localhost"])]);
    for version in [&TLS12, &TLS13] {
        let trusting = authority.trusting(&[version], None);
        for piece in [1, 2, 7, 100, 1000] {
            let mut stream = begin(&server, &trusting, "localhost");
            let push = |stream: &mut Secure| {
                let mut bytes = Vec::new();
                while stream.conn.wants_write() {
                    stream.conn.write_tls(&mut bytes).unwrap();
                }
                for part in bytes.chunks(piece) {
                    stream.sock.write_all(part).unwrap();
                }
            };
            while stream.conn.is_handshaking() {
                push(&mut stream);
                if stream.conn.is_handshaking() {
                    stream.conn.read_tls(&mut stream.sock).unwrap();
                    stream.conn.process_new_packets().unwrap();
                }
            }
            // The request, and what comes right behind it.
            stream.conn.writer().write_all(HANDSHAKE).unwrap();
            stream.conn.writer().write_all(&frame(0x81, b"first")).unwrap();
            stream.conn.writer().write_all(&frame(0x82, &[7; 3000])).unwrap();
            push(&mut stream);
            let mut seen = Vec::new();
            let end = [&[0x82, 126][..], &3000_u16.to_be_bytes(), &[7; 3000]].concat();
            while !seen.ends_with(&end) {
                let mut some = [0; 4096];
                let length = stream.read(&mut some).unwrap();
                assert!(length > 0);
                seen.extend_from_slice(&some[..length]);
            }
            assert!(seen.starts_with(b"HTTP/1.1 101 "));
        }
    }
}

#[test]
fn a_handshake_that_dribbles_or_stalls_is_cut_off_at_the_deadline() {
    let authority = Authority::new();
    let limits = Limits { handshake_timeout: Duration::from_millis(400), ..Limits::default() };
    let server = serving_as(&[&authority.make(&["localhost"])], "127.0.0.1:0", limits);
    let trusting = authority.trusting(&[&TLS13], None);
    let mut hello = Vec::new();
    begin(&server, &trusting, "localhost").conn.write_tls(&mut hello).unwrap();
    // Nothing, a part of the first message, and all of it without going on.
    for sent in [0, 1, 5, hello.len() / 2, hello.len()] {
        let mut socket = server.socket();
        let began = Instant::now();
        socket.write_all(&hello[..sent]).unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        assert!(began.elapsed() >= Duration::from_millis(350) && began.elapsed() < PATIENCE);
    }
    // The time counts from the first byte to the end of the request, not anew after TLS.
    let mut stream = secured(&server, &trusting, "localhost").unwrap();
    stream.write_all(b"GET / HT").unwrap();
    assert!(!read_to_end(&mut stream, &mut Vec::new()));
    wait("every one to be counted", || (stat(&server, "ferrite_handshakes_failed_total") >= 6).then_some(()));
}

#[test]
fn of_more_handshakes_than_a_turn_takes_none_is_forgotten() {
    let authority = Authority::new();
    let server = serving(&[&authority.make(&["localhost"])]);
    let trusting = authority.trusting(&[&TLS13], None);
    let mut bystander = client(&server, &trusting, "localhost");
    let mut rush: Vec<_> = (0..100).map(|_| begin(&server, &trusting, "localhost")).collect();
    for stream in &mut rush {
        stream.conn.write_tls(&mut stream.sock).unwrap();
    }
    echo(&mut bystander, "still here");
    for stream in &mut rush {
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
    }
    wait("the last", || (stat(&server, "ferrite_tls_handshakes_total") == 101).then_some(()));
}

#[test]
fn a_close_is_told_in_both_protocols() {
    let authority = Authority::new();
    let server = serving(&[&authority.make(&["localhost"])]);
    let trusting = authority.trusting(&[&TLS13], None);
    let mut stream = secured(&server, &trusting, "localhost").unwrap();
    stream.write_all(HANDSHAKE).unwrap();
    stream.write_all(&frame(0x88, &1000_u16.to_be_bytes())).unwrap();
    let mut seen = Vec::new();
    assert!(read_to_end(&mut stream, &mut seen), "no close_notify");
    assert!(seen.ends_with(&[0x88, 2, 0x03, 0xe8]));
    assert_eq!(wait("the close", || server.closes().first().cloned()).0, 1000);
}

#[test]
fn an_end_without_a_close_frame_is_abnormal_with_close_notify_or_without() {
    let authority = Authority::new();
    let server = serving(&[&authority.make(&["localhost"])]);
    let trusting = authority.trusting(&[&TLS13], None);
    for notify in [true, false] {
        let mut client = client(&server, &trusting, "localhost");
        echo(&mut client, "hello");
        let stream = client.get_mut();
        if notify {
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        } else {
            stream.sock.shutdown(Shutdown::Both).unwrap();
        }
        let closes = 1 + usize::from(!notify);
        wait("the close", || (server.closes().len() == closes).then_some(()));
        assert_eq!(server.closes()[closes - 1].0, 1006);
    }
}

#[test]
fn a_close_notify_is_answered_with_one_wherever_the_connection_is() {
    let authority = Authority::new();
    let server = serving(&[&authority.make(&["localhost"])]);
    for version in [&TLS12, &TLS13] {
        let trusting = authority.trusting(&[version], None);
        // Open, before a request, within one, and with a message that is not whole.
        let part = frame(0x01, b"half");
        for sent in [&[HANDSHAKE, &part].concat()[..], HANDSHAKE, &HANDSHAKE[..40], b""] {
            let mut stream = secured(&server, &trusting, "localhost").unwrap();
            stream.write_all(sent).unwrap();
            if sent.len() >= HANDSHAKE.len() {
                stream.read_exact(&mut [0; 12]).unwrap();
            }
            stream.conn.send_close_notify();
            stream.flush().unwrap();
            let mut rest = Vec::new();
            assert!(read_to_end(&mut stream, &mut rest), "no close_notify after {} bytes", sent.len());
        }
    }
}

#[test]
fn a_server_that_stops_says_goodbye_over_tls_and_leaves_handshakes() {
    let authority = Authority::new();
    let server = serving(&[&authority.make(&["localhost"])]);
    let trusting = authority.trusting(&[&TLS13], None);
    let mut client = client(&server, &trusting, "localhost");
    echo(&mut client, "hello");
    let mut silent = server.socket();
    let mut begun = server.socket();
    let mut hello = Vec::new();
    begin(&server, &trusting, "localhost").conn.write_tls(&mut hello).unwrap();
    begun.write_all(&hello).unwrap();
    begun.read_exact(&mut [0; 5]).unwrap();
    server.tell_stop();
    let Message::Close(Some(close)) = client.read().unwrap() else { panic!("no close frame") };
    assert_eq!(u16::from(close.code), 1001);
    let mut plain = Vec::new();
    silent.read_to_end(&mut plain).unwrap();
    assert!(plain.is_empty(), "HTTP to who expects TLS: {plain:?}");
    let _ = begun.read_to_end(&mut plain);
    let _ = client.flush();
    server.stop();
}

#[test]
fn a_client_that_is_turned_away_gets_an_alert() {
    let authority = Authority::new();
    let limits = Limits { max_connections: 1, ..Limits::default() };
    let server = serving_as(&[&authority.make(&["localhost"])], "127.0.0.1:0", limits);
    let trusting = authority.trusting(&[&TLS13], None);
    let mut first = client(&server, &trusting, "localhost");
    let error = secured(&server, &trusting, "localhost").unwrap_err().to_string();
    assert!(error.contains("InternalError"), "{error}");
    echo(&mut first, "hello");
}

#[test]
fn a_proxy_header_comes_before_the_handshake() {
    let authority = Authority::new();
    let server =
        serving_as(&[&authority.make(&["localhost"])], "wss://127.0.0.1:0?proxy_protocol", Limits::default());
    let trusting = authority.trusting(&[&TLS13], None);
    let mut stream = begin(&server, &trusting, "localhost");
    let header = b"PROXY TCP4 203.0.113.9 10.0.0.1 56324 443\r\n".to_vec();
    let mut hello = header;
    stream.conn.write_tls(&mut hello).unwrap();
    stream.sock.write_all(&hello).unwrap();
    stream.write_all(HANDSHAKE).unwrap();
    stream.read_exact(&mut [0; 12]).unwrap();
    let seen = server.wait_for("an open", |seen| {
        seen.iter().find_map(|event| match event {
            Event::Open { opened, .. } => {
                opened.request.as_ref().map(|request| (request.remote_address().to_owned(), request.secure()))
            }
            _ => None,
        })
    });
    assert_eq!(seen, ("203.0.113.9".to_owned(), true));
}

#[test]
fn a_client_that_does_not_read_is_closed_and_all_that_waits_is_counted() {
    let authority = Authority::new();
    let limits = Limits {
        send_buffer: 256 << 10,
        send_timeout: Some(Duration::from_millis(500)),
        ..Limits::default()
    };
    let server = serving_as(&[&authority.make(&["localhost"])], "127.0.0.1:0", limits);
    let trusting = authority.trusting(&[&TLS13], None);
    let mut slow = client(&server, &trusting, "localhost");
    let mut bystander = client(&server, &trusting, "localhost");
    let message = Message::binary(vec![1; 64 << 10]);
    let began = Instant::now();
    let mut closed = false;
    while !closed && began.elapsed() < PATIENCE {
        let _ = slow.get_mut().sock.set_write_timeout(Some(Duration::from_millis(50)));
        let _ = slow.send(message.clone());
        closed = server.closes().iter().any(|(code, _)| *code == 1013);
    }
    assert!(closed, "{:?}", server.closes());
    echo(&mut bystander, "hello");
}

#[test]
fn what_was_sent_arrives_whole_however_slowly_it_is_read() {
    let authority = Authority::new();
    let limits = Limits { send_buffer: 64 << 20, max_message_size: 16 << 20, ..Limits::default() };
    let server = serving_as(&[&authority.make(&["localhost"])], "127.0.0.1:0", limits);
    let mut client = client(&server, &authority.trusting(&[&TLS13], None), "localhost");
    let message = Message::binary((0..8 << 20).map(|n| (n / 8) as u8).collect::<Vec<_>>());
    client.send(message.clone()).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(client.read().unwrap() == message);
    let mut many = 0;
    for n in 0..2000 {
        client.send(Message::text(format!("{n}"))).unwrap();
        many += 1;
    }
    for n in 0..many {
        assert_eq!(client.read().unwrap().into_text().unwrap(), format!("{n}"));
    }
}

#[test]
fn what_came_before_a_broken_record_never_reaches_another_client() {
    let authority = Authority::new();
    let server = serving(&[&authority.make(&["localhost"])]);
    let trusting = authority.trusting(&[&TLS12, &TLS13], None);
    let mut other = client(&server, &trusting, "localhost");
    for _ in 0..20 {
        let mut broken = client(&server, &trusting, "localhost");
        let stream = broken.get_mut();
        stream.conn.writer().write_all(&frame(0x81, b"injected")).unwrap();
        let mut record = Vec::new();
        stream.conn.write_tls(&mut record).unwrap();
        // The second has the number of the first: it cannot be read, but the first can.
        stream.sock.write_all(&record.repeat(2)).unwrap();
        let _ = stream.sock.read_to_end(&mut Vec::new());
        echo(&mut other, "mine");
    }
}

#[test]
fn records_that_say_nothing_do_not_hold_up_others() {
    let authority = Authority::new();
    let server = serving(&[&authority.make(&["localhost"])]);
    let trusting = authority.trusting(&[&TLS13], None);
    let mut bystander = client(&server, &trusting, "localhost");
    let mut flood = client(&server, &trusting, "localhost");
    let mut bytes = Vec::new();
    for _ in 0..2000 {
        // A record for each byte, of a frame that never ends.
        let connection = &mut flood.get_mut().conn;
        connection.writer().write_all(b"\x82").unwrap();
        connection.write_tls(&mut bytes).unwrap();
    }
    let socket: &mut TcpStream = &mut flood.get_mut().sock;
    let _ = socket.write_all(&bytes);
    echo(&mut bystander, "still here");
}

#[test]
fn key_updates_are_followed_and_a_flood_of_them_ends_the_connection() {
    let authority = Authority::new();
    let server = serving(&[&authority.make(&["localhost"])]);
    let trusting = authority.trusting(&[&TLS13], None);
    let mut client = client(&server, &trusting, "localhost");
    for n in 0..5 {
        client.get_mut().conn.refresh_traffic_keys().unwrap();
        echo(&mut client, &format!("after {n} updates"));
    }
    let mut bystander = crate::certificates::client(&server, &trusting, "localhost");
    let result: io::Result<()> = (0..10_000).try_for_each(|_| {
        client.get_mut().conn.refresh_traffic_keys().map_err(io::Error::other)?;
        client.get_mut().flush()
    });
    let ended = result.is_err() || client.read().is_err();
    assert!(ended);
    echo(&mut bystander, "still here");
}
