//! Ferrite's own core with an echo in the place of PHP: the ceiling of what PHP can reach.

use std::collections::VecDeque;

use ferrite::{
    config::{Config, Listen},
    queue::Event,
    runtime::Server,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Serves on a free port, which it prints, until it is killed.
pub fn serve() -> Result<String, String> {
    let listen = Listen::parse("127.0.0.1:0").map_err(|e| e.to_string())?;
    let config = Config { listen: vec![listen], io_threads: 1, ..Config::default() };
    let mut server = Server::start(config).map_err(|e| e.to_string())?;
    println!("{}", server.addresses().join(" ").trim_start_matches("ws://"));
    let (Some(mut handle), Some(mut inbox)) = (server.take_handle(), server.take_inbox()) else {
        return Err("the server gave no handle".to_owned());
    };
    let mut members = std::collections::HashMap::new();
    let mut batch = VecDeque::new();
    loop {
        if inbox.drain(256, &mut batch) == 0 {
            if inbox.prepare_sleep() {
                let _ = poll(&mut [PollFd::new(inbox.fd(), PollFlags::POLLIN)], PollTimeout::NONE);
                inbox.awake();
            }
            inbox.clear();
            continue;
        }
        handle.begin_batch();
        for event in batch.drain(..) {
            match event {
                Event::Open { id, .. } => {
                    members.extend(handle.member(id).map(|member| (id, member)));
                }
                Event::Message { id, payload, binary } => {
                    if let Some(member) = members.get(&id) {
                        handle.send(member, &payload, binary).map_err(|e| e.to_string())?;
                        handle.consumed(member, payload.len());
                    }
                }
                Event::Close { id, .. } => {
                    members.remove(&id);
                    handle.forget(id);
                }
                _ => {}
            }
        }
        handle.end_batch();
    }
}
