//! The request head: the same answer for all cuts, and an upgrade only for a valid handshake.
//!
//! Input: options (1: origins, 2: proxies, 4: compression, 8: small limits, 16: TLS), cuts, the bytes.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use base64::{
    Engine,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use ferrite::{
    config::{Compression, Origins, TrustedProxies},
    http::{
        HeadLimits, HeadReader, HttpRefusal, Peer, Upgrade, UpgradeRules, parse_upgrade, switching_protocols,
    },
};
use ferrite_fuzz::{Cuts, Input, response::Response};
use libfuzzer_sys::fuzz_target;
use sha1::{Digest, Sha1};

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let options = input.byte();
    let cuts = input.cuts();
    let bytes = input.rest();
    let limits = match options & 8 {
        0 => HeadLimits::default(),
        _ => HeadLimits { max_head: 200, max_headers: 6, max_target: 40, ..HeadLimits::default() },
    };

    let found = HeadReader::new().advance(bytes, &limits);
    assert_eq!(as_it_arrives(bytes, cuts, &limits), found);
    let length = match found {
        Ok(Some(length)) => length,
        Ok(None) => return assert!(bytes.len() <= limits.max_head, "waits for more than may come"),
        Err(refusal) => {
            assert_eq!(judge(bytes, options, &limits).unwrap_err(), refusal);
            return check_refusal(&refusal);
        }
    };
    assert!(length <= limits.max_head && bytes[..length].ends_with(b"\r\n\r\n"));
    let head = &bytes[..length];
    assert!(judge(&head[..length - 1], options, &limits).is_err(), "half a head is none");
    match judge(head, options, &limits) {
        Err(refusal) => check_refusal(&refusal),
        Ok(upgrade) => check_upgrade(&upgrade, head),
    }
});

/// The first answer that is not "more", or that there is none.
fn as_it_arrives(bytes: &[u8], cuts: Cuts, limits: &HeadLimits) -> Result<Option<usize>, HttpRefusal> {
    let mut reader = HeadReader::new();
    for end in cuts.ends(bytes) {
        let found = reader.advance(&bytes[..end], limits);
        if found != Ok(None) {
            assert_eq!(reader.advance(bytes, limits), found, "what is said once is said again");
            return found;
        }
    }
    Ok(None)
}

fn judge(head: &[u8], options: u8, limits: &HeadLimits) -> Result<Upgrade, HttpRefusal> {
    thread_local! {
        static PARSED: (Origins, TrustedProxies) = (
            Origins::parse(&["https://a.example".into(), "http://*.b.example:81".into()]).unwrap(),
            TrustedProxies::parse(&["10.0.0.0/8".into(), "fd00::/8".into()]).unwrap(),
        );
    }
    PARSED.with(|(listed, proxies)| {
        let peer = Peer { address: Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))), secure: options & 16 != 0 };
        let none = TrustedProxies::default();
        let compression = Compression::default();
        let rules = UpgradeRules {
            origins: if options & 1 != 0 { listed } else { &Origins::SameHost },
            protocols: &SPOKEN.map(String::from),
            trusted_proxies: if options & 2 != 0 { proxies } else { &none },
            compression: (options & 4 != 0).then_some(&compression),
            limits,
        };
        parse_upgrade(head, peer, &rules)
    })
}

fn check_refusal(refusal: &HttpRefusal) {
    let bytes = refusal.to_response(false);
    let response = Response::read(&bytes);
    assert_eq!(response.status, refusal.status());
    assert!(matches!(response.status, 400 | 403 | 405 | 414 | 426 | 431 | 505), "{refusal}");
    response.assert_last();
    assert_eq!(refusal.origin_mismatch().is_some(), response.status == 403);
    if let Some((origin, host)) = refusal.origin_mismatch() {
        assert!(origin.is_ascii() && host.is_ascii() && !origin.contains(char::is_control));
    }
}

fn check_upgrade(upgrade: &Upgrade, head: &[u8]) {
    let mut lines = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut lines);
    assert_eq!(parsed.parse(head), Ok(httparse::Status::Complete(head.len())));
    let request = &upgrade.request;
    assert!(request.headers().eq(parsed.headers.iter().map(|header| (header.name, header.value))));
    let only = |name: &str| {
        let mut found = parsed.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        let value = found.next().map(|header| header.value);
        assert!(value.is_some() && found.next().is_none(), "{name} is there once");
        value.unwrap()
    };
    let has = |name: &str| parsed.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
    // RFC 6455 section 4.2.1.
    assert_eq!((parsed.method, parsed.version), (Some("GET"), Some(1)));
    assert_eq!(only("sec-websocket-version"), b"13");
    only("host");
    assert!(has("upgrade") && has("connection") && !has("transfer-encoding"));
    let key = only("sec-websocket-key");
    // The bits behind the last byte do not count: the RFC's own example has one.
    let lenient = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let lenient = GeneralPurpose::new(&base64::alphabet::STANDARD, lenient);
    assert_eq!(lenient.decode(key).map(|key| key.len()), Ok(16));
    // Section 4.2.2.
    let hash = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    assert_eq!(upgrade.accept_key[..], *base64::engine::general_purpose::STANDARD.encode(hash).as_bytes());
    if let Some(protocol) = &upgrade.protocol {
        assert!(SPOKEN.contains(&protocol.as_str()) && request.protocols().any(|offer| offer == protocol));
    }
    assert!(request.path().starts_with('/') && request.path().is_ascii());
    assert!(!request.path().contains('?') && request.query_string().is_ascii());
    let target = parsed.path.unwrap();
    assert!(target.ends_with(request.query_string()));
    assert!(request.remote_address().parse::<IpAddr>().is_ok(), "{}", request.remote_address());
    assert!(request.memory() <= 512 + 3 * head.len());

    let mut bytes = Vec::new();
    let (protocol, deflate) = (upgrade.protocol.as_deref(), upgrade.deflate.as_ref());
    switching_protocols(&mut bytes, &upgrade.accept_key, protocol, deflate, &[]);
    let response = Response::read(&bytes);
    assert_eq!((response.status, response.rest), (101, &b""[..]));
    assert_eq!(response.header("sec-websocket-accept"), Some(&upgrade.accept_key[..]));
    assert_eq!(response.header("sec-websocket-protocol"), protocol.map(str::as_bytes));
    assert_eq!(response.header("sec-websocket-extensions").is_some(), deflate.is_some());
}

const SPOKEN: [&str; 2] = ["chat", "v2.chat"];
