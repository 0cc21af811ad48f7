//! Credentials: no client is accepted without a signature, and an accepted client is the user of its claims.
//!
//! Input: options (1: the token is signed for it; 2: in the query; 4: in the cookie; else in the header; 8: the
//! rest is the header's value as it stands), a line with the token's header, its claims.

#![no_main]

use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ferrite::{
    auth::{Authenticator, Moment, TraitRules},
    config::{AppKeys, Application, Auth, Jwt, JwtKey, Origins, Secret, TrustedProxies},
    http::{HeadLimits, Peer, Request, UpgradeRules, parse_upgrade, sample},
    hub::{check_tag, check_topic},
};
use ferrite_fuzz::Input;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    thread_local! {
        static AUTHENTICATOR: Authenticator = authenticator();
    }
    let mut input = Input::new(data);
    let options = input.byte();
    let mut lines = input.rest().splitn(2, |byte| *byte == b'\n');
    let (first, claims) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let token = match options & SIGNED {
        0 => [first, claims].concat(),
        _ => signed(first, claims).into_bytes(),
    };
    let Some(mut request) = request(options, &token) else { return };
    AUTHENTICATOR.with(|authenticator| {
        let now = Moment { wall: Duration::from_secs(NOW), steady: Instant::now() };
        match authenticator.authenticate(&request, now) {
            Ok(accepted) => check(&token, &accepted.identity, accepted.until, options),
            Err(refused) => {
                let answer = refused.to_response();
                assert!(answer.starts_with(b"HTTP/1.1 401 Unauthorized\r\n"));
                let told = refused.reason().to_string();
                assert!(told.is_ascii() && !told.contains("eyJ"), "{told}");
            }
        }
        authenticator.conceal(&mut request);
        let shown = request.query_values("token").chain(request.query_values("secret"));
        shown.for_each(|value| assert!(value.iter().all(|byte| *byte == b'*')));
    });
});

/// An accepted client has the secret of the application, or a token whose claims are as they should be.
fn check(token: &[u8], identity: &ferrite::queue::Identity, until: Option<Duration>, options: u8) {
    if identity.user.as_deref() == Some("app") && &*identity.claims == "{}" {
        assert!(options & RAW != 0 || until.is_none());
        return;
    }
    let text = std::str::from_utf8(token).expect("a token is ASCII").trim();
    let text = text.rsplit(' ').next().unwrap_or_default();
    let (content, signature) = text.rsplit_once('.').expect("three parts");
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("a signature");
    hmac::verify(&key(), content.as_bytes(), &signature).expect("nobody comes in without a signature");
    let (header, claims) = content.split_once('.').expect("two parts");
    let header = object(header);
    assert!(header["alg"] == "HS256" && header.get("crit").is_none(), "{header}");
    assert_eq!(identity.claims.as_bytes(), BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64"));
    let claims = object(claims);
    let number = |name: &str| {
        claims.get(name).filter(|value| !value.is_null()).map(|value| value.as_f64().expect("a number"))
    };
    let end = number("exp").expect("an end");
    assert!(end + LEEWAY > NOW as f64);
    assert!(until.is_none_or(|until| until > Duration::from_secs(NOW)));
    assert!(["nbf", "iat"].iter().all(|name| number(name).is_none_or(|time| time <= NOW as f64 + LEEWAY)));
    assert!(claims.get("aud").is_none_or(names_nobody));
    match (&identity.user, claims.get("sub")) {
        (Some(user), Some(Value::String(name))) => assert_eq!(user, name),
        (Some(user), Some(number)) => assert_eq!(*user, number.to_string()),
        (user, name) => assert!(user.is_none() && name.is_none_or(Value::is_null)),
    }
    assert!(identity.topics.len() <= 4 && identity.tags.len() <= 4);
    assert!(identity.topics.iter().all(|topic| check_topic(topic).is_ok()));
    assert!(identity.tags.iter().all(|(name, value)| check_tag(name, value).is_ok()));
}

/// Decides whether an audience is nothing but nulls, in any array of PHP's.
fn names_nobody(audience: &Value) -> bool {
    match audience {
        Value::Array(names) => names.iter().all(Value::is_null),
        Value::Object(names) => names.values().all(Value::is_null),
        audience => audience.is_null(),
    }
}

fn object(part: &str) -> Value {
    let json = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64");
    let value = serde_json::from_slice::<Value>(&json).expect("JSON");
    assert!(value.is_object());
    value
}

fn signed(header: &[u8], claims: &[u8]) -> String {
    let content =
        format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(claims));
    let signature = hmac::sign(&key(), content.as_bytes());
    format!("{content}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// A handshake with the token in its place, if one can be made of it.
fn request(options: u8, token: &[u8]) -> Option<Request> {
    let (query, name, scheme): (&[u8], &[u8], &[u8]) = match options {
        options if options & RAW != 0 => (b"", b"Authorization", b""),
        options if options & QUERY != 0 => (token, b"X", b""),
        options if options & COOKIE != 0 => (b"", b"Cookie", b"a=b; session="),
        _ => (b"", b"Authorization", b"Bearer "),
    };
    let value = if query.is_empty() { token } else { b"" };
    let head: [&[u8]; 8] =
        [b"GET /?x=1&token=", query, b" HTTP/1.1\r\n", name, b": ", scheme, value, b"\r\n"];
    let head = [&head.concat()[..], sample::HEADERS.as_bytes(), b"\r\n"].concat();
    let rules = UpgradeRules {
        origins: &Origins::Any,
        protocols: &[],
        trusted_proxies: &TrustedProxies::default(),
        compression: None,
        limits: &HeadLimits::default(),
    };
    Some(parse_upgrade(&head, Peer { address: None, secure: false }, &rules).ok()?.request)
}

fn authenticator() -> Authenticator {
    let jwt = Jwt { cookie: Some("session".into()), ..Jwt::new(JwtKey::Secret(Secret::new(SECRET))) };
    let application =
        Application { key: "app".into(), secret: Secret::new(b"secret"), authorize_open: false };
    let rules = TraitRules {
        is_topic: |name| check_topic(name).is_ok(),
        is_tag: |name, value| check_tag(name, value).is_ok(),
        max_topics: 4,
        max_tags: 4,
    };
    let options = [Auth::Jwt(jwt), Auth::AppKeys(AppKeys { applications: vec![application] })];
    Authenticator::new(&options, rules).expect("an authenticator")
}

fn key() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, SECRET)
}

const SIGNED: u8 = 1;
const QUERY: u8 = 2;
const COOKIE: u8 = 4;
const RAW: u8 = 8;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: u64 = 1_800_000_000;
const LEEWAY: f64 = 30.0;
