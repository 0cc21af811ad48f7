//! Where a client connects from.

use std::{fmt, net::IpAddr};

/// Where a client connects from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerAddress {
    /// The address of the TCP peer; IPv4 in IPv6 is written as IPv4.
    Ip(IpAddr),
    /// A process on this host.
    Unix,
}

impl PeerAddress {
    /// The IP address, if it is one.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(ip),
            Self::Unix => None,
        }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Unix => f.write_str("unix:"),
        }
    }
}
