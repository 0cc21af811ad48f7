//! Applications, from an array and from Gomoob's file.

use super::*;
use crate::{
    auth::{AppKeys, read_app_keys},
    config::{self, Application},
};

fn keys(applications: &[(&str, &str, bool)]) -> config::AppKeys {
    let application = |(key, secret, open): &(&str, &str, bool)| Application {
        key: (*key).to_owned(),
        secret: Secret::new(secret.as_bytes()),
        authorize_open: *open,
    };
    config::AppKeys { applications: applications.iter().map(application).collect() }
}

fn two() -> config::AppKeys {
    keys(&[("app1", "secret one", false), ("app2", "secret two", true)])
}

#[test]
fn only_the_whole_secret_of_a_declared_application_is_right() {
    let keys = AppKeys::new(&two()).unwrap();
    assert!(keys.verify(b"app1", b"secret one") && keys.verify(b"app2", b"secret two"));
    for (key, secret) in [
        ("app1", "secret two"),
        ("app1", "secret on"),
        ("app1", "secret one "),
        ("app1", "Secret one"),
        ("app1", ""),
        ("APP1", "secret one"),
        ("", ""),
        ("nobody", "secret one"),
    ] {
        assert!(!keys.verify(key.as_bytes(), secret.as_bytes()), "{key} {secret}");
    }
    assert!(!format!("{keys:?}").contains("one") && !format!("{:?}", two()).contains("secret one"));
}

#[test]
fn authorize_open_lets_in_by_the_key_alone_but_verifies_nothing() {
    let keys = AppKeys::new(&two()).unwrap();
    assert!(!keys.may_open(b"app1", None) && keys.may_open(b"app1", Some(b"secret one")));
    // As in the original, where the secret is not looked at then.
    assert!(keys.may_open(b"app2", None) && keys.may_open(b"app2", Some(b"wrong")));
    assert!(!keys.may_open(b"nobody", None) && !keys.verify(b"app2", b"wrong"));
}

#[test]
fn of_two_applications_with_one_key_the_last_counts() {
    let keys = AppKeys::new(&keys(&[("a", "first", true), ("a", "last", false)])).unwrap();
    assert!(keys.verify(b"a", b"last") && !keys.verify(b"a", b"first") && !keys.may_open(b"a", None));
}

#[test]
fn a_key_and_secret_come_in_the_query_or_the_header() {
    let authenticator = authenticator(&[Auth::AppKeys(two())]);
    let user = |target: &str, headers: &str| {
        judged(&authenticator, &request(target, headers)).map(|accepted| accepted.identity.user.unwrap())
    };
    let basic = |both: &str| format!("Authorization: Basic {}\r\n", BASE64.encode(both.as_bytes()));
    assert_eq!(user("/?key=app1&secret=secret+one", "").unwrap(), "app1");
    assert_eq!(user("/?secret=secret%20one&x=1&key=%61pp1", "").unwrap(), "app1");
    assert_eq!(user("/", &basic("app1:secret one")).unwrap(), "app1");
    assert_eq!(user("/?key=app2", "").unwrap(), "app2");
    assert_eq!(user("/?key=app1", ""), Err(Reason::Application));
    assert_eq!(user("/?key=app1&secret=wrong", ""), Err(Reason::Application));
    assert_eq!(user("/?key=app1&secret=wrong", &basic("app1:secret one")).unwrap(), "app1");
    assert_eq!(user("/", &basic("app1:secret:one")), Err(Reason::Application));
    assert_eq!(user("/?secret=secret+one", ""), Err(Reason::NoCredential));
    assert_eq!(user("/?key=app1&key=app2&secret=secret+one", ""), Err(Reason::GivenTwice));
    for bad in ["Authorization: Basic !\r\n", &basic("app1")] {
        assert_eq!(user("/", bad), Err(Reason::Header));
    }

    let mut request = request("/?key=app1&secret=secret+one", "");
    authenticator.conceal(&mut request);
    assert_eq!(request.query_string(), "key=app1&secret=**********");
}

#[test]
fn each_way_in_is_named_once_and_an_error_is_told_to_who_has_sent_a_token() {
    let ways = [Auth::Jwt(secret()), Auth::AppKeys(two()), Auth::Jwt(secret())];
    let authenticator = authenticator(&ways);
    let challenges = |target: &str| {
        let refused = authenticator.authenticate(&request(target, ""), at(NOW)).unwrap_err();
        let answer = String::from_utf8(refused.to_response()).unwrap();
        let lines = answer.lines().filter_map(|line| line.strip_prefix("WWW-Authenticate: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    for target in ["/", "/?key=app1&secret=wrong"] {
        assert_eq!(challenges(target), ["Bearer", "Basic realm=\"ferrite\""], "{target}");
    }
    assert_eq!(challenges("/?token=x"), ["Bearer error=\"invalid_token\"", "Basic realm=\"ferrite\""]);
}

#[test]
fn the_file_of_gomoobs_server_is_read() {
    let text = "# who may connect\napplications:\n  - key: application1\n    secret: 7Ux/+=k\n    authorizeOpen: true\n\
                \x20 - {key: 'application2', secret: \"00 7\", authorizeOpen: false, note: more}\nother: 1\n";
    let file = File::new("gomoob", text);
    let keys = AppKeys::new(&read_app_keys(&file.0).unwrap()).unwrap();
    assert!(keys.verify(b"application1", b"7Ux/+=k") && keys.may_open(b"application1", None));
    assert!(keys.verify(b"application2", b"00 7") && !keys.may_open(b"application2", None));
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_the_number_of_the_application() {
    let application = |more: &str| {
        format!("applications:\n  - {{key: a, secret: hush, authorizeOpen: true}}\n  - {{key: b, {more}}}\n")
    };
    for (text, why) in [
        (String::new(), "has no list \"applications\""),
        ("- a".into(), "has no list \"applications\""),
        ("applications: {a: 1}".into(), "has no list \"applications\""),
        ("applications: []".into(), "names no application"),
        ("a: [hush".into(), "is no YAML (line"),
        (application("authorizeOpen: true"), "has no \"secret\" for application 2"),
        (application("secret: hush"), "has no \"authorizeOpen\" for application 2"),
        (
            application("secret: hush, authorizeOpen: yes"),
            "has neither true nor false as \"authorizeOpen\" of application 2",
        ),
        (
            application("secret: 007, authorizeOpen: true"),
            "has no text as \"secret\" of application 2; put it in quotes",
        ),
        (application("secret: '', authorizeOpen: true"), "application 2 has an empty secret"),
        ("applications: [hush]".into(), "has no"),
    ] {
        let file = File::new("bad-apps", &text);
        let told = read_app_keys(&file.0).unwrap_err().to_string();
        let path = file.0.display();
        assert!(told.starts_with(&format!("appKeys: {path} ")) && told.contains(why), "{text}: {told}");
        assert!(!told.contains("hush"), "{told}");
    }
    let told = read_app_keys("/nonexistent/auth.yml".as_ref()).unwrap_err().to_string();
    assert!(told.starts_with("appKeys: /nonexistent/auth.yml cannot be read"), "{told}");
    assert!(AppKeys::new(&keys(&[("a:b", "x", true)])).unwrap_err().to_string().contains("colon"));
}
