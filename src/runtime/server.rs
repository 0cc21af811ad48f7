//! A running server: its threads, and the ends of the port for the consumer and for publishers.

use std::{io, sync::Arc, thread::JoinHandle};

use super::{
    control::{self, Control},
    drive_lock::DriveLock,
    inline_driver::InlineDriver,
    threads,
};
use crate::{
    config::{self, Config, ConfigError, Origins},
    control::Api,
    descriptors::Placeholders,
    hub::{Hub, Interests},
    metrics::WorkerCounters,
    port::{ConsumerParts, Port, Publishers},
    queue::{Ender, LogLevel, LogRecord},
    ring::Table,
    shard::{self, Common, Shard},
    socket::{BindError, SocketFile, bind},
    tls::Certificates,
};

/// Shards that serve. [`Consumer::stop`](crate::port::Consumer::stop) ends them in order, and each says so (`Event::Stopped`);
/// dropping the server ends those at once that have not, and waits for their threads.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<String>,
    hub: Arc<Hub>,
    certificates: Option<Arc<Certificates>>,
    ceiling: usize,
    /// True if every web page may connect.
    any_origin: bool,
    consumer: Option<ConsumerParts>,
    publishers: Publishers,
    control: Option<Control>,
    enders: Vec<Ender>,
    threads: Vec<JoinHandle<()>>,
    /// Removed last, when nothing listens any more.
    files: Vec<SocketFile>,
}

/// The reason for which a server does not start. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An option cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The system refuses a thread or a descriptor.
    #[error("the system refuses a thread or a descriptor: {0}")]
    System(#[from] io::Error),
}

impl Server {
    /// Binds every address, then starts the shards. An error leaves nothing behind.
    pub fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with(Arc::new(Common::new(config)?))
    }

    /// The same for a front, whose workers see the gauges of all connections in the table.
    pub fn start_for_workers(
        config: Config,
        counters: Arc<WorkerCounters>,
        interests: Interests,
    ) -> Result<(Self, Arc<Table>), StartError> {
        let common = Arc::new(Common::new(config)?);
        // A connection that has closed keeps its place until its worker has seen that.
        let table = Table::create(common.ceiling + common.ceiling / 4 + SPARE_GAUGES)?;
        common.hub.serve_workers(table.clone(), counters);
        // Before there is a socket: a client that is early would not be asked for.
        common.hub.set_interests(interests);
        Ok((Self::start_with(common)?, table))
    }

    fn start_with(common: Arc<Common>) -> Result<Self, StartError> {
        shard::keep_large_blocks();
        let shards = common.hub.counters.len();
        let port = Port::open(&common.hub)?;
        let mut server = Self {
            addresses: Vec::new(),
            hub: common.hub.clone(),
            certificates: common.certificates.clone(),
            ceiling: common.ceiling,
            any_origin: common.config.origins == Origins::Any,
            consumer: Some(port.consumer),
            publishers: port.publishers,
            control: None,
            enders: port.enders,
            threads: Vec::new(),
            files: Vec::new(),
        };
        let mut sockets: Vec<Vec<_>> = (0..shards).map(|_| Vec::new()).collect();
        let config = &common.config;
        // The metrics' own address, and the path that only it is written with.
        let own = config.metrics.iter().filter_map(|own| Some((own.listen.as_ref()?, own.path.as_str())));
        for (listen, path) in config.listen.iter().map(|listen| (listen, "")).chain(own) {
            for bound in bind(listen, common.certificates.is_some(), shards)? {
                server.addresses.push(match path {
                    "" => bound.url,
                    path => format!("{}{path}", bound.url.replacen("ws://", "http://", 1)),
                });
                server.files.extend(bound.file);
                for (shard, mut socket) in sockets.iter_mut().zip(bound.sockets) {
                    socket.options.metrics_only = !path.is_empty();
                    shard.push(socket);
                }
            }
        }
        let controls = control::bind(&config.control, common.certificates.as_ref())?;
        server.addresses.extend(controls.urls);
        server.files.extend(controls.files);
        // The descriptors that tokio makes for itself get high numbers too.
        let placeholders = Placeholders::below_floor();
        for (index, (sockets, port)) in sockets.into_iter().zip(port.shards).enumerate() {
            let common = common.clone();
            let drive_lock = DriveLock::new(|| Shard::new(index, common, sockets, port))?;
            #[cfg(target_os = "linux")]
            if shards == 1
                && let Some(consumer) = &mut server.consumer
            {
                consumer.driving = Some(Box::new(InlineDriver::new(drive_lock.clone())?));
            }
            let thread = threads::spawn(format!("ferrite-{index}"), move || drive_lock.run())?;
            server.threads.push(thread);
        }
        if !controls.listeners.is_empty() {
            let api = Api::new(server.publishers.publisher(), server.publishers.log());
            server.control = Some(Control::start(api, controls.listeners)?);
        }
        drop(placeholders);
        Ok(server)
    }

    /// The bound addresses as clients write them, with real ports; then the metrics' own address, then the control
    /// API.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// The state that all threads share.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The records that tell the operator of the start: the addresses, and what the operator should know of the options.
    pub fn start_records(&self) -> Vec<LogRecord> {
        let record = |level, message: String, context: [(&str, String); 1]| LogRecord {
            level,
            message,
            context: context.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        };
        let listening = |address: &String| {
            record(LogLevel::Info, format!("listening on {address}"), [("address", address.clone())])
        };
        let mut records: Vec<_> = self.addresses.iter().map(listening).collect();
        if self.any_origin {
            let message =
                "every web page may connect: the option origins is ['*']; list the pages that shall";
            records.push(record(LogLevel::Warning, message.to_owned(), [("option", "origins".to_owned())]));
        }
        let ceiling = self.ceiling;
        let why = if ceiling < self.hub.limits.max_connections {
            "what the limit of open files leaves"
        } else {
            "limits.maxConnections"
        };
        let message = format!("ceiling: {ceiling} connections ({why})");
        records.push(record(LogLevel::Info, message, [("connections", ceiling.to_string())]));
        records
    }

    /// The most connections at once: the option, or the number that the file limit allows.
    pub fn ceiling(&self) -> usize {
        self.ceiling
    }

    /// The certificates of its TLS sessions; `None` without TLS.
    pub fn certificates(&self) -> Option<&Arc<Certificates>> {
        self.certificates.as_ref()
    }

    /// The number of shards.
    pub fn shards(&self) -> usize {
        self.hub.counters.len()
    }

    /// The consumer's end. Once.
    pub fn take_consumer(&mut self) -> Option<ConsumerParts> {
        self.consumer.take()
    }

    /// Makes publishers for other threads than the consumer's.
    pub fn publishers(&self) -> &Publishers {
        &self.publishers
    }
}

/// Places in the table of gauges beside those of the connections.
const SPARE_GAUGES: usize = 64;

/// Reads a certificate's files; the error names the option and the file.
pub fn check_certificate(files: &config::Tls) -> Result<(), ConfigError> {
    Certificates::load(std::slice::from_ref(files)).map(drop)
}

impl Drop for Server {
    fn drop(&mut self) {
        // Before the shards, which it might wait for.
        drop(self.control.take());
        for ender in &self.enders {
            ender.end();
        }
        for thread in self.threads.drain(..) {
            // A shard catches its own panics; there is nothing to learn from the result.
            let _ = thread.join();
        }
    }
}
