//! Options that cross to another process.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::PathBuf, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::serde_tests::{bytes, check_any, check_broken, read};

const SECRET: &[u8] = b"correct horse battery staple, and more";

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

/// A path that is not UTF-8.
fn path() -> PathBuf {
    OsStr::from_bytes(b"/etc/\xff.pem").into()
}

fn auth() -> Vec<Auth> {
    let keys = [
        JwtKey::Secret(Secret::new(SECRET)),
        JwtKey::Pem(Pem::Text("-----BEGIN".to_owned())),
        JwtKey::Pem(Pem::File(path())),
        JwtKey::Jwks(path()),
    ];
    let jwt = keys.map(|key| Jwt {
        audience: texts(&["a", "b"]),
        issuer: Some("i".to_owned()),
        leeway: Duration::new(1, 5),
        require_expiry: false,
        close_on_expiry: false,
        user_claim: None,
        cookie: Some("c".to_owned()),
        ..Jwt::new(key)
    });
    let application = Application { key: "k".to_owned(), secret: Secret::new(SECRET), authorize_open: true };
    let app_keys = AppKeys { applications: vec![application] };
    jwt.into_iter().map(Auth::Jwt).chain([Auth::AppKeys(app_keys)]).collect()
}

/// Options of which none has its default, so that none can be left out unseen.
fn config() -> Config {
    let listen =
        ["wss://[::1]:8443?proxy_protocol", "ws://h:1", "unix:///run/a.sock", "systemd", "systemd:a"];
    Config {
        listen: listen.iter().map(|text| Listen::parse(text).unwrap()).collect(),
        tls: vec![Tls { certificate: path(), key: "/k".into(), client_ca: Some(path()) }],
        limits: Limits {
            max_connections_per_address: PerAddress::AtMost(7),
            connect_rate_per_address: PerAddress::Off,
            send_timeout: None,
            slow_consumer: SlowConsumer::DropOldest,
            message_rate: Some(0.5),
            ..Limits::default()
        },
        heartbeat: Heartbeat { interval: None, timeout: Duration::from_millis(1) },
        compression: Some(Compression { level: 9, ..Compression::default() }),
        origins: Origins::parse(&texts(&[
            "https://*.chat.example",
            "null",
            "file://",
            "capacitor://localhost",
        ]))
        .unwrap(),
        protocols: texts(&["v2.chat", "v1.chat"]),
        trusted_proxies: TrustedProxies::parse(&texts(&["10.0.0.0/8", "fd00::/8", "unix:"])).unwrap(),
        health: Some("/health".to_owned()),
        metrics: Some(Metrics::parse("http://[::1]:9090/metrics").unwrap()),
        control: Control::parse(&texts(&["unix:///c", "https://k:hunter2hunter2hunter2@h:1"])).unwrap(),
        auth: auth(),
        #[cfg(feature = "gomoob")]
        protocol: Some(Protocol::Gomoob(Gomoob { legacy: true, parses: true, authorizes: true })),
        #[cfg(not(feature = "gomoob"))]
        protocol: None,
        io_threads: 3,
    }
}

#[test]
fn options_come_out_of_their_bytes_as_they_went_in() {
    for config in [Config::default(), config()] {
        let written = bytes(&config);
        let again: Config = read(&written).unwrap();
        assert_eq!(format!("{again:?}"), format!("{config:?}"));
        // Also the secrets, which the text above does not show.
        assert_eq!(bytes(&again), written);
    }
}

#[test]
fn a_secret_crosses_and_no_dump_shows_it_there() {
    let again: Config = read(&bytes(&config())).unwrap();
    let [Auth::Jwt(Jwt { key: JwtKey::Secret(secret), .. }), ..] = &*again.auth else { panic!("{again:?}") };
    assert_eq!(secret.bytes(), SECRET);
    assert_eq!(again.control[1].keys[0].secret.bytes(), b"hunter2hunter2hunter2");
    let dump = format!("{again:?}");
    assert!(!dump.contains("hunter2") && !dump.contains("horse") && !dump.contains("99, 111"), "{dump}");
}

#[test]
fn broken_bytes_of_options_are_an_error_or_other_options() {
    check_broken::<Config>(&bytes(&config()));
}

proptest! {
    #[test]
    fn any_bytes_are_options_or_an_error(any in prop::collection::vec(any::<u8>(), 0..300)) {
        check_any::<Config>(&any);
    }
}
