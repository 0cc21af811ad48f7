//! The protocol against observations of the original server (tests/package/gomoob/vectors.json).

use serde_json::Value as Json;

use super::*;

fn vectors() -> Json {
    serde_json::from_str(include_str!("../../../tests/package/gomoob/vectors.json")).unwrap()
}

#[test]
fn frames_are_read_or_refused_as_by_the_original() {
    let vectors = vectors();
    let mut read = 0;
    for vector in vectors["parse"].as_array().unwrap() {
        let text = vector["in"].as_str().unwrap();
        let has_parser = vector["parser"].as_bool().unwrap();
        match Frame::read(text.as_bytes(), has_parser) {
            Ok(Frame { message: Message::Text(message), .. }) => {
                assert_eq!(Some(&*encode(&message)), vector["forwarded_frame"].as_str(), "{text}");
                read += 1;
            }
            // Its content is left to the parser.
            Ok(Frame { message: Message::Array, .. }) => {
                assert!(has_parser && text.contains("\"message\":{"), "{text}")
            }
            Err(refusal) => {
                assert_eq!(vector["ok"], Json::Bool(false), "{text}: {refusal}");
                let expected = match vector["exception"].as_str() {
                    // The original server ended here.
                    Some("TypeError") if text.contains("metadata") => {
                        "The 'metadata' property is not an array !"
                    }
                    Some("TypeError") => "Invalid 'message' property !",
                    _ => vector["message"].as_str().unwrap(),
                };
                assert_eq!(refusal.to_string(), expected, "{text}");
            }
        }
    }
    assert_eq!(read, 3);
}

#[test]
fn the_first_thing_that_is_wrong_is_named() {
    let why = |text: &str| Frame::read(text.as_bytes(), true).unwrap_err().to_string();
    assert_eq!(why(r#"{"x":1,"tags":null}"#), "Unexpected property 'x' !");
    assert_eq!(why("[]"), "The 'message' property is mandatory !");
    assert_eq!(why(r#"["a"]"#), "Unexpected property '0' !");
    assert_eq!(why(r#"{"message":null,"metadata":null}"#), "Invalid 'message' property !");
    assert_eq!(
        why(r#"{"message":"a","tags":"t","metadata":1}"#),
        "The 'metadata' property is not an array !"
    );
    assert_eq!(why(r#"{"message":"a","tags":"t"}"#), "The 'tags' property is not an array !");
    assert_eq!(why(r#"{"message":"a","tags":["t"]}"#), "The tag name '0' is not a string !");
    assert_eq!(
        why(r#"{"message":"a","tags":{"a":1,"b":true}}"#),
        "The tag named 'b' has a value which is not an integer or a string !"
    );
    for text in ["5", "true", "1.5", "\"null\""] {
        assert_eq!(why(text), "The decoded JSON string is not an array !", "{text}");
    }
    assert_eq!(why(" null\n"), "Failed to decode the provided JSON string !");
    let read = Frame::read(br#"{"tags":{"id":12,"n":"a"},"message":"","metadata":[[1],{"a":null}]}"#, false)
        .unwrap();
    assert_eq!(read.tags, [("id".into(), 12.into()), ("n".into(), "a".into())]);
    assert_eq!(read.message, Message::Text(String::new()));
}
