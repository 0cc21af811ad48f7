//! The thread of the control API.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::JoinHandle,
};

use tokio::{runtime::Builder, sync::watch, task::LocalSet};

use super::threads;
use crate::{
    config::{self, Address},
    control::{Api, Listener, serve},
    socket::{BindError, SocketFile, bind_private},
    tls::Certificates,
};

/// The listening sockets of the control API, before anybody is served.
#[derive(Debug, Default)]
pub(super) struct Bound {
    /// As publishers write them, without key and secret.
    pub(super) urls: Vec<String>,
    pub(super) files: Vec<SocketFile>,
    pub(super) listeners: Vec<Listener>,
}

/// The running control API. Dropped, it lets the answers leave that are on their way, and ends.
#[derive(Debug)]
pub(super) struct Control {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Binds every address of the option `control`.
pub(super) fn bind(
    control: &[config::Control],
    certificates: Option<&Arc<Certificates>>,
) -> Result<Bound, BindError> {
    let mut all = Bound::default();
    for config::Control { address, tls, keys } in control {
        let tls = certificates.filter(|_| *tls);
        for bound in bind_private(address, tls.is_some())? {
            let scheme = if tls.is_some() { "https" } else { "http" };
            all.urls.push(match (address, bound.url.split_once("://")) {
                (Address::Tcp { .. }, Some((_, authority))) => format!("{scheme}://{authority}"),
                _ => address.to_string(),
            });
            all.files.extend(bound.file);
            all.listeners.extend(bound.sockets.into_iter().map(|listening| Listener {
                listening,
                keys: keys.clone(),
                tls: tls.cloned(),
            }));
        }
    }
    Ok(all)
}

impl Control {
    /// Starts the thread.
    pub(super) fn start(api: Api, listeners: Vec<Listener>) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let (stop, stopped) = watch::channel(false);
        let thread = threads::spawn("ferrite-control".to_owned(), move || {
            // A request's panic ends its connection. One outside of them leaves the server without a control API,
            // which publishers notice; it must not take the process along.
            let _ = catch_unwind(AssertUnwindSafe(|| {
                LocalSet::new().block_on(&runtime, serve(api, listeners, stopped))
            }));
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // It catches its own panics; there is nothing to learn from the result.
            let _ = thread.join();
        }
    }
}
