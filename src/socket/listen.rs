//! Binding, all of it before the first thread starts, so that an error reaches the caller.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{
    bound::{BACKLOG, Bound, ListenerOptions, Listening, shared},
    systemd,
    unix::bind_unix,
};
use crate::{
    config::{Address, Listen, Scheme},
    descriptors::placed,
};

/// The reason for which an address could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {reason}")]
pub struct BindError {
    address: String,
    reason: String,
    #[source]
    source: io::Error,
}

/// Binds `listen` for `shards` shards; where it names no scheme, TLS is spoken if there are `certificates`.
/// A host name may mean several addresses: all that this machine has are bound.
pub fn bind(listen: &Listen, certificates: bool, shards: usize) -> Result<Vec<Bound>, BindError> {
    let Listen { address, scheme, proxy_protocol } = listen;
    let tls = scheme.map_or(certificates, |scheme| scheme == Scheme::Wss);
    let options = ListenerOptions { proxy_protocol: *proxy_protocol, tls, metrics_only: false };
    match address {
        Address::Systemd { name } => {
            let sockets = systemd::passed(name.as_deref());
            let bound = sockets.and_then(|sockets| {
                sockets.into_iter().map(|socket| bind_passed(socket, options, shards)).collect()
            });
            bound.map_err(|e| error(address.to_string(), e))
        }
        Address::Unix { path } => {
            // Connecting needs write permission: the owner and its group, as a proxy that runs in the same group expects.
            let bound = bind_unix(path, options, shards, 0o660);
            Ok(vec![bound.map_err(|e| error(address.to_string(), e))?])
        }
        Address::Tcp { host, port } => {
            let resolved = (host.as_str(), *port).to_socket_addrs();
            let addresses: Vec<_> = resolved.map_err(|e| error(address.to_string(), e))?.collect();
            let is_name = host.trim_matches(['[', ']']).parse::<IpAddr>().is_err();
            bind_resolved(&addresses, is_name, options, shards).map_err(|e| error(address.to_string(), e))
        }
    }
}

