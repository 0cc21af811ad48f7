//! The decoder against tungstenite's: it accepts every stream that we accept, with the same messages.
//!
//! Input: options (1: a small limit), the stream.

#![no_main]

use std::io::{self, Read, Write};

use bytes::BytesMut;
use ferrite::frame::{DecodeLimits, Decoder, Payloads, Received, Violation};
use ferrite_fuzz::Input;
use libfuzzer_sys::fuzz_target;
use tungstenite::{
    Error, Message, WebSocket,
    error::ProtocolError,
    protocol::{Role, WebSocketConfig},
};

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let max_message = if input.byte() & 1 != 0 { 99 } else { 1 << 20 };
    let limits = DecodeLimits { max_message, deflate: false, part: usize::MAX };
    let stream = input.rest();
    let (ours, end) = read_ours(stream, &limits);
    let mut theirs = WebSocket::from_raw_socket(Wire(stream), Role::Server, Some(config(max_message)));
    for item in ours {
        let message = theirs.read().unwrap_or_else(|error| panic!("{item:?} was refused: {error}"));
        assert_same(item, message);
    }
    match end {
        End::Closed => {}
        // We look at each byte as it comes, tungstenite at whole frames: it cannot know more.
        End::Silent => match theirs.read() {
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {}
            other => panic!("we wait for more, tungstenite says {other:?}"),
        },
        End::Violated(violation) => match (theirs.read(), violation) {
            (Err(_), _) => {}
            // Where we are stricter.
            // RFC 6455 section 5.2: "the minimal number of bytes MUST be used to encode the length".
            (Ok(_), Violation::NonMinimalLength) => {}
            // The same: a control frame's length fits into seven bits.
            (Ok(message), Violation::ControlTooLong) => assert!(message.len() <= 125),
            // Section 7.4: tungstenite hands on 1002 for a code that may not be sent.
            (Ok(Message::Close(Some(close))), Violation::InvalidCloseCode(_)) => {
                assert_eq!(u16::from(close.code), 1002);
            }
            // Fragments cost work and must bring bytes for it; tungstenite takes any number.
            (Ok(_), Violation::TooManyFragments | Violation::TooManyEmptyFragments) => {}
            (Ok(message), violation) => panic!("{violation}, but tungstenite takes {message:?}"),
        },
    }
});

enum End {
    Silent,
    Closed,
    Violated(Violation),
}

fn read_ours(stream: &[u8], limits: &DecodeLimits) -> (Vec<Received>, End) {
    let (mut decoder, mut said, mut bytes) = (Decoder::new(), Vec::new(), BytesMut::from(stream));
    let mut payloads = Payloads::default();
    loop {
        match decoder.next(&mut bytes, &mut payloads, limits) {
            Ok(Some(close @ Received::Close(_))) => {
                said.push(close);
                return (said, End::Closed);
            }
            Ok(Some(received)) => said.push(received),
            Ok(None) => return (said, End::Silent),
            Err(violation) => return (said, End::Violated(violation)),
        }
    }
}

fn assert_same(ours: Received, theirs: Message) {
    match (ours, theirs) {
        (Received::Message { payload, binary: false, .. }, Message::Text(text)) => {
            assert_eq!(payload, text.as_bytes());
        }
        (Received::Message { payload, binary: true, .. }, Message::Binary(bytes)) => {
            assert_eq!(payload, bytes)
        }
        (Received::Ping(payload), Message::Ping(bytes)) => assert_eq!(payload, bytes),
        (Received::Pong(payload), Message::Pong(bytes)) => assert_eq!(payload, bytes),
        (Received::Close(None), Message::Close(None)) => {}
        (Received::Close(Some(close)), Message::Close(Some(frame))) => {
            // 1014 is younger than the RFC (IANA), and unknown to tungstenite.
            if close.code != 1014 {
                assert_eq!((close.code, &close.reason[..]), (frame.code.into(), frame.reason.as_bytes()));
            }
        }
        (ours, theirs) => panic!("{ours:?} is not {theirs:?}"),
    }
}

fn config(max_message: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(1 << 10)
        .write_buffer_size(0)
        .max_message_size(Some(max_message))
        // It holds control frames to this too.
        .max_frame_size(Some(max_message.max(125)))
}

/// A client that sends these bytes and ignores all answers.
struct Wire<'a>(&'a [u8]);

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
