//! Keys from files: which are taken, which are refused, and what happens when a file changes.

use std::fs;

use super::*;
use crate::config::Pem;

fn jwk(id: Option<&str>, key: &EcdsaKeyPair) -> Value {
    let point = key.public_key().as_ref();
    let mut jwk = json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..])});
    if let Some(id) = id {
        jwk["kid"] = json!(id);
    }
    jwk
}

fn by(id: Option<&str>, key: &EcdsaKeyPair) -> String {
    let mut header = json!({"alg": "ES256"});
    if let Some(id) = id {
        header["kid"] = json!(id);
    }
    token(&header, &good(), es256(key))
}

fn refused(key: JwtKey) -> String {
    Authenticator::new(&[Auth::Jwt(Jwt::new(key))], rules()).unwrap_err().to_string()
}

#[test]
fn a_pem_may_be_text_or_a_file_and_nothing_but_a_public_key() {
    let (rsa, ec) = (rsa(), ec());
    let pem_of = |text: &str| Jwt::new(JwtKey::Pem(Pem::Text(text.to_owned())));
    assert!(brought(&pem_of(&public_pem(&ec)), &by(Some("any"), &ec)).is_ok());
    let rs = token(&json!({"alg": "RS256"}), &good(), rs256(&rsa));
    assert!(brought(&pem_of(&public_pem(&rsa)), &rs).is_ok());
    let file = File::new("pem", &public_pem(&ec));
    assert!(brought(&Jwt::new(JwtKey::Pem(Pem::File(file.0.clone()))), &by(None, &ec)).is_ok());

    let private = pem("PRIVATE KEY", ec.to_pkcs8v1().unwrap().as_ref());
    let told = refused(JwtKey::Pem(Pem::Text(private.clone())));
    assert!(told.starts_with("jwt.publicKey: is a private key") && told.contains("-pubout"), "{told}");
    assert!(!told.contains(private.lines().nth(1).unwrap()));
    for (text, why) in [
        (pem("CERTIFICATE", b"x"), "is a certificate"),
        (pem("PUBLIC KEY", b"x"), "is neither"),
        ("nonsense".to_owned(), "is not a public key in PEM form"),
        (String::new(), "is not a public key in PEM form"),
    ] {
        assert!(refused(JwtKey::Pem(Pem::Text(text))).contains(why), "{why}");
    }
    let p384 = EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    assert!(refused(JwtKey::Pem(Pem::Text(public_pem(&p384)))).contains("is neither"));
    let absent = refused(JwtKey::Pem(Pem::File("/nonexistent/key.pem".into())));
    assert!(absent.starts_with("jwt.publicKey: /nonexistent/key.pem cannot be read"), "{absent}");
}

#[test]
fn a_set_has_keys_by_name_and_those_for_others_are_left_out() {
    let (a, b, unnamed) = (ec(), ec(), ec());
    let file = File::jwks(
        "set",
        &[
            json!({"kty": "oct", "k": b64(SECRET), "kid": "s", "alg": "HS256"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "o"}),
            json!("nonsense"),
            {
                let mut other = jwk(Some("enc"), &a);
                other["use"] = json!("enc");
                other
            },
            {
                let mut other = jwk(Some("alg"), &a);
                other["alg"] = json!("ES384");
                other
            },
            jwk(Some("a"), &a),
            jwk(Some("b"), &b),
            jwk(None, &unnamed),
        ],
    );
    let options = Jwt::new(JwtKey::Jwks(file.0.clone()));
    assert!(brought(&options, &by(Some("a"), &a)).is_ok());
    assert!(brought(&options, &by(Some("b"), &b)).is_ok());
    assert!(brought(&options, &by(Some("c"), &unnamed)).is_ok(), "the one without a name is anybody's");
    assert_eq!(brought(&options, &by(Some("b"), &a)), Err(Reason::Signature));
    for other in ["enc", "alg"] {
        assert_eq!(brought(&options, &by(Some(other), &a)), Err(Reason::Signature), "{other}");
    }
    assert_eq!(brought(&options, &by(None, &a)), Err(Reason::UnknownKey), "several might be meant");
    let symmetric = token(&json!({"alg": "HS256", "kid": "s"}), &good(), hs256(SECRET));
    assert_eq!(brought(&options, &symmetric), Err(Reason::Algorithm));
}

#[test]
fn a_name_that_several_keys_have_means_none_of_them() {
    let (a, b) = (ec(), ec());
    let file = File::jwks("twice", &[jwk(Some("a"), &a), jwk(Some("a"), &b)]);
    let options = Jwt::new(JwtKey::Jwks(file.0.clone()));
    assert_eq!(brought(&options, &by(Some("a"), &a)), Err(Reason::UnknownKey));
    assert_eq!(brought(&options, &by(Some("x"), &a)), Err(Reason::UnknownKey));
}

#[test]
fn a_set_without_a_usable_key_is_refused_by_its_file() {
    let rsa = json!({"kty": "RSA", "n": b64([0xff; 128]), "e": "AQAB"});
    for (name, text) in [
        ("empty", json!({"keys": []})),
        ("weak", json!({"keys": [rsa]})),
        ("secret", json!({"keys": [{"kty": "oct", "k": b64(SECRET)}]})),
    ] {
        let file = File::new(name, &text.to_string());
        let told = refused(JwtKey::Jwks(file.0.clone()));
        assert!(told.contains(&format!("{} holds no key", file.0.display())), "{told}");
    }
    let told = refused(JwtKey::Jwks(std::env::temp_dir()));
    assert!(told.ends_with(" is no file"), "{told}");
    let file = File::new("large", &format!("{{\"keys\": [], \"x\": \"{}\"}}", "x".repeat(1 << 20)));
    assert!(refused(JwtKey::Jwks(file.0.clone())).contains("at most 1048576 are read"));
    let file = File::new("broken", "{\"keys\": [\"hush\"");
    let told = refused(JwtKey::Jwks(file.0.clone()));
    assert!(told.contains("is no JWKS") && !told.contains("hush"), "{told}");
}

#[test]
fn a_file_that_changes_is_read_again_and_a_broken_one_changes_nothing() {
    let (old, new) = (ec(), ec());
    let file = File::jwks("changing", &[jwk(Some("old"), &old)]);
    let authenticator = authenticator(&[Auth::Jwt(Jwt::new(JwtKey::Jwks(file.0.clone())))]);
    let start = Instant::now();
    let look = |second: u64| authenticator.refresh(start + Duration::from_secs(second));
    let judge = |token: String| judged(&authenticator, &request(&format!("/?token={token}"), "")).map(drop);
    assert!(look(0).is_empty());

    fs::write(&file.0, "{").unwrap();
    assert!(look(4).is_empty(), "too early to look again");
    assert!(look(5)[0].0.is_err());
    assert!(look(10).is_empty(), "what could not be read is tried once");
    assert_eq!(judge(by(Some("old"), &old)), Ok(()));

    fs::write(&file.0, json!({"keys": [jwk(Some("new"), &new)]}).to_string()).unwrap();
    assert_eq!(judge(by(Some("new"), &new)), Err(Reason::UnknownKey));
    assert!(look(15)[0].0.is_ok());
    assert_eq!(judge(by(Some("new"), &new)), Ok(()));
    assert_eq!(judge(by(Some("old"), &old)), Err(Reason::UnknownKey), "a key that is gone is good no more");

    fs::remove_file(&file.0).unwrap();
    assert!(look(20)[0].0.is_err());
    assert_eq!(judge(by(Some("new"), &new)), Ok(()));
}
