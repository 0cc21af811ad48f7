//! Keys from files: accepted ones, refused ones, and files that change.

use std::fs;

use aws_lc_rs::signature::{
    ECDSA_P256K1_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaSigningAlgorithm, Ed25519KeyPair, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};

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
    let short = pem("PUBLIC KEY", &BASE64.decode(RSA_1024.as_bytes()).unwrap());
    assert!(refused(JwtKey::Pem(Pem::Text(short))).contains("is neither"));
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
                other["alg"] = json!("ECDH-ES");
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
    for key in [&a, &b, &unnamed] {
        assert!(brought(&options, &by(None, key)).is_ok(), "any of them may sign");
    }
    assert_eq!(brought(&options, &by(None, &ec())), Err(Reason::Signature));
    let symmetric = token(&json!({"alg": "HS256", "kid": "s"}), &good(), hs256(SECRET));
    assert_eq!(brought(&options, &symmetric), Err(Reason::Algorithm));
}

#[test]
fn of_several_keys_with_one_name_each_may_sign_and_no_other() {
    let (a, b, c, rsa) = (ec(), ec(), ec(), rsa());
    let (name, id) = (Some("a"), "a");
    let mut of_rsa = rsa_jwk(&rsa);
    of_rsa["kid"] = json!(id);
    let of_unnamed = |keys: &[Value]| {
        keys.iter()
            .cloned()
            .map(|mut key| {
                key["kid"] = json!(null);
                key
            })
            .collect::<Vec<_>>()
    };
    let keys = [of_rsa, jwk(name, &a), jwk(name, &b), jwk(name, &b)];
    let (named, unnamed) = (File::jwks("named", &keys), File::jwks("unnamed", &of_unnamed(&keys)));
    for file in [&named, &unnamed] {
        let options = Jwt::new(JwtKey::Jwks(file.0.clone()));
        for token in [by(name, &a), by(name, &b), by(None, &b)] {
            assert!(brought(&options, &token).is_ok());
        }
        let of_rsa = token(&json!({"alg": "RS256", "kid": id}), &good(), rs256(&rsa));
        assert!(brought(&options, &of_rsa).is_ok());
        assert_eq!(brought(&options, &by(name, &c)), Err(Reason::Signature));
    }
    let options = Jwt::new(JwtKey::Jwks(named.0.clone()));
    assert_eq!(brought(&options, &by(Some("x"), &a)), Err(Reason::UnknownKey), "another name is nobody's");
}

#[test]
fn a_set_as_php_writes_it_is_read() {
    // A list with a gap, names that are numbers, padding, and coordinates without their zeroes.
    let key = loop {
        let key = ec();
        if key.public_key().as_ref()[1] == 0 {
            break key;
        }
    };
    let point = key.public_key().as_ref();
    let padded = |bytes: &[u8]| format!("{}=", b64(bytes));
    let jwk =
        json!({"kty": "EC", "crv": "P-256", "kid": 7, "x": b64(&point[2..33]), "y": padded(&point[33..])});
    let file = File::new("php", &json!({"keys": {"2": jwk, "1": "nonsense"}}).to_string());
    let options = Jwt::new(JwtKey::Jwks(file.0.clone()));
    for id in [json!(7), json!("7"), json!(null)] {
        let token = token(&json!({"alg": "ES256", "kid": id}), &good(), es256(&key));
        assert!(brought(&options, &token).is_ok(), "{id}");
    }
}

