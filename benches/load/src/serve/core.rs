//! Ferrite's own core with a few lines in the place of PHP.

use std::sync::Arc;

use anyhow::{Context, Result};
use ferrite::{
    config::{Config, Limits, Listen},
    port::{Publisher, ConnectionHandle, Outgoing},
    queue::{ConnectionId, Event, Inbox},
    runtime::{Server, Waited},
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Serves until it is killed.
pub fn serve(port: u16, io_threads: usize) -> Result<()> {
    let listen = Listen::parse(&format!("127.0.0.1:{port}"))?;
    let limits = Limits { max_connections: 20_000, max_message_size: 16 << 20, ..Limits::default() };
    let mut server = Server::start(Config { listen: vec![listen], limits, io_threads, ..Config::default() })?;
    println!("{}", server.addresses().join(" ").trim_start_matches("ws://"));
    let mut handle = server.take_handle().context("a server without a handle")?;
    let mut inbox = server.take_inbox().context("a server without an inbox")?;
    let mut clients = Clients::default();
    let mut steering = server.take_steering();
    loop {
        handle.begin_batch();
        for event in std::iter::from_fn(|| inbox.pop()).take(256) {
            clients.handle(event, &mut handle)?;
        }
        handle.end_batch();
        // As PHP's loop does it, signals apart.
        match &mut steering {
            Some(steering) if !inbox.is_empty() => steering.take_turn(),
            Some(steering) => {
                if steering.wait(&inbox, None) == Waited::NotAtAll {
                    sleep(&inbox);
                    steering.woke();
                }
            }
            None => sleep(&inbox),
        }
    }
}

fn sleep(inbox: &Inbox) {
    if inbox.prepare_sleep() {
        // Interrupted or not: the inbox is looked at next.
        let _ = poll(&mut [PollFd::new(inbox.fd(), PollFlags::POLLIN)], PollTimeout::NONE);
        inbox.awake();
        inbox.clear();
    }
}

/// What each client came for, by shard and slot.
#[derive(Default)]
struct Clients(Vec<Vec<Option<Client>>>);

struct Client {
    member: Arc<ConnectionHandle>,
    publishes: bool,
}

impl Clients {
    fn handle(&mut self, event: Event, handle: &mut Publisher) -> Result<()> {
        match event {
            Event::Open { id, opened } => {
                let Some(member) = handle.member(id) else { return Ok(()) };
                let path = opened.request.as_ref().map_or("", |request| request.path());
                if path == "/subscribe" {
                    handle.subscribe(&member, &[TOPIC])?;
                }
                *self.slot(id) = Some(Client { publishes: path == "/publish", member });
            }
            Event::Message { id, payload, binary } => {
                if let Some(client) = self.slot(id) {
                    if client.publishes {
                        handle.publish(TOPIC, Outgoing::new(&payload, binary), &[])?;
                    } else {
                        handle.send(&client.member, Outgoing::new(&payload, binary))?;
                    }
                    handle.consumed(&client.member, payload.len());
                }
            }
            Event::Close { id, .. } => {
                *self.slot(id) = None;
                handle.forget(id);
            }
            _ => {}
        }
        Ok(())
    }

    fn slot(&mut self, id: ConnectionId) -> &mut Option<Client> {
        if self.0.len() <= id.shard() {
            self.0.resize_with(id.shard() + 1, Vec::new);
        }
        let slots = &mut self.0[id.shard()];
        if slots.len() <= id.place() {
            slots.resize_with(id.place() + 1, || None);
        }
        &mut slots[id.place()]
    }
}

const TOPIC: &str = "news";
