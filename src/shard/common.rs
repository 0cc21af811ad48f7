//! The state that all shards of one server share.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize},
};

use super::credentials;
use crate::{
    auth::Authenticator,
    config::{Config, ConfigError, USUAL_CONNECT_RATE, USUAL_PER_ADDRESS},
    control,
    descriptors::{self, Reservation},
    hub::Hub,
    limits::AddressLimits,
    protocol::{Protocol, protocol},
    tls::Certificates,
};

/// The state that all shards of one server share.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) config: Config,
    /// If any address speaks TLS.
    pub(crate) certificates: Option<Arc<Certificates>>,
    /// Set if clients need credentials.
    pub(crate) authenticator: Option<Authenticator>,
    /// The protocol on top of WebSockets, if the server speaks one.
    pub(crate) protocol: Option<Arc<dyn Protocol>>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) ceiling: usize,
    _descriptors: Reservation,
    /// Clients' sockets of all shards.
    pub(crate) sockets: AtomicUsize,
    /// Sockets of monitoring clients, beside those.
    pub(crate) monitors: AtomicUsize,
    pub(crate) addresses: AddressLimits,
    /// True once a refused Origin was logged.
    pub(crate) origin_warned: AtomicBool,
}

impl Common {
    /// Checks the options and makes the shared state of a server without clients.
    pub(crate) fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let certificates = match config.tls.as_slice() {
            [] => None,
            files => Some(Arc::new(Certificates::load(files)?)),
        };
        let limits = &config.limits;
        let authenticator = match config.auth.as_slice() {
            [] => None,
            options => Some(credentials::authenticator(options, limits)?),
        };
        let reserved = RESERVED_FILES + control::MOST_CONNECTIONS * config.control.len();
        let ceiling = limits.max_connections.min(descriptors::most().saturating_sub(reserved)).max(1);
        Ok(Self {
            certificates,
            authenticator,
            protocol: config.protocol.as_ref().map(protocol),
            hub: Arc::new(Hub::new(config.shards(), limits.clone(), config.compression)),
            ceiling,
            _descriptors: Reservation::new(ceiling + reserved),
            sockets: AtomicUsize::new(0),
            monitors: AtomicUsize::new(0),
            addresses: AddressLimits::new(
                limits.max_connections_per_address.bounds(USUAL_PER_ADDRESS),
                limits.connect_rate_per_address.bounds(USUAL_CONNECT_RATE),
            ),
            origin_warned: AtomicBool::new(false),
            config,
        })
    }
}

/// Descriptors that clients do not get: standard streams, listeners, wake-ups, the script's files.
const RESERVED_FILES: usize = 64;
