//! Headers in all shapes, and bytes that are none.

use proptest::prelude::*;

use super::*;

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    header.extend([command, family]);
    header.extend((body.len() as u16).to_be_bytes());
    header.extend(body);
    header
}

fn field(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind][..], &(value.len() as u16).to_be_bytes(), value].concat()
}

const V4: &[u8] = &[203, 0, 113, 9, 10, 0, 0, 1, 0xdc, 0x04, 0x01, 0xbb];

fn from(address: &str) -> Option<PeerAddress> {
    Some(PeerAddress::Ip(address.parse().unwrap()))
}

/// The header at the start of `bytes`, with more behind it.
fn parse(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyViolation> {
    ProxyHeader::parse(&[bytes, b"GET / HTTP/1.1\r\n"].concat())
}

#[test]
fn version_1_tells_the_source() {
    let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(91));
    assert_eq!(longest.len(), 107);
    for (line, source) in [
        ("PROXY TCP4 203.0.113.9 10.0.0.1 56324 443\r\n", from("203.0.113.9")),
        ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n", from("255.255.255.255")),
        ("PROXY TCP6 2001:db8::9 2001:DB8::1 1 2\r\n", from("2001:db8::9")),
        ("PROXY TCP6 ::ffff:203.0.113.9 ::1 1 2\r\n", from("203.0.113.9")),
        ("PROXY UNKNOWN\r\n", None),
        ("PROXY UNKNOWN ffff:f f:ffff 65535 65535 and more\r\n", None),
        (&longest, None),
    ] {
        let header = ProxyHeader { source, secure: false, length: line.len() };
        assert_eq!(parse(line.as_bytes()), Ok(Some(header)), "{line}");
    }
}

#[test]
fn version_1_is_read_strictly() {
    for line in [
        "PROXY\r\n",
        "PROXY \r\n",
        "proxy TCP4 203.0.113.9 10.0.0.1 1 2\r\n",
        "PROXY tcp4 203.0.113.9 10.0.0.1 1 2\r\n",
        "PROXY TCP5 203.0.113.9 10.0.0.1 1 2\r\n",
        "PROXY UDP4 203.0.113.9 10.0.0.1 1 2\r\n",
        "PROXY UNKNOWN2\r\n",
        "PROXY  TCP4 203.0.113.9 10.0.0.1 1 2\r\n",
        "PROXY TCP4  203.0.113.9 10.0.0.1 1 2\r\n",
        "PROXY TCP4 203.0.113.9 10.0.0.1 1 2 \r\n",
        "PROXY TCP4 203.0.113.9 10.0.0.1 1\r\n",
        "PROXY TCP4 203.0.113.9 10.0.0.1 1 2 3\r\n",
        "PROXY TCP4 203.0.113.09 10.0.0.1 1 2\r\n",
        "PROXY TCP4 203.0.113 10.0.0.1 1 2\r\n",
        "PROXY TCP4 2001:db8::9 10.0.0.1 1 2\r\n",
        "PROXY TCP4 203.0.113.9 2001:db8::9 1 2\r\n",
        "PROXY TCP6 203.0.113.9 10.0.0.1 1 2\r\n",
        "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
        "PROXY TCP6 [::2] ::1 1 2\r\n",
        "PROXY TCP4 203.0.113.9 10.0.0.1 01 2\r\n",
        "PROXY TCP4 203.0.113.9 10.0.0.1 +1 2\r\n",
        "PROXY TCP4 203.0.113.9 10.0.0.1 1 65536\r\n",
        "PROXY TCP4 203.0.113.9 10.0.0.1 1 \r\n",
        "PROXY TCP4 203.0.113.9 10.0.0.1 1 2\n",
        "PROXY TCP4 203.0.113.9 10.0.0.1 1 2\r",
        "PROXY TCP4 203.0.113.9\r10.0.0.1 1 2\r\n",
        "PROXY TCP4\t203.0.113.9 10.0.0.1 1 2\r\n",
        &format!("PROXY UNKNOWN {}\r\n", "f".repeat(92)),
    ] {
        assert!(parse(line.as_bytes()).is_err(), "{line:?}");
    }
    assert!(parse(b"PROXY TCP4 \xff 10.0.0.1 1 2\r\n").is_err());
    assert_eq!(ProxyHeader::parse(&[b"PROXY UNKNOWN ", &[b'f'; 92][..]].concat()), Ok(None));
    assert!(ProxyHeader::parse(&[b"PROXY UNKNOWN ", &[b'f'; 93][..]].concat()).is_err());
}

