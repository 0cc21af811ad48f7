//! The PROXY header, version 1 and 2, against a second reading of the specification.
//!
//! Input: cuts, the bytes.

#![no_main]

use std::net::IpAddr;

use ferrite::socket::{PeerAddress, ProxyHeader};
use ferrite_fuzz::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let cuts = input.cuts();
    let bytes = input.rest();
    let whole = ProxyHeader::parse(bytes);
    for end in cuts.ends(bytes) {
        // An answer is given once and does not change with later bytes.
        let found = ProxyHeader::parse(&bytes[..end]);
        assert!(found == Ok(None) || found == whole, "{found:?}, then {whole:?}");
    }
    let header = match whole {
        Ok(Some(header)) => header,
        Ok(None) => return assert!(bytes.len() < ProxyHeader::MAX, "waits for more than may come"),
        Err(_) => return,
    };
    assert!(header.length <= bytes.len().min(ProxyHeader::MAX));
    let (header_bytes, _) = bytes.split_at(header.length);
    assert_eq!(ProxyHeader::parse(header_bytes), whole, "what follows is not the header's");
    assert_eq!(ProxyHeader::parse(&header_bytes[..header.length - 1]), Ok(None), "half of it is not whole");
    if let Some(PeerAddress::Ip(ip)) = header.source {
        assert_eq!(ip, ip.to_canonical());
    }
    if header_bytes.starts_with(b"PROXY ") {
        assert!(!header.secure);
        assert_eq!(header.source, text(header_bytes));
    } else {
        assert_eq!((header.source, header.secure), binary(header_bytes));
    }
});

/// The source of a line of version 1.
fn text(line: &[u8]) -> Option<PeerAddress> {
    let line = std::str::from_utf8(line).expect("ASCII, but for UNKNOWN");
    assert!(line.len() <= 107);
    let line = line.strip_suffix("\r\n").expect("CR LF");
    assert!(!line.contains(['\r', '\n']));
    let words: Vec<&str> = line.split(' ').collect();
    if words[1] == "UNKNOWN" {
        return None;
    }
    assert!(words.len() == 6, "{line}");
    for port in &words[4..] {
        assert_eq!(port.parse::<u16>().unwrap().to_string(), *port);
    }
    let addresses = [words[2], words[3]].map(|word| word.parse::<IpAddr>().unwrap());
    let version = if words[1] == "TCP4" { IpAddr::is_ipv4 } else { IpAddr::is_ipv6 };
    assert!(addresses.iter().all(version) && words[1].starts_with("TCP"));
    Some(PeerAddress::Ip(addresses[0].to_canonical()))
}

/// The source of a header of version 2, and whether the client came over TLS.
fn binary(header: &[u8]) -> (Option<PeerAddress>, bool) {
    assert_eq!(header[..12], *b"\r\n\r\n\0\r\nQUIT\n");
    assert_eq!(16 + usize::from(u16::from_be_bytes([header[14], header[15]])), header.len());
    if header[12] == 0x20 || header[13] <= 0x02 {
        return (None, false);
    }
    assert_eq!(header[12], 0x21);
    let four: Option<[u8; 4]> = header.get(16..20).map(|octets| octets.try_into().unwrap());
    let sixteen: Option<[u8; 16]> = header.get(16..32).map(|octets| octets.try_into().unwrap());
    let (source, mut at) = match header[13] >> 4 {
        1 => (PeerAddress::Ip(four.unwrap().into()), 16 + 12),
        2 => (PeerAddress::Ip(IpAddr::from(sixteen.unwrap()).to_canonical()), 16 + 36),
        3 => (PeerAddress::Unix, 16 + 216),
        family => panic!("family {family}"),
    };
    assert!(matches!(header[13] & 15, 1 | 2));
    let mut secure = false;
    while at < header.len() {
        let length = usize::from(u16::from_be_bytes([header[at + 1], header[at + 2]]));
        let value = &header[at + 3..at + 3 + length];
        if header[at] == 0x20 {
            secure = value[0] & 1 != 0;
        }
        at += 3 + length;
    }
    assert_eq!(at, header.len());
    (Some(source), secure)
}
