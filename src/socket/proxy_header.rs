//! The header in which a proxy names the client that it forwards: the PROXY protocol, versions 1 and 2 (HAProxy's
//! `proxy-protocol.txt`).
//!
//! Without I/O: bytes in, a [`ProxyHeader`] out, and the same one however the bytes arrive. Stricter than the
//! specification asks, for the other side is a proxy and not a person: bytes that are not exactly a header are
//! refused at the first one that shows it.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::PeerAddress;

/// A proxy's statement about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Where the client connects from. `None`: the proxy speaks for itself (`LOCAL`, a health check)
    /// or does not know (`UNKNOWN`, `UNSPEC`); then the socket's own address stands.
    pub source: Option<PeerAddress>,
    /// True if the client came to the proxy over TLS, as far as the header says (`PP2_TYPE_SSL`).
    pub secure: bool,
    /// Bytes of the header; the client's bytes follow.
    pub length: usize,
}

/// The reason for which bytes are no PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProxyViolation(&'static str);

impl ProxyHeader {
    /// The most bytes that it can have: version 2 counts in 16 bits the bytes after its fixed part. Most headers have
    /// less than 200, but a proxy may pass a client's certificate on in a field.
    pub const MAX: usize = FIXED + u16::MAX as usize;

    /// Reads the header at the start of `bytes`. `None`: all of them belong to a header that is not
    /// complete.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, ProxyViolation> {
        if is_prefix(bytes, SIGNATURE) {
            return binary(bytes);
        }
        if is_prefix(bytes, LEAD) {
            return text(bytes);
        }
        Err(ProxyViolation("its first bytes are not those of a PROXY header"))
    }
}

/// True if one is the beginning of the other.
fn is_prefix(bytes: &[u8], expected: &[u8]) -> bool {
    bytes.iter().zip(expected).all(|(found, expected)| found == expected)
}

