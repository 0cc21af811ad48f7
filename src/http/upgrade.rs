//! Checks that a complete head is a WebSocket handshake.

use std::net::IpAddr;

use super::accept_key::{accept_key, is_key};
use super::extensions::negotiate;
use super::forwarded::{self, Client};
use super::head::{HeadReader, without_empty_lines};
use super::head_limits::HeadLimits;
use super::refusal::{HttpRefusal, RefusalKind};
use super::request::Request;
use super::{is_token, list};
use crate::config::{Compression, Origins, TrustedProxies, host_and_port};
use crate::deflate::Agreement;

/// The other end of the socket, or the client that a PROXY header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address; none on a Unix socket.
    pub address: Option<IpAddr>,
    /// True if it speaks TLS, to us or to the proxy that says so in a PROXY header.
    pub secure: bool,
}

/// The server's demands on a handshake.
#[derive(Clone, Copy, Debug)]
pub struct UpgradeRules<'a> {
    /// The pages that may connect.
    pub origins: &'a Origins,
    /// The subprotocols the server speaks. The client's order decides between several.
    pub protocols: &'a [String],
    /// Proxies whose forwarded headers are believed.
    pub trusted_proxies: &'a TrustedProxies,
    /// Rules of compression; with `None` the extensions that clients offer are ignored.
    pub compression: Option<&'a Compression>,
    /// Limits of the head.
    pub limits: &'a HeadLimits,
}

/// A handshake that may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// The client's request.
    pub request: Request,
    /// The value of Sec-WebSocket-Accept (RFC 6455 §4.2.2, 5.4).
    pub accept_key: [u8; 28],
    /// The first subprotocol of the client's that the server speaks. None is no failure: the client
    /// is told of no protocol and decides itself whether to stay (RFC 6455 §4.1).
    pub protocol: Option<String>,
    /// The agreement on compression, if both sides support it (RFC 7692).
    pub deflate: Option<Agreement>,
}

/// Checks a complete head, the blank line included, against RFC 6455 §4.2.1 and `rules`.
///
/// Never panics, on any bytes: it repeats the check of [`HeadReader`], so that it can be called
/// without it.
pub fn parse_upgrade(head: &[u8], peer: Peer, rules: &UpgradeRules<'_>) -> Result<Upgrade, HttpRefusal> {
    let mut lines = lines(head, rules.limits);
    let (line, fields) = split(head, &mut lines, rules.limits)?;
    let head = without_empty_lines(head);
    let target = RequestTarget::parse(line.target)?;
    fields.have_no_body()?;
    let host = fields.host(&target)?;
    fields.ask_for_websocket()?;
    let accept_key = fields.accept_key()?;
    let protocol = fields.protocol(rules.protocols)?;

    let deflate = match rules.compression {
        Some(rules) => negotiate(fields.all("sec-websocket-extensions"), rules)
            .map_err(|_| RefusalKind::ExtensionForm)?,
        None => None,
    };

    let (remote_address, secure) = fields.client(peer, rules.trusted_proxies);

    // Last, so that its log line is only written for an otherwise valid WebSocket handshake.
    let origin = fields.at_most_one("origin").map_err(|()| RefusalKind::OriginCount)?;
    if !rules.origins.allows(origin, host, secure) {
        return Err(HttpRefusal::origin(origin.unwrap_or_default(), host));
    }
    let request = Request::new(
        head,
        target.path.as_bytes(),
        target.query.as_bytes(),
        fields.0,
        &remote_address,
        secure,
    );
    Ok(Upgrade { request, accept_key, protocol, deflate })
}

/// Room for the header lines of `head`. The shortest line is `a:` CR LF.
pub(super) fn lines<'b>(head: &[u8], limits: &HeadLimits) -> Vec<httparse::Header<'b>> {
    vec![httparse::EMPTY_HEADER; limits.max_headers.min(head.len() / 4)]
}

/// The request line.
pub(super) struct RequestLine<'b> {
    pub(super) method: &'b str,
    pub(super) target: &'b str,
    /// True for HTTP/1.0, false for 1.1.
    pub(super) is_1_0: bool,
}

/// The request line and the header lines of a complete head that passes [`HeadReader`].
pub(super) fn split<'h, 'b>(
    head: &'b [u8],
    lines: &'h mut [httparse::Header<'b>],
    limits: &HeadLimits,
) -> Result<(RequestLine<'b>, Fields<'h, 'b>), HttpRefusal> {
    if HeadReader::new().advance(head, limits)? != Some(head.len()) {
        return Err(RefusalKind::Malformed.into());
    }
    let mut parsed = httparse::Request::new(lines);
    let complete = parsed.parse(head).is_ok_and(|status| status.is_complete());
    match (complete, parsed.method, parsed.path) {
        (true, Some(method), Some(target)) => {
            Ok((RequestLine { method, target, is_1_0: parsed.version == Some(0) }, Fields(parsed.headers)))
        }
        _ => Err(RefusalKind::Malformed.into()),
    }
}