#[test]
fn version_2_tells_the_source() {
    let mut v6 = "2001:db8::9".parse::<Ipv6Addr>().unwrap().octets().to_vec();
    v6.extend([0; 20]);
    let mut mapped = "::ffff:203.0.113.9".parse::<Ipv6Addr>().unwrap().octets().to_vec();
    mapped.extend([0; 20]);
    let noise = field(0xE0, &[7; 300]);
    for (command, family, body, source) in [
        (0x21, 0x11, V4.to_vec(), from("203.0.113.9")),
        (0x21, 0x12, V4.to_vec(), from("203.0.113.9")),
        (0x21, 0x21, v6.clone(), from("2001:db8::9")),
        (0x21, 0x22, mapped, from("203.0.113.9")),
        (0x21, 0x31, vec![b'x'; 216], Some(PeerAddress::Unix)),
        (0x21, 0x11, [V4, &noise, &field(0x04, b"")].concat(), from("203.0.113.9")),
        (0x21, 0x00, vec![], None),
        (0x21, 0x00, vec![1; 7], None),
        (0x21, 0x01, vec![1; 7], None),
        (0x21, 0x02, vec![], None),
        (0x20, 0x00, vec![], None),
        (0x20, 0x11, V4.to_vec(), None),
        // LOCAL has to be accepted with any further content.
        (0x20, 0xFF, vec![9; 3], None),
    ] {
        let header = v2(command, family, &body);
        let expected = ProxyHeader { source, secure: false, length: header.len() };
        assert_eq!(parse(&header), Ok(Some(expected)), "{command:x} {family:x}");
    }
}

#[test]
fn version_2_is_read_strictly() {
    for (what, header) in [
        ("version 1", v2(0x11, 0x11, V4)),
        ("version 3", v2(0x31, 0x11, V4)),
        ("a third command", v2(0x22, 0x11, V4)),
        ("a fourth family", v2(0x21, 0x41, &[0; 216])),
        ("a family without a transport", v2(0x21, 0x10, V4)),
        ("a third transport", v2(0x21, 0x13, V4)),
        ("no addresses", v2(0x21, 0x11, b"")),
        ("half of the addresses", v2(0x21, 0x11, &V4[..11])),
        ("IPv4 addresses for IPv6", v2(0x21, 0x21, V4)),
        ("half of a path", v2(0x21, 0x31, &[0; 215])),
        ("a field without a length", v2(0x21, 0x11, &[V4, &[4, 0]].concat())),
        ("a field that is cut off", v2(0x21, 0x11, &[V4, &[4, 0, 1]].concat())),
        ("a TLS field that is too short", v2(0x21, 0x11, &[V4, &field(SSL, &[1; 4])].concat())),
    ] {
        assert!(parse(&header).is_err(), "{what}");
    }
}

#[test]
fn a_header_may_be_as_long_as_its_length_can_say() {
    // A proxy's statement about the client's certificate, and unknown fields.
    let certificate = [&[1, 0, 0, 0, 0][..], &field(0x28, &[b'c'; 4000])].concat();
    let body = [V4, &field(SSL, &certificate), &field(0xEA, &[7; 3000])].concat();
    let length = FIXED + body.len();
    let expected = ProxyHeader { source: from("203.0.113.9"), secure: true, length };
    assert_eq!(parse(&v2(0x21, 0x11, &body)), Ok(Some(expected)));

    let start = FIXED + V4.len() + 3;
    let rest = usize::from(u16::MAX) - V4.len() - 7 - 3;
    let mut longest = v2(0x21, 0x11, &[V4, &field(CRC32C, &[0; 4]), &field(0xE0, &vec![9; rest])].concat());
    assert_eq!(longest.len(), ProxyHeader::MAX);
    let sum = checksum(&longest, start);
    longest[start..start + 4].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(ProxyHeader::parse(&longest[..ProxyHeader::MAX - 1]), Ok(None));
    assert_eq!(parse(&longest).unwrap().unwrap().length, ProxyHeader::MAX);
    longest[60_000] ^= 1;
    assert_eq!(parse(&longest), Err(ProxyViolation("its checksum is wrong")));
}