/// Version 1: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443` CR LF.
fn text(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyViolation> {
    let seen = bytes.get(..MAX_TEXT).unwrap_or(bytes);
    let Some(end) = seen.iter().position(|&byte| byte == b'\r' || byte == b'\n') else {
        return if bytes.len() < MAX_TEXT {
            Ok(None)
        } else {
            Err(ProxyViolation("its line is longer than 107 bytes"))
        };
    };
    match seen.get(end..) {
        Some([b'\r', b'\n', ..]) => {}
        Some([b'\r']) if seen.len() < MAX_TEXT => return Ok(None),
        _ => return Err(ProxyViolation("its line does not end in CR LF")),
    }
    let wrong = ProxyViolation("its line is not PROXY, TCP4 or TCP6, two addresses, two ports");
    let line = seen.get(LEAD.len()..end).ok_or(wrong)?;
    let line = std::str::from_utf8(line).map_err(|_| wrong)?;
    let mut words = line.split(' ');
    let source = match (words.next(), words.next(), words.next(), words.next(), words.next(), words.next()) {
        // The rest of the line is to be ignored.
        (Some("UNKNOWN"), ..) => None,
        (Some(family), Some(source), Some(destination), Some(from), Some(to), None) => {
            let address = match family {
                "TCP4" => pair::<Ipv4Addr>(source, destination),
                "TCP6" => pair::<Ipv6Addr>(source, destination),
                _ => None,
            };
            Some(address.filter(|_| is_port(from) && is_port(to)).ok_or(wrong)?)
        }
        _ => return Err(wrong),
    };
    Ok(Some(ProxyHeader { source, secure: false, length: end + 2 }))
}

/// The source, if both are addresses of that family. `parse` takes no leading zeroes and no zone.
fn pair<A: std::str::FromStr + Into<IpAddr>>(source: &str, destination: &str) -> Option<PeerAddress> {
    destination.parse::<A>().ok()?;
    Some(peer(source.parse::<A>().ok()?))
}

fn is_port(text: &str) -> bool {
    // `parse` alone would take a sign and leading zeroes.
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain && text.parse::<u16>().is_ok()
}

/// Version 2: signature, version and command, family, length; addresses, and then fields of type,
/// length and value.
fn binary(bytes: &[u8]) -> Result<Option<ProxyHeader>, ProxyViolation> {
    // Refused at the byte that is wrong, not only once all sixteen are there.
    let is_proxied = match bytes.get(12) {
        None => return Ok(None),
        Some(0x20) => false,
        Some(0x21) => true,
        Some(_) => {
            return Err(ProxyViolation("its version is not 2, or its command neither LOCAL nor PROXY"));
        }
    };
    let Some([family, high, low]) = bytes.get(13..FIXED) else { return Ok(None) };
    let length = FIXED + usize::from(u16::from_be_bytes([*high, *low]));
    let Some(header) = bytes.get(..length) else { return Ok(None) };
    let local = ProxyHeader { source: None, secure: false, length };
    if !is_proxied {
        return Ok(Some(local));
    }
    let short = ProxyViolation("it is too short for its addresses");
    let (source, addresses) = match family {
        // No family, with any transport: the addresses are to be passed over.
        0x00..=0x02 => return Ok(Some(local)),
        0x11 | 0x12 => {
            let source = header.get(FIXED..).and_then(<[u8]>::first_chunk::<4>).ok_or(short)?;
            (peer(Ipv4Addr::from(*source)), 12)
        }
        0x21 | 0x22 => {
            let source = header.get(FIXED..).and_then(<[u8]>::first_chunk::<16>).ok_or(short)?;
            (peer(Ipv6Addr::from(*source)), 36)
        }
        0x31 | 0x32 => (PeerAddress::Unix, 216),
        _ => return Err(ProxyViolation("its address family is unknown")),
    };
    let secure = fields(header, FIXED + addresses)?;
    Ok(Some(ProxyHeader { source: Some(source), secure, length }))
}

/// Walks the fields that begin at `at`. Says whether one of them tells of TLS, and verifies the
/// checksum if there is one; the others are passed over.
fn fields(header: &[u8], at: usize) -> Result<bool, ProxyViolation> {
    let mut rest = header.get(at..).ok_or(ProxyViolation("it is too short for its addresses"))?;
    let (mut secure, mut checked) = (false, false);
    while !rest.is_empty() {
        let whole = rest.split_first_chunk().and_then(|([kind, high, low], after)| {
            let (value, after) = after.split_at_checked(u16::from_be_bytes([*high, *low]).into())?;
            Some((*kind, value, after))
        });
        let Some((kind, value, after)) = whole else {
            return Err(ProxyViolation("a field in it is cut off"));
        };
        match kind {
            CRC32C => {
                let sum = value.try_into().map(u32::from_be_bytes).ok();
                let start = header.len() - after.len() - value.len();
                if std::mem::replace(&mut checked, true) || sum != Some(checksum(header, start)) {
                    return Err(ProxyViolation("its checksum is wrong"));
                }
            }
            SSL => match value {
                [client, _, _, _, _, ..] => secure = client & CLIENT_SSL != 0,
                _ => return Err(ProxyViolation("its field about TLS is too short")),
            },
            _ => {}
        }
        rest = after;
    }
    Ok(secure)
}

/// CRC-32C (RFC 3720 appendix B.4) of the header, with its own four bytes, from `start`, as zeroes.
fn checksum(header: &[u8], start: usize) -> u32 {
    let byte = |(place, byte): (usize, &u8)| if (start..start + 4).contains(&place) { 0 } else { *byte };
    let crc = header.iter().enumerate().map(byte).fold(u32::MAX, |crc, byte| {
        let place = usize::from(crc.to_le_bytes()[0] ^ byte);
        (crc >> 8) ^ REMAINDERS.get(place).copied().unwrap_or_default()
    });
    !crc
}

/// The contribution of each byte to the checksum, so that the longest header costs no more than its bytes.
#[expect(clippy::indexing_slicing, reason = "a place outside of it would not compile")]
const REMAINDERS: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0x82F6_3B78 * (crc & 1));
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// An IPv4 address in its IPv6 form is written as IPv4, as everywhere.
fn peer(address: impl Into<IpAddr>) -> PeerAddress {
    PeerAddress::Ip(address.into().to_canonical())
}

/// The start of version 1.
const LEAD: &[u8] = b"PROXY ";
/// The longest line of version 1, CR LF included.
const MAX_TEXT: usize = 107;
/// The start of version 2: no byte sequence that HTTP or TLS could begin with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The part of version 2 that is always there.
const FIXED: usize = 16;
/// `PP2_TYPE_CRC32C`.
const CRC32C: u8 = 0x03;
/// `PP2_TYPE_SSL`, and the bit in its first byte that says that the client came over TLS.
const SSL: u8 = 0x20;
const CLIENT_SSL: u8 = 0x01;
