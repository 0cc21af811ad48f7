//! Events, commands and their parts that cross to another process.

use proptest::prelude::*;

use super::*;
use crate::{
    http::Request,
    serde_tests::{bytes, check, check_any, read},
};

fn request() -> Request {
    let head = b"POST /a?b HTTP/1.1\r\nHost: h\r\n\r\n".to_vec();
    read(&bytes(&(head, "unix:", None::<Vec<u8>>, true))).unwrap()
}

fn identity() -> Identity {
    Identity {
        user: Some("é".to_owned()),
        topics: vec!["room.1".into(), "room.2".into()],
        tags: vec![("lang".into(), "FR".into()), ("age".into(), i64::MIN.into())],
        claims: r#"{"sub":"é"}"#.into(),
    }
}

fn headers() -> Vec<(String, Vec<u8>)> {
    vec![("Set-Cookie".to_owned(), b"a=\xff".to_vec()), ("X".to_owned(), Vec::new())]
}

#[test]
fn an_id_and_a_tag_come_out_as_they_went_in() {
    for id in [ConnectionId::new(0, 0, 1), ConnectionId::new(63, 7, u64::MAX), ConnectionId::from_php(-1)] {
        check(&id);
    }
    for value in [TagValue::Int(i64::MIN), TagValue::Int(i64::MAX), "".into(), "é\0".into()] {
        check(&value);
    }
}

#[test]
fn the_contents_of_events_come_out_as_they_went_in() {
    let protocol = Some("v1.chat".to_owned());
    check(&identity());
    check(&Handshake { request: request(), protocol: protocol.clone(), identity: Some(identity()) });
    check(&Handshake { request: request(), protocol: None, identity: None });
    check(&Asked { request: request(), body: b"a\0\xff".to_vec() });
    check(&Opened { request: Some(request()), protocol, user: Some("ann".to_owned()) });
    check(&Opened { request: None, protocol: None, user: None });
    let connection = ConnectionId::new(1, 2, 3);
    check(&PresenceChange { topic: "t".into(), user: "ann".into(), joined: true, connection });
    for level in [LogLevel::Info, LogLevel::Warning, LogLevel::Error] {
        let context = vec![("address".to_owned(), "::1".to_owned())];
        check(&LogRecord { level, message: "A client left".to_owned(), context });
    }
}

#[test]
fn the_contents_of_commands_come_out_as_they_went_in() {
    let accept = Accept::as_identified(Some(identity()), Some("v1.chat".to_owned()));
    check(&Accept { headers: headers(), ..accept });
    check(&Accept::default());
    check(&Reject { status: 403, body: b"no\xff".to_vec(), headers: headers() });
    check(&Respond { status: 200, body: Vec::new(), headers: headers() });
    // The receiver checks these, as it knows the limits.
    check(&Respond { status: u16::MAX, body: Vec::new(), headers: vec![("\r\n".to_owned(), vec![0])] });
}

proptest! {
    #[test]
    fn any_bytes_are_a_value_or_an_error(any in prop::collection::vec(any::<u8>(), 0..150)) {
        check_any::<Handshake>(&any);
        check_any::<Asked>(&any);
        check_any::<Opened>(&any);
        check_any::<PresenceChange>(&any);
        check_any::<LogRecord>(&any);
        check_any::<Accept>(&any);
        check_any::<Reject>(&any);
        check_any::<Respond>(&any);
    }
}
