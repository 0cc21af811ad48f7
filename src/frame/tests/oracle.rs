//! The same streams through tungstenite: an independent implementation.

use std::io::{self, Cursor, Read, Write};

use super::*;
use crate::frame::{encode, encode_close};
use proptest::prelude::*;
use tokio_tungstenite::tungstenite::{
    Message, WebSocket,
    protocol::{CloseFrame, Role, frame::coding::CloseCode},
};

/// A socket in memory: reads to the end of `incoming`, keeps the bytes that are written.
struct Wire {
    incoming: Cursor<Vec<u8>>,
    outgoing: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.incoming.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn client(incoming: Vec<u8>) -> WebSocket<Wire> {
    let wire = Wire { incoming: Cursor::new(incoming), outgoing: Vec::new() };
    WebSocket::from_raw_socket(wire, Role::Client, None)
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        ".{0,200}".prop_map(Message::text),
        prop::collection::vec(any::<u8>(), 0..70_000).prop_map(Message::binary),
        prop::collection::vec(any::<u8>(), 0..=125).prop_map(|payload| Message::Ping(payload.into())),
        prop::collection::vec(any::<u8>(), 0..=125).prop_map(|payload| Message::Pong(payload.into())),
    ]
}

fn expected(message: Message) -> Received {
    match message {
        Message::Text(text) => Received::Message { payload: text.into(), binary: false, compressed: false },
        Message::Binary(payload) => Received::Message { payload, binary: true, compressed: false },
        Message::Ping(payload) => Received::Ping(payload),
        Message::Pong(payload) => Received::Pong(payload),
        other => panic!("{other:?} is not generated"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_tungstenite_masks_is_what_the_decoder_receives(
        messages in prop::collection::vec(message(), 1..6),
    ) {
        let mut client = client(Vec::new());
        for message in &messages {
            client.send(message.clone()).unwrap();
        }
        let said: Vec<Received> = messages.into_iter().map(expected).collect();
        let stream = &client.get_ref().outgoing;
        prop_assert!(outcome([&stream[..]], &LIMITS) == (said.clone(), None));
        prop_assert!(outcome(stream.chunks(1_447), &LIMITS) == (said, None));
    }

    #[test]
    fn what_is_encoded_is_what_tungstenite_receives(
        messages in prop::collection::vec(message(), 1..6),
    ) {
        let mut out = BytesMut::new();
        for message in &messages {
            let opcode = match message {
                Message::Text(_) => OpCode::Text,
                Message::Binary(_) => OpCode::Binary,
                Message::Ping(_) => OpCode::Ping,
                _ => OpCode::Pong,
            };
            encode(&mut out, opcode, &message.clone().into_data());
        }
        encode_close(&mut out, 4001, "done");
        let mut client = client(out.to_vec());
        for message in messages {
            prop_assert_eq!(client.read().unwrap(), message);
        }
        let close = CloseFrame { code: CloseCode::Library(4001), reason: "done".into() };
        prop_assert_eq!(client.read().unwrap(), Message::Close(Some(close)));
    }
}
