//! Tokens made here, with keys made here or in RFC 7515, judged as a request brings them.

mod app_keys;
mod attacks;
mod claims;
mod keys;
mod vectors;

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};

use super::{Accepted, Authenticator, Moment, Reason, TraitRules};
use crate::{
    config::{Auth, Jwt, JwtKey, Origins, Secret, TrustedProxies},
    http::{HeadLimits, Peer, Request, UpgradeRules, parse_upgrade, sample},
};

/// A file, gone at the end of the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ferrite-auth-{name}-{}", std::process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn jwks(name: &str, keys: &[Value]) -> Self {
        Self::new(name, &json!({"keys": keys}).to_string())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

const NOW: u64 = 1_800_000_000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn b64(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL_NOPAD.encode(bytes.as_ref())
}

/// A token with that header and those claims, signed by `sign`.
fn token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", b64(signature))
}

fn hs256(secret: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    move |signed| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed).as_ref().to_vec()
}

fn rs256(key: &RsaKeyPair) -> impl Fn(&[u8]) -> Vec<u8> {
    move |signed| {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed, &mut signature).unwrap();
        signature
    }
}

fn es256(key: &EcdsaKeyPair) -> impl Fn(&[u8]) -> Vec<u8> {
    move |signed| key.sign(&SystemRandom::new(), signed).unwrap().as_ref().to_vec()
}

fn rsa() -> RsaKeyPair {
    RsaKeyPair::generate(KeySize::Rsa2048).unwrap()
}

fn ec() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

/// The public half, as files have it.
fn pem(kind: &str, der: &[u8]) -> String {
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", BASE64.encode(der))
}

fn public_pem(
    key: &impl KeyPair<PublicKey: aws_lc_rs::encoding::AsDer<aws_lc_rs::encoding::PublicKeyX509Der<'static>>>,
) -> String {
    pem("PUBLIC KEY", aws_lc_rs::encoding::AsDer::as_der(key.public_key()).unwrap().as_ref())
}

fn good() -> Value {
    json!({"sub": "ann", "exp": NOW + 60})
}

/// A token that is as it should be, with these claims.
fn signed(claims: &Value) -> String {
    token(&json!({"alg": "HS256", "typ": "JWT"}), claims, hs256(SECRET))
}

fn secret() -> Jwt {
    Jwt::new(JwtKey::Secret(Secret::new(SECRET)))
}

fn rules() -> TraitRules {
    TraitRules {
        is_topic: |name| !name.is_empty() && name.is_ascii() && !name.contains(' '),
        is_tag: |name, _| !name.is_empty(),
        max_topics: 3,
        max_tags: 3,
    }
}

fn authenticator(options: &[Auth]) -> Authenticator {
    Authenticator::new(options, rules()).unwrap()
}

/// A handshake for that target, with those header lines.
fn request(target: &str, headers: &str) -> Request {
    let head = sample::handshake(target, headers);
    let rules = UpgradeRules {
        origins: &Origins::default(),
        protocols: &[],
        trusted_proxies: &TrustedProxies::default(),
        compression: None,
        limits: &HeadLimits { max_head: 60_000, max_target: 60_000, ..HeadLimits::default() },
    };
    parse_upgrade(head.as_bytes(), Peer { address: None, secure: false }, &rules).unwrap().request
}

fn at(seconds: u64) -> Moment {
    Moment { wall: Duration::from_secs(seconds), steady: Instant::now() }
}

fn judged(authenticator: &Authenticator, request: &Request) -> Result<Accepted, Reason> {
    authenticator.authenticate(request, at(NOW)).map_err(|refused| refused.reason().clone())
}

/// The outcome for a token in a header.
fn brought(options: &Jwt, token: &str) -> Result<Accepted, Reason> {
    let authenticator = authenticator(&[Auth::Jwt(options.clone())]);
    judged(&authenticator, &request("/", &format!("Authorization: Bearer {token}\r\n")))
}

