//! Any messages, cut into any frames, cut into any reads, come back as they were.

use super::*;
use proptest::prelude::*;

/// A message, where it is cut into fragments, and the pings sent before each fragment.
#[derive(Debug, Clone)]
struct Sent {
    payload: Vec<u8>,
    binary: bool,
    cuts: Vec<usize>,
    pings: Vec<Vec<u8>>,
    key: [u8; 4],
}

fn sent() -> impl Strategy<Value = Sent> {
    let payload = prop_oneof![
        ".{0,60}".prop_map(|text| (text.into_bytes(), false)),
        "[é€𝄞]{0,200}".prop_map(|text| (text.into_bytes(), false)),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| (bytes, true)),
    ];
    (
        payload,
        prop::collection::vec(0usize..200, 0..5),
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..=125), 0..4),
        any::<[u8; 4]>(),
    )
        .prop_map(|((payload, binary), cuts, pings, key)| Sent { payload, binary, cuts, pings, key })
}

impl Sent {
    /// Writes the frames to `stream`, and their meaning to `said`.
    fn write(&self, stream: &mut Vec<u8>, said: &mut Vec<Received>) {
        let mut opcode = if self.binary { OpCode::Binary } else { OpCode::Text };
        let mut pings = self.pings.iter();
        let mut rest = &self.payload[..];
        for cut in &self.cuts {
            let (head, tail) = rest.split_at((*cut).min(rest.len()));
            stream.extend(client_frame(false, opcode, self.key, head));
            if let Some(ping) = pings.next() {
                stream.extend(client_frame(true, OpCode::Ping, self.key, ping));
                said.push(Received::Ping(ping.clone().into()));
            }
            opcode = OpCode::Continuation;
            rest = tail;
        }
        stream.extend(client_frame(true, opcode, self.key, rest));
        said.push(Received::Message {
            payload: self.payload.clone().into(),
            binary: self.binary,
            compressed: false,
        });
    }
}

/// `stream` in reads of these sizes, repeated to its end.
fn reads<'a>(mut stream: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    sizes.iter().cycle().map_while(move |size| {
        let (read, rest) = stream.split_at((*size).min(stream.len()));
        stream = rest;
        (!read.is_empty()).then_some(read)
    })
}

proptest! {
    #[test]
    fn what_a_client_sends_is_what_is_received(
        messages in prop::collection::vec(sent(), 1..5),
        sizes in prop::collection::vec(1usize..120, 1..8),
    ) {
        let (mut stream, mut said) = (Vec::new(), Vec::new());
        for message in &messages {
            message.write(&mut stream, &mut said);
        }
        prop_assert_eq!(outcome([&stream[..]], &LIMITS), (said.clone(), None));
        prop_assert_eq!(outcome(reads(&stream, &sizes), &LIMITS), (said, None));
    }

    #[test]
    fn any_bytes_have_the_same_outcome_at_any_cut_and_never_panic(
        messages in prop::collection::vec(sent(), 1..3),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        noise in prop::collection::vec(any::<u8>(), 0..40),
        sizes in prop::collection::vec(1usize..60, 1..8),
    ) {
        let mut stream = Vec::new();
        for message in &messages {
            message.write(&mut stream, &mut Vec::new());
        }
        stream.extend(noise);
        for (at, byte) in mutations {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        let whole = outcome([&stream[..]], &LIMITS);
        prop_assert_eq!(&outcome(reads(&stream, &sizes), &LIMITS), &whole);
        prop_assert_eq!(&outcome(stream.chunks(1), &LIMITS), &whole);
    }
}