#[test]
fn a_proxy_says_that_the_client_came_over_tls() {
    let with = |client: u8| {
        let ssl = [&[client, 0, 0, 0, 0][..], &field(0x21, b"TLSv1.3")].concat();
        parse(&v2(0x21, 0x11, &[V4, &field(SSL, &ssl)].concat())).unwrap().unwrap().secure
    };
    assert!(with(0x01) && with(0x07) && !with(0x00) && !with(0x02));
}

#[test]
fn a_checksum_is_verified() {
    // The check value of CRC-32C, here with nothing that counts as zeroes.
    assert_eq!(checksum(b"123456789", 9), 0xE306_9283);
    let mut header = v2(0x21, 0x11, &[V4, &field(CRC32C, &[0; 4]), &field(0x04, b"pad")].concat());
    let start = FIXED + V4.len() + 3;
    let sum = checksum(&header, start);
    header[start..start + 4].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(parse(&header).unwrap().unwrap().source, from("203.0.113.9"));
    for place in FIXED..FIXED + 12 {
        let mut broken = header.clone();
        broken[place] ^= 1;
        assert_eq!(parse(&broken), Err(ProxyViolation("its checksum is wrong")), "byte {place}");
    }
    assert!(parse(&v2(0x21, 0x11, &[V4, &field(CRC32C, &[0; 3])].concat())).is_err());
}

#[test]
fn what_is_no_header_is_refused_at_the_first_byte_that_shows_it() {
    for bytes in [&b"G"[..], b"\x16", b"\0", b"PROXY\t", b"PU", b"\r\n\r\nG", b"\r\n\r\n\0\r\nQUIT\n\x11"] {
        assert!(ProxyHeader::parse(bytes).is_err(), "{bytes:?}");
        assert_eq!(ProxyHeader::parse(&bytes[..bytes.len() - 1]), Ok(None), "{bytes:?}");
    }
}

fn almost_a_header() -> impl Strategy<Value = Vec<u8>> {
    let noise = || proptest::collection::vec(any::<u8>(), 0..600);
    let words = "PROXY (TCP4|TCP6|UNKNOWN|.{0,5})( [0-9a-f.:]{1,15}){0,4}( [0-9]{0,6}){0,3}[\r\n]{0,2}";
    let binary = (0x1F..0x24_u8, any::<u8>(), noise(), noise())
        .prop_map(|(command, family, body, rest)| [v2(command, family & 0x33, &body), rest].concat());
    prop_oneof![noise(), words.prop_map(String::into_bytes), binary]
}

proptest! {
    #[test]
    fn any_bytes_are_judged_alike_however_they_arrive(bytes in almost_a_header()) {
        let whole = ProxyHeader::parse(&bytes);
        if let Ok(Some(header)) = whole {
            prop_assert!(header.length <= bytes.len().min(ProxyHeader::MAX));
        }
        let judged = (0..=bytes.len()).find_map(|seen| {
            let verdict = ProxyHeader::parse(&bytes[..seen]).transpose()?;
            Some((seen, verdict))
        });
        match judged {
            None => prop_assert_eq!(whole, Ok(None)),
            Some((seen, verdict)) => {
                // Complete with its own last byte, neither earlier nor later.
                prop_assert!(verdict.map_or(true, |header| header.length == seen));
                prop_assert_eq!(whole, verdict.map(Some));
            }
        }
    }
}