#[test]
fn a_token_is_found_in_the_header_then_the_query_then_the_cookie() {
    let options = Jwt { cookie: Some("session".into()), ..secret() };
    let authenticator = authenticator(&[Auth::Jwt(options)]);
    let of = |name: &str| signed(&json!({"sub": name, "exp": NOW + 60}));
    let user = |target: &str, headers: &str| {
        judged(&authenticator, &request(target, headers)).map(|accepted| accepted.identity.user.unwrap())
    };
    let (header, query, cookie) = (of("header"), of("query"), of("cookie"));
    let target = format!("/?x=1&token={query}");
    let cookies = format!("Cookie: a=b; session={cookie}\r\n");
    let all = format!("aUTHorization: bEARer   {header} \r\n{cookies}");
    assert_eq!(user(&target, &all).unwrap(), "header");
    assert_eq!(user(&target, &cookies).unwrap(), "query");
    assert_eq!(user("/", &cookies).unwrap(), "cookie");
    assert_eq!(user("/?token=", &cookies).unwrap(), "cookie", "an empty one is none");
    // The first found counts: a bad one is not made good by another.
    assert_eq!(user("/?token=x", &cookies), Err(Reason::Malformed));
    for headers in
        ["", "Authorization: Basic YTpi\r\n", "Authorization: Bearer\r\n", "Cookie: sessions=x\r\n"]
    {
        assert_eq!(user("/?tokens=x", headers), Err(Reason::NoCredential), "{headers}");
    }
    let twice = format!("/?token={query}&token={query}");
    assert_eq!(user(&twice, ""), Err(Reason::GivenTwice));
    let twice = format!("Authorization: Bearer {header}\r\nAuthorization: Bearer {header}\r\n");
    assert_eq!(user("/", &twice), Err(Reason::GivenTwice));
}

#[test]
fn what_is_switched_off_is_not_looked_at() {
    let authenticator = authenticator(&[Auth::Jwt(Jwt { query_parameter: None, ..secret() })]);
    let token = signed(&good());
    let request = request(&format!("/?token={token}"), &format!("Cookie: token={token}\r\n"));
    assert_eq!(judged(&authenticator, &request), Err(Reason::NoCredential));
}

#[test]
fn of_several_ways_in_any_will_do() {
    let other = Jwt::new(JwtKey::Secret(Secret::new(&[b'x'; 32])));
    let authenticator = authenticator(&[Auth::Jwt(other), Auth::Jwt(secret())]);
    let at = |token: &str| judged(&authenticator, &request(&format!("/?token={token}"), ""));
    assert!(at(&signed(&good())).is_ok());
    assert_eq!(at(&signed(&json!({"exp": 1}))), Err(Reason::Signature), "the first reason is told");
    assert_eq!(at(""), Err(Reason::NoCredential));
}

#[test]
fn a_refusal_is_401_with_a_challenge_and_without_what_was_sent() {
    let authenticator = authenticator(&[Auth::Jwt(secret())]);
    let answer = |target: &str| {
        let refused = authenticator.authenticate(&request(target, ""), at(NOW)).unwrap_err();
        String::from_utf8(refused.to_response()).unwrap()
    };
    let nothing = answer("/");
    assert!(nothing.starts_with("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n"), "{nothing}");
    let expired = signed(&json!({"sub": "ann", "exp": 1}));
    let told = answer(&format!("/?token={expired}"));
    assert!(told.contains("WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"), "{told}");
    assert!(told.ends_with("\r\n\r\nthe token has expired\n"), "{told}");
    // To others every bad credential is the same.
    let wrong = answer("/?token=a.b.c");
    assert!(wrong.ends_with("\r\n\r\nthe credential is not valid\n"), "{wrong}");
}

#[test]
fn a_token_in_the_query_is_hidden_from_whoever_looks_later() {
    let authenticator = authenticator(&[Auth::Jwt(secret())]);
    let token = signed(&good());
    let mut request = request(&format!("/?room=1&token={token}"), "");
    authenticator.conceal(&mut request);
    assert_eq!(request.query_string(), format!("room=1&token={}", "*".repeat(token.len())));
}
