//! Attempts of forgers.

use proptest::prelude::*;

use super::*;

#[test]
fn a_token_that_chooses_no_algorithm_or_another_is_refused() {
    for algorithm in
        ["none", "None", "NONE", "nOnE", "", "HS384", "HS512", "hs256", "RS256", "ES256", "PS256", "EdDSA"]
    {
        for sign in
            [Box::new(|_: &[u8]| Vec::new()) as Box<dyn Fn(&[u8]) -> Vec<u8>>, Box::new(hs256(SECRET))]
        {
            let forged = token(&json!({"alg": algorithm}), &good(), sign);
            assert_eq!(brought(&secret(), &forged), Err(Reason::Algorithm), "{algorithm}");
        }
    }
    for header in [
        json!({}),
        json!({"alg": null}),
        json!({"alg": ["HS256"]}),
        json!({"alg": 1}),
        json!([]),
        json!("HS256"),
    ] {
        assert_eq!(
            brought(&secret(), &token(&header, &good(), hs256(SECRET))),
            Err(Reason::Malformed),
            "{header}"
        );
    }
}

#[test]
fn the_public_key_is_no_secret_to_sign_with() {
    let (rsa, ec) = (rsa(), ec());
    for (public, real) in [
        (public_pem(&rsa), token(&json!({"alg": "RS256"}), &good(), rs256(&rsa))),
        (public_pem(&ec), token(&json!({"alg": "ES256"}), &good(), es256(&ec))),
    ] {
        let options = Jwt::new(JwtKey::Pem(crate::config::Pem::Text(public.clone())));
        assert!(brought(&options, &real).is_ok());
        let der = BASE64.decode(public.lines().nth(1).unwrap().as_bytes()).unwrap();
        for secret in [public.as_bytes(), public.trim().as_bytes(), &der] {
            let forged = token(&json!({"alg": "HS256"}), &good(), hs256(secret));
            assert_eq!(brought(&options, &forged), Err(Reason::Algorithm));
        }
    }
}

#[test]
fn a_signature_by_a_key_that_the_token_brings_along_is_none() {
    let (mine, theirs) = (ec(), ec());
    let options = Jwt::new(JwtKey::Pem(crate::config::Pem::Text(public_pem(&mine))));
    let point = theirs.public_key().as_ref();
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..])});
    for header in [
        json!({"alg": "ES256", "jwk": jwk}),
        json!({"alg": "ES256", "jku": "https://evil.example/keys", "x5u": "https://evil.example/x"}),
        json!({"alg": "ES256", "kid": "../../dev/null"}),
    ] {
        assert_eq!(
            brought(&options, &token(&header, &good(), es256(&theirs))),
            Err(Reason::Signature),
            "{header}"
        );
    }
}

#[test]
fn zeroes_are_no_signature() {
    // As in CVE-2022-21449: r = s = 0 fits every message, if nobody looks.
    let options = Jwt::new(JwtKey::Pem(crate::config::Pem::Text(public_pem(&ec()))));
    for length in [0, 1, 63, 64, 65, 70] {
        let forged = token(&json!({"alg": "ES256"}), &good(), |_| vec![0; length]);
        assert_eq!(brought(&options, &forged), Err(Reason::Signature), "{length}");
    }
}

#[test]
fn extensions_that_must_be_understood_are_not() {
    for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!(null), json!("x")] {
        let forged = token(&json!({"alg": "HS256", "crit": crit, "b64": false}), &good(), hs256(SECRET));
        assert_eq!(brought(&secret(), &forged), Err(Reason::Critical), "{crit}");
    }
}

#[test]
fn what_is_no_compact_token_is_refused() {
    let token = signed(&good());
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    for bad in [
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!("{header}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{token}."),
        format!("{token}.{signature}"),
        format!("{header}.{claims}.{signature}=="),
        format!("{header}.{claims} .{signature}"),
        format!("{header}.{claims}.{signature}\u{e9}"),
        "..".to_owned(),
        "x".to_owned(),
    ] {
        let refused = brought(&secret(), &bad).unwrap_err();
        assert!(matches!(refused, Reason::Malformed | Reason::Signature), "{bad}: {refused}");
    }
}

#[test]
fn a_token_of_more_than_8_kib_is_not_read() {
    let of = |length: usize| {
        let mut claims = good();
        claims["pad"] = json!("x".repeat(length));
        signed(&claims)
    };
    let fitting = of(5900);
    assert!(fitting.len() < 8192 && brought(&secret(), &fitting).is_ok());
    let long = of(6200);
    assert!(long.len() > 8192);
    assert_eq!(brought(&secret(), &long), Err(Reason::TooLong));
}

#[test]
fn json_that_is_nested_without_end_is_refused() {
    let nested = format!("{{\"exp\":{},\"a\":{}{}}}", NOW + 60, "[".repeat(2000), "]".repeat(2000));
    let signed = format!("{}.{}", b64("{\"alg\":\"HS256\"}"), b64(nested));
    let token = format!("{signed}.{}", b64(hs256(SECRET)(signed.as_bytes())));
    assert_eq!(brought(&secret(), &token), Err(Reason::Malformed));
}

#[test]
fn claims_that_are_no_object_of_utf_8_are_refused() {
    for claims in
        [b"[1]".as_slice(), b"[{}]", b"1", b"", b"null", b"{\"exp\":9999999999,\"sub\":\"\xff\"}", b"{} {}"]
    {
        let signed = format!("{}.{}", b64("{\"alg\":\"HS256\"}"), b64(claims));
        let token = format!("{signed}.{}", b64(hs256(SECRET)(signed.as_bytes())));
        assert_eq!(brought(&secret(), &token), Err(Reason::Malformed), "{}", claims.escape_ascii());
    }
}

proptest! {
    #[test]
    fn a_token_with_any_byte_changed_is_refused(at in any::<prop::sample::Index>(), to in 0x21..0x7fu8) {
        let token = signed(&good());
        let at = at.index(token.len());
        let mut bytes = token.clone().into_bytes();
        prop_assume!(bytes[at] != to && to != b'#');
        bytes[at] = to;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert!(brought(&secret(), &changed).is_err(), "{changed}");
        prop_assert!(brought(&secret(), &token).is_ok());
    }

    #[test]
    fn whatever_is_sent_nothing_panics_and_nobody_comes_in(token in "[ -~]{0,200}") {
        prop_assert!(brought(&secret(), &token).is_err());
    }
}
