//! The examples of RFC 7515, appendix A, with the RFC's own keys.

use super::*;

const PAYLOAD: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
/// Before the examples' token expires.
const THEN: u64 = 1_300_819_000;

fn judged(key: JwtKey, header: &str, signature: &str) -> Result<Accepted, Reason> {
    let authenticator = authenticator(&[Auth::Jwt(Jwt::new(key))]);
    let request = request(&format!("/?token={header}.{PAYLOAD}.{signature}"), "");
    authenticator.authenticate(&request, at(THEN)).map_err(|refused| refused.reason().clone())
}

fn is_joes(accepted: &Accepted) {
    let claims: Value = serde_json::from_str(&accepted.identity.claims).unwrap();
    assert_eq!(claims, json!({"iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": true}));
    assert_eq!(accepted.until, Some(Duration::from_secs(1_300_819_410)));
}

#[test]
fn a_1_hs256() {
    let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let key = JwtKey::Secret(Secret::new(&BASE64URL_NOPAD.decode(key.as_bytes()).unwrap()));
    let header = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9";
    is_joes(&judged(key.clone(), header, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap());
    // The same signature, written with a bit that stands for nothing.
    let other = judged(key, header, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl");
    assert_eq!(other, Err(Reason::Malformed));
}

#[test]
fn a_2_rs256() {
    let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let file = File::jwks("a2", &[json!({"kty": "RSA", "n": n, "e": "AQAB"})]);
    let key = JwtKey::Jwks(file.0.clone());
    is_joes(&judged(key, "eyJhbGciOiJSUzI1NiJ9", signature).unwrap());
}

#[test]
fn a_3_es256() {
    let key = json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let file = File::jwks("a3", &[key]);
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    is_joes(&judged(JwtKey::Jwks(file.0.clone()), "eyJhbGciOiJFUzI1NiJ9", signature).unwrap());
}

#[test]
fn a_5_without_a_signature() {
    let key = JwtKey::Secret(Secret::new(SECRET));
    assert_eq!(judged(key, "eyJhbGciOiJub25lIn0", ""), Err(Reason::Algorithm));
}