/// Binds every address of a host. Those addresses of a *name* that this machine does not have are left out if another
/// is bound: `/etc/hosts` gives `localhost` an `::1` also where there is no IPv6, as in most containers.
fn bind_resolved(
    addresses: &[SocketAddr],
    is_name: bool,
    options: ListenerOptions,
    shards: usize,
) -> io::Result<Vec<Bound>> {
    let (mut bound, mut missing) = (Vec::new(), None);
    for (place, address) in addresses.iter().enumerate() {
        if addresses.iter().take(place).any(|before| before == address) {
            continue;
        }
        match bind_tcp(*address, options, shards) {
            Ok(socket) => bound.push(socket),
            Err(error) if is_name && is_missing(&error) => missing = missing.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    match missing {
        Some(error) if bound.is_empty() => Err(error),
        _ => Ok(bound),
    }
}

/// True if this machine has no such address, or no such family of addresses at all.
fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

/// Binds `address` for one listener of its own; a socket file is for its owner alone.
pub fn bind_private(address: &Address, tls: bool) -> Result<Vec<Bound>, BindError> {
    match address {
        Address::Unix { path } => {
            let bound = bind_unix(path, ListenerOptions::default(), 1, 0o600);
            Ok(vec![bound.map_err(|e| error(address.to_string(), e))?])
        }
        _ => bind(&address.clone().into(), tls, 1),
    }
}

/// `SO_REUSEPORT` spreads new connections over the shards, but it would also let a second server of
/// the same user take half of them. So the first socket is bound without it, which fails if anybody
/// has the port, then makes room for the real ones.
fn bind_tcp(address: SocketAddr, options: ListenerOptions, shards: usize) -> io::Result<Bound> {
    let probe = tcp_socket(address, false)?;
    probe.listen(1)?;
    let Some(actual) = probe.local_addr()?.as_socket() else {
        return Err(io::Error::other("the system gave no port"));
    };
    let sockets = if shards == 1 {
        probe.listen(BACKLOG)?;
        vec![probe]
    } else {
        drop(probe);
        (0..shards)
            .map(|_| {
                let socket = tcp_socket(actual, true)?;
                socket.listen(BACKLOG)?;
                Ok(socket)
            })
            .collect::<io::Result<_>>()?
    };
    let listening = |socket| Listening::new(socket, options, false);
    let sockets = sockets.into_iter().map(listening).collect();
    Ok(Bound { url: options.url(actual), sockets, file: None })
}

/// Shards share a passed socket: there is one, and no other may be bound beside it.
fn bind_passed(socket: Socket, mut options: ListenerOptions, shards: usize) -> io::Result<Bound> {
    let address = socket.local_addr()?;
    let url = match address.as_socket() {
        Some(address) => {
            bound_kernel(&socket);
            options.url(address)
        }
        None if address.is_unix() => {
            options.tls = false;
            format!("ws+unix://{}", unix_name(&address))
        }
        None => return Err(io::Error::other("it is neither a TCP nor a Unix socket")),
    };
    let sockets = shared(socket, shards)?;
    let listening = |socket| Listening::new(socket, options, true);
    Ok(Bound { url, sockets: sockets.into_iter().map(listening).collect(), file: None })
}

/// The path, or an abstract name behind the `@` that stands for its NUL.
fn unix_name(address: &SockAddr) -> String {
    match (address.as_pathname(), address.as_abstract_namespace()) {
        (Some(path), _) => path.display().to_string(),
        (None, Some(name)) => format!("@{}", name.escape_ascii()),
        (None, None) => String::new(),
    }
}

fn tcp_socket(address: SocketAddr, share_port: bool) -> io::Result<Socket> {
    let socket = placed(|| Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)))?;
    // A restart must not wait for the old connections' TIME_WAIT.
    socket.set_reuse_address(true)?;
    if share_port {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        // `[::]` and `0.0.0.0` can both be listed, for any value of `net.ipv6.bindv6only`.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    bound_kernel(&socket);
    Ok(socket)
}

/// Has the connections of a listening socket take only a little that cannot be sent yet: bytes that a client does not
/// read are to wait where they are counted, and not in buffers of some megabytes that the operating system keeps for
/// each client. Bytes under way are not bounded by this, so a client that reads fast gets as much at once as before.
fn bound_kernel(socket: &Socket) {
    // Other systems have only their own bound.
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
}

/// Bytes of one connection that the operating system takes before it can send them.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 256 << 10;

fn error(address: String, source: io::Error) -> BindError {
    let reason = match source.kind() {
        io::ErrorKind::AddrInUse => "address already in use; is another server running there?".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied; ports below 1024 and other users' folders need rights that this process lacks"
                .to_owned()
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => source.to_string(),
    };
    BindError { address, reason, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(shards: usize) -> Bound {
        bind(&Listen::parse("127.0.0.1:0").unwrap(), false, shards).unwrap().remove(0)
    }

    #[test]
    fn port_0_takes_a_free_port_and_every_shard_shares_it() {
        let bound = free(3);
        let ports: Vec<_> = bound
            .sockets
            .iter()
            .map(|s| s.socket.local_addr().unwrap().as_socket().unwrap().port())
            .collect();
        assert!(ports[0] != 0 && ports.iter().all(|p| *p == ports[0]));
    }

    #[test]
    fn a_second_server_cannot_take_the_port_of_the_first() {
        for (first, second) in [(1, 1), (1, 3), (3, 1), (3, 3)] {
            let bound = free(first);
            let address = bound.url.trim_start_matches("ws://").to_owned();
            let error = bind(&Listen::parse(&address).unwrap(), false, second).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("cannot listen on {address}: address already in use")),
                "{error}"
            );
        }
    }

    #[test]
    fn of_a_name_the_addresses_that_this_machine_lacks_are_left_out() {
        // TEST-NET-1 (RFC 5737) and the documentation prefix (RFC 3849): nobody's.
        let [here, not_here, nor_this] =
            ["127.0.0.1:0", "192.0.2.1:0", "[2001:db8::1]:0"].map(|a| a.parse().unwrap());
        let bind = |addresses: &[SocketAddr], is_name| {
            bind_resolved(addresses, is_name, ListenerOptions::default(), 2)
        };
        for addresses in [[not_here, nor_this, here], [here, nor_this, not_here]] {
            let bound = bind(&addresses, true).unwrap();
            assert!(bound.len() == 1 && bound[0].url.starts_with("ws://127.0.0.1:"), "{bound:?}");
            assert!(bind(&addresses, false).is_err(), "asked for by its number");
        }
        assert!(is_missing(&bind(&[not_here, nor_this], true).unwrap_err()), "nothing would be served");
        let [taken] = &bind(&[here], true).unwrap()[..] else { panic!("one address") };
        let taken = taken.sockets[0].socket.local_addr().unwrap().as_socket().unwrap();
        assert_eq!(
            bind(&[here, taken], true).unwrap_err().kind(),
            io::ErrorKind::AddrInUse,
            "that is another's"
        );
    }

    #[test]
    fn every_ipv6_address_is_no_ipv4_address() {
        let Ok(bound) = bind(&Listen::parse("[::]:0").unwrap(), false, 1) else { return };
        assert!(bound[0].sockets[0].socket.only_v6().unwrap());
    }
}
