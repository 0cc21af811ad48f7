//! Ferrite's own core with a few lines in the place of PHP.

use std::cell::Cell;

use anyhow::{Context, Result};
use ferrite::{
    config::{Config, Limits, Listen},
    port::{Delivery, Event, Outgoing, Publisher},
    runtime::Server,
};

/// Serves until it is killed.
pub fn serve(port: u16, io_threads: usize) -> Result<()> {
    let listen = Listen::parse(&format!("127.0.0.1:{port}"))?;
    let limits = Limits { max_connections: 20_000, max_message_size: 16 << 20, ..Limits::default() };
    let mut server = Server::start(Config { listen: vec![listen], limits, io_threads, ..Config::default() })?;
    println!("{}", server.addresses().join(" ").trim_start_matches("ws://"));
    let parts = server.take_consumer().context("a server without a consumer")?;
    let mut consumer = parts.assemble::<Client>();
    let publisher = consumer.publisher();
    loop {
        consumer.begin_batch();
        for _ in 0..256 {
            let Some(delivery) = consumer.receive() else { break };
            handle(&delivery, &mut publisher.borrow_mut())?;
        }
        consumer.end_batch();
        // As PHP's loop does it, signals apart.
        if consumer.has_events() {
            consumer.serve_once();
        } else {
            consumer.wait(None, None);
        }
    }
}

/// Data of a connection.
#[derive(Debug, Default)]
struct Client {
    publishes: Cell<bool>,
}

fn handle(delivery: &Delivery<Client>, publisher: &mut Publisher) -> Result<()> {
    let Some(client) = delivery.receipt.connection() else { return Ok(()) };
    match &delivery.event {
        Event::Open { opened, .. } => {
            let path = opened.request.as_ref().map_or("", |request| request.path());
            if path == "/subscribe" {
                publisher.subscribe(client.handle(), &[TOPIC])?;
            }
            client.data.publishes.set(path == "/publish");
        }
        Event::Message { payload, binary, .. } => {
            let message = Outgoing::new(payload, *binary);
            if client.data.publishes.get() {
                publisher.publish(TOPIC, message, &[])?;
            } else {
                publisher.send(client.handle(), message)?;
            }
        }
        _ => {}
    }
    Ok(())
}

const TOPIC: &str = "news";