#[test]
#[allow(clippy::too_many_lines)] // A table of cases.
fn every_registered_algorithm_of_a_known_kind_of_key_is_verified_and_bound_to_its_key() {
    let secret = [b'x'; 64];
    let rsa = rsa();
    let hmac = |kind: hmac::Algorithm| {
        let key = hmac::Key::new(kind, &secret);
        move |signed: &[u8]| hmac::sign(&key, signed).as_ref().to_vec()
    };
    let by_rsa = |encoding: &'static dyn RsaEncoding| {
        let rsa = &rsa;
        move |signed: &[u8]| {
            let mut signature = vec![0; rsa.public_modulus_len()];
            rsa.sign(encoding, &SystemRandom::new(), signed, &mut signature).unwrap();
            signature
        }
    };
    let curve = |signing: &'static EcdsaSigningAlgorithm| EcdsaKeyPair::generate(signing).unwrap();
    let (p256, p384) = (curve(&ECDSA_P256_SHA256_FIXED_SIGNING), curve(&ECDSA_P384_SHA384_FIXED_SIGNING));
    let p521 = curve(&ECDSA_P521_SHA512_FIXED_SIGNING);
    let k256 = curve(&ECDSA_P256K1_SHA256_FIXED_SIGNING);
    let ed = Ed25519KeyPair::generate().unwrap();
    let by_ed = |signed: &[u8]| ed.sign(signed).as_ref().to_vec();
    let ec_jwk = |name: &str, key: &EcdsaKeyPair| {
        let point = &key.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        json!({"kty": "EC", "crv": name, "x": b64(x), "y": b64(y)})
    };
    let ed_jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(ed.public_key().as_ref())});

    type Sign<'a> = Box<dyn Fn(&[u8]) -> Vec<u8> + 'a>;
    let secrets: Vec<(&str, Sign<'_>)> = vec![
        ("HS256", Box::new(hmac(hmac::HMAC_SHA256))),
        ("HS384", Box::new(hmac(hmac::HMAC_SHA384))),
        ("HS512", Box::new(hmac(hmac::HMAC_SHA512))),
    ];
    let of_rsa: Vec<(&str, Sign<'_>)> = vec![
        ("RS256", Box::new(by_rsa(&RSA_PKCS1_SHA256))),
        ("RS384", Box::new(by_rsa(&RSA_PKCS1_SHA384))),
        ("RS512", Box::new(by_rsa(&RSA_PKCS1_SHA512))),
        ("PS256", Box::new(by_rsa(&RSA_PSS_SHA256))),
        ("PS384", Box::new(by_rsa(&RSA_PSS_SHA384))),
        ("PS512", Box::new(by_rsa(&RSA_PSS_SHA512))),
    ];
    let eddsa: Vec<(&str, Sign<'_>)> = vec![("EdDSA", Box::new(by_ed)), ("Ed25519", Box::new(by_ed))];
    let one =
        |name: &'static str, key| -> Vec<(&'static str, Sign<'_>)> { vec![(name, Box::new(es256(key)))] };
    let shared = JwtKey::Secret(Secret::new(&secret));
    let files = &mut Vec::new();
    let kinds = [
        (vec![shared], secrets),
        (both_forms(files, &public_pem(&rsa), rsa_jwk(&rsa)), of_rsa),
        (both_forms(files, &public_pem(&p256), ec_jwk("P-256", &p256)), one("ES256", &p256)),
        (both_forms(files, &public_pem(&p384), ec_jwk("P-384", &p384)), one("ES384", &p384)),
        (both_forms(files, &public_pem(&p521), ec_jwk("P-521", &p521)), one("ES512", &p521)),
        (both_forms(files, &public_pem(&k256), ec_jwk("secp256k1", &k256)), one("ES256K", &k256)),
        (both_forms(files, &public_pem(&ed), ed_jwk), eddsa),
    ];
    let all: Vec<_> = kinds.iter().flat_map(|(_, ways)| ways.iter().map(|(name, _)| *name)).collect();
    for (keys, ways) in &kinds {
        for key in keys {
            let options = Jwt::new(key.clone());
            let authenticator = authenticator(&[Auth::Jwt(options)]);
            let judge = |token: &str| judged(&authenticator, &request(&format!("/?token={token}"), ""));
            for (name, sign) in ways {
                let good = token(&json!({"alg": name}), &good(), sign);
                assert!(judge(&good).is_ok(), "{name}: {:?}", judge(&good));
            }
            // Signed as the key does, under the name of another kind of key.
            for other in all.iter().filter(|other| ways.iter().all(|(name, _)| name != *other)) {
                let confused = token(&json!({"alg": other}), &good(), &ways[0].1);
                assert_eq!(judge(&confused), Err(Reason::Algorithm), "{other}");
            }
            let called_another = token(&json!({"alg": ways[ways.len() - 1].0}), &good(), &ways[0].1);
            assert!(ways.len() < 3 || judge(&called_another) == Err(Reason::Signature));
        }
    }
}

#[test]
fn the_algorithm_that_a_key_in_a_set_names_is_its_only_one() {
    let rsa = rsa();
    let mut key = rsa_jwk(&rsa);
    key["alg"] = json!("PS256");
    let file = File::jwks("only", &[key]);
    let options = Jwt::new(JwtKey::Jwks(file.0.clone()));
    let other = token(&json!({"alg": "RS256"}), &good(), rs256(&rsa));
    assert_eq!(brought(&options, &other), Err(Reason::Algorithm));
}

#[test]
fn a_secret_is_for_the_algorithms_that_it_is_long_enough_for() {
    for (length, algorithms) in [(32, 1), (47, 1), (48, 2), (63, 2), (64, 3)] {
        let secret = vec![b'x'; length];
        let options = Jwt::new(JwtKey::Secret(Secret::new(&secret)));
        let kinds =
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)];
        let accepted = kinds.into_iter().filter(|(name, kind)| {
            let key = hmac::Key::new(*kind, &secret);
            let token =
                token(&json!({"alg": name}), &good(), |signed| hmac::sign(&key, signed).as_ref().to_vec());
            brought(&options, &token).is_ok()
        });
        assert_eq!(accepted.count(), algorithms, "{length} bytes");
    }
}

/// The same key in both forms.
fn both_forms(files: &mut Vec<File>, pem: &str, jwk: Value) -> Vec<JwtKey> {
    let file = File::jwks(&format!("form-{}", files.len()), &[jwk]);
    let path = file.0.clone();
    files.push(file);
    vec![JwtKey::Pem(Pem::Text(pem.to_owned())), JwtKey::Jwks(path)]
}

/// A key of 2048 bits, whose DER (RFC 8017 appendix A.1.1) has the modulus in its middle and then 65537.
fn rsa_jwk(key: &RsaKeyPair) -> Value {
    let modulus = &key.public_key().as_ref()[9..265];
    json!({"kty": "RSA", "n": b64(modulus), "e": "AQAB"})
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

/// A public key of 1024 bits, made for this test.
const RSA_1024: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC0WmFjWA87meFEwcSxJ3eych1p756Ip++vKNEvltSqdB+9DdcxMZP87u7QwDckwivb5cR3PtkejlbXgBrHZTq5vpcPujQ4up8VGPNcW7k3lnafXbK2SocBiT11XkJLGEF8X0DaFMii1zl2FIU8AKa0qJyY4Oj0tUFf0axWZN66BwIDAQAB";