pub(super) struct RequestTarget<'a> {
    authority: Option<&'a str>,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
}

impl<'a> RequestTarget<'a> {
    /// The asterisk form (RFC 9112 §3.2.4).
    pub(super) fn whole_server(asterisk: &'a str) -> Self {
        Self { authority: None, path: asterisk, query: "" }
    }

    /// Reads the origin form, or reduces the absolute form to it: RFC 9112 §3.2.2 and RFC 6455 §4.1
    /// both have servers accept the latter. Where the RFC lets its authority replace Host we demand
    /// that they agree, as it demands of clients, because the origin check must not have two hosts
    /// to choose from.
    pub(super) fn parse(target: &'a str) -> Result<Self, RefusalKind> {
        let (authority, rest) = if target.starts_with('/') {
            (None, target)
        } else {
            let (scheme, rest) = target.split_once("://").ok_or(RefusalKind::TargetForm)?;
            if !["http", "https", "ws", "wss"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
                return Err(RefusalKind::TargetForm);
            }
            let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            (Some(authority), rest)
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        Ok(Self { authority, path, query })
    }
}

/// The header lines, with the questions that are asked of them.
pub(super) struct Fields<'h, 'b>(pub(super) &'h [httparse::Header<'b>]);

impl<'b> Fields<'_, 'b> {
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    pub(super) fn at_most_one(&self, name: &str) -> Result<Option<&'b [u8]>, ()> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() { Err(()) } else { Ok(first) }
    }

    fn exactly_one(&self, name: &str) -> Option<&'b [u8]> {
        self.at_most_one(name).ok().flatten()
    }

    pub(super) fn list_names(&self, name: &str, token: &[u8]) -> bool {
        self.all(name).flat_map(list).any(|element| element.eq_ignore_ascii_case(token))
    }

    /// Finds the client's address as text, and true if it came over TLS, both as trusted proxies say.
    pub(super) fn client(&self, peer: Peer, trusted: &TrustedProxies) -> (String, bool) {
        let pairs = self.0.iter().map(|field| (field.name, field.value));
        let Client { address, secure } = forwarded::client(peer.address, peer.secure, pairs, trusted);
        (address.map_or_else(|| "unix:".to_owned(), |address| address.to_string()), secure)
    }

    /// A body would be read as frames, or hide a second request from a proxy in between.
    fn have_no_body(&self) -> Result<(), RefusalKind> {
        let none = self.all("transfer-encoding").next().is_none()
            && self.all("content-length").all(|value| value == b"0");
        if none { Ok(()) } else { Err(RefusalKind::Framing) }
    }

    pub(super) fn host(&self, target: &RequestTarget<'_>) -> Result<&'b [u8], RefusalKind> {
        let host = self.exactly_one("host").ok_or(RefusalKind::HostCount)?;
        host_and_port(host).ok_or(RefusalKind::HostForm)?;
        match target.authority {
            Some(authority) if !authority.as_bytes().eq_ignore_ascii_case(host) => {
                Err(RefusalKind::HostDiffers)
            }
            _ => Ok(host),
        }
    }

    /// Checks the host of a plain request that may be a probe's. Nothing is decided by it, so it may be
    /// empty, as RFC 9110 §7.2 has it where the target has no authority, and absent in HTTP/1.0.
    pub(super) fn host_of_a_probe(
        &self,
        target: &RequestTarget<'_>,
        is_1_0: bool,
    ) -> Result<(), RefusalKind> {
        match self.at_most_one("host") {
            Ok(None) if is_1_0 => Ok(()),
            Ok(Some(b"")) if target.authority.is_none() => Ok(()),
            _ => self.host(target).map(drop),
        }
    }

    fn ask_for_websocket(&self) -> Result<(), RefusalKind> {
        if !self.list_names("upgrade", b"websocket") {
            return Err(RefusalKind::NoUpgrade);
        }
        if !self.list_names("connection", b"upgrade") {
            return Err(RefusalKind::NoConnectionUpgrade);
        }
        match self.exactly_one("sec-websocket-version") {
            Some(b"13") => Ok(()),
            _ => Err(RefusalKind::WebSocketVersion),
        }
    }

    fn accept_key(&self) -> Result<[u8; 28], RefusalKind> {
        let key = self.exactly_one("sec-websocket-key").ok_or(RefusalKind::KeyCount)?;
        if !is_key(key) {
            return Err(RefusalKind::KeyForm);
        }
        Ok(accept_key(key))
    }

    fn protocol(&self, spoken: &[String]) -> Result<Option<String>, RefusalKind> {
        let mut chosen = None;
        for offer in self.all("sec-websocket-protocol").flat_map(list) {
            if !is_token(offer) {
                return Err(RefusalKind::ProtocolForm);
            }
            chosen = chosen.or_else(|| spoken.iter().find(|protocol| protocol.as_bytes() == offer));
        }
        Ok(chosen.cloned())
    }
}
