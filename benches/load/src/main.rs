//! Load for WebSocket servers, as one JSON line a run. See `ferrite-load --help`.
//!
//! It speaks to any server by its address and, with `--pid`, reads that process's CPU time (all its
//! threads and children, kernel work included) and memory. A message that is missing, changed or out
//! of order is an error, not a number.

mod client;
mod core;
mod peer;
mod process;

use std::{process::ExitCode, rc::Rc, time::Duration};

use serde_json::json;
use tokio::{runtime::Builder, task::LocalSet};

const HELP: &str = "\
usage: ferrite-load echo [options]   send messages, wait for their echoes
       ferrite-load idle [options]   open connections and leave them alone
       ferrite-load core             serve: the core's echo without PHP, the ceiling
       ferrite-load peer             serve: a plain tokio-tungstenite echo, to compare with

options:
  --to HOST:PORT     the server (127.0.0.1:8080)
  --pid PID          its process: adds CPU time and memory to the result
  --name TEXT        goes into the result
  --connections N    (64)
  --size BYTES       of a message (20)
  --window N         messages in flight on each connection (1)
  --seconds S        how long to measure, after a second to warm up (5)";

/// What to do.
pub struct Options {
    to: String,
    pid: Option<u32>,
    name: String,
    connections: usize,
    size: usize,
    window: usize,
    seconds: f64,
}

fn main() -> ExitCode {
    let (mode, options) = match parse() {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("ferrite-load: {error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = LocalSet::new();
    let result = local.block_on(&runtime, async {
        match mode.as_str() {
            "echo" => echo(options).await,
            "idle" => idle(options).await,
            "core" => core::serve(),
            _ => peer::serve().await,
        }
    });
    match result {
        Ok(line) => println!("{line}"),
        Err(error) => {
            eprintln!("ferrite-load: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn echo(options: Options) -> Result<String, String> {
    let options = Rc::new(options);
    let shared = Rc::new(client::Shared::default());
    let mut tasks = Vec::new();
    for number in 0..options.connections {
        let socket = client::connect(&options.to).await?;
        let (options, shared) = (options.clone(), shared.clone());
        tasks.push(tokio::task::spawn_local(client::echo(socket, number, options, shared)));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = process::usage(options.pid)?;
    let (count, began) = shared.measure();
    tokio::time::sleep(Duration::from_secs_f64(options.seconds)).await;
    let messages = shared.count() - count;
    let seconds = began.elapsed().as_secs_f64();
    let after = process::usage(options.pid)?;
    shared.finish();
    for task in tasks {
        task.await.map_err(|e| e.to_string())??;
    }
    let latencies = shared.latencies();
    let micros = |quantile| latencies.value_at_quantile(quantile) as f64 / 1000.0;
    Ok(json!({
        "name": options.name, "mode": "echo", "connections": options.connections, "size": options.size,
        "window": options.window, "messages": messages, "rate": (messages as f64 / seconds).round(),
        "cpu_us": after.zip(before).map(|(a, b)| (a.cpu - b.cpu).as_nanos() as f64 / 1000.0 / messages as f64),
        "rss_kib": after.map(|a| a.rss_kib), "p50_us": micros(0.5), "p99_us": micros(0.99),
        "p999_us": micros(0.999),
    })
    .to_string())
}

async fn idle(options: Options) -> Result<String, String> {
    let before = process::usage(options.pid)?;
    let mut sockets = Vec::with_capacity(options.connections);
    for _ in 0..options.connections {
        sockets.push(client::connect(&options.to).await?);
    }
    tokio::time::sleep(Duration::from_secs_f64(options.seconds)).await;
    let after = process::usage(options.pid)?;
    let per = |total: f64| total / options.connections as f64;
    Ok(json!({
        "name": options.name, "mode": "idle", "connections": sockets.len(),
        "rss_kib": after.map(|a| a.rss_kib),
        "bytes_per_connection": after.zip(before).map(|(a, b)| per((a.rss_kib - b.rss_kib) * 1024.0).round()),
        "handshake_cpu_us": after.zip(before).map(|(a, b)| per((a.cpu - b.cpu).as_nanos() as f64 / 1000.0)),
    })
    .to_string())
}

fn parse() -> Result<(String, Options), lexopt::Error> {
    use lexopt::prelude::*;
    let mut mode = None;
    let mut options = Options {
        to: "127.0.0.1:8080".to_owned(),
        pid: None,
        name: String::new(),
        connections: 64,
        size: 20,
        window: 1,
        seconds: 5.0,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Value(value)
                if mode.is_none() && ["echo", "idle", "core", "peer"].iter().any(|m| value == *m) =>
            {
                mode = Some(value.string()?);
            }
            Long("to") => options.to = parser.value()?.string()?,
            Long("pid") => options.pid = Some(parser.value()?.parse()?),
            Long("name") => options.name = parser.value()?.string()?,
            Long("connections") => options.connections = parser.value()?.parse()?,
            Long("size") => options.size = parser.value()?.parse()?,
            Long("window") => options.window = parser.value()?.parse()?,
            Long("seconds") => options.seconds = parser.value()?.parse()?,
            Short('h') | Long("help") => {
                println!("{HELP}");
                std::process::exit(0);
            }
            other => return Err(other.unexpected()),
        }
    }
    if options.size < 12 || options.size > 60_000 {
        return Err("--size must be between 12 and 60000".into());
    }
    Ok((mode.ok_or("say echo, idle, core or peer")?, options))
}
