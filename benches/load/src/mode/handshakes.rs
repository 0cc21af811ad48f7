//! Clients that come and go.

use std::{
    io::{ErrorKind, Read, Write},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use mio::net::TcpStream;

use crate::{
    opening::{Opening, Way},
    outbound::close_frame,
    reactor::Reactor,
    report::{Meter, Report, histogram, nanos},
    target::{Target, count, seconds},
};

/// Connect, upgrade, close, over and over: rate, CPU time of one whole life, latency from connect() to 101
#[derive(Args)]
pub struct Handshakes {
    #[command(flatten)]
    target: Target,
    /// Clients at once
    #[arg(long, default_value_t = 32, value_parser = count)]
    at_once: usize,
    /// Seconds to measure
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    seconds: f64,
    /// Seconds to do it before that
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    warm_up: f64,
}

impl Handshakes {
    pub fn run(self) -> Result<Report> {
        let mut churn = Churn::begin(&self.target, self.at_once)?;
        churn.run_for(self.warm_up)?;
        churn.latencies.clear();
        let (before, meter) = (churn.done, Meter::start(&self.target)?);
        churn.run_for(self.seconds)?;
        Report::new(&self.target, "handshakes")
            .put("at_once", self.at_once)
            .put_metered(&meter.stop()?, churn.done - before)
            .put_latencies(&churn.latencies)
            .put_memory(&self.target)
    }
}

struct Churn {
    reactor: Reactor,
    way: Way,
    clients: Vec<(Instant, Client)>,
    /// Lives that are over.
    done: u64,
    latencies: Histogram<u64>,
}

/// A life.
enum Client {
    Opening(Opening),
    /// Our close frame is sent; bytes received since are kept.
    Closing(TcpStream, Vec<u8>),
    /// Only while it passes from one to the other.
    Gone,
}

impl Churn {
    fn begin(target: &Target, at_once: usize) -> Result<Self> {
        let (reactor, way) = (Reactor::new(target.patience())?, Way::to(target, "/echo")?);
        let clients = (0..at_once)
            .map(|number| Ok((Instant::now(), Client::Opening(Opening::begin(&reactor, &way, number)?))))
            .collect::<Result<_>>()?;
        Ok(Self { reactor, way, clients, done: 0, latencies: histogram() })
    }

    fn run_for(&mut self, seconds: f64) -> Result<()> {
        let until = Instant::now() + Duration::from_secs_f64(seconds);
        while Instant::now() < until {
            ensure!(
                self.reactor.wait(TICK)?,
                "the server does not answer; {} handshakes were done",
                self.done
            );
            let ready: Vec<_> = self.reactor.ready().0.collect();
            for number in ready {
                self.advance(number).with_context(|| format!("after {} handshakes", self.done))?;
            }
        }
        Ok(())
    }

    fn advance(&mut self, number: usize) -> Result<()> {
        let (began, client) = &mut self.clients[number];
        if let Client::Opening(opening) = client {
            if !opening.advance(&self.way)? {
                return Ok(());
            }
            self.latencies.saturating_record(nanos(began.elapsed()));
            let Client::Opening(opening) = std::mem::replace(client, Client::Gone) else { return Ok(()) };
            let mut stream = opening.into_stream();
            // It fits: nothing else was sent on this connection.
            stream.write_all(&close_frame(number)).context("the close frame")?;
            *client = Client::Closing(stream, Vec::new());
        }
        if let Client::Closing(stream, answer) = client
            && is_over(stream, answer)?
        {
            self.done += 1;
            self.clients[number] =
                (Instant::now(), Client::Opening(Opening::begin(&self.reactor, &self.way, number)?));
        }
        Ok(())
    }
}

/// True if the server has answered our close frame and closed the connection, as RFC 6455 section 7.1.1 has it.
fn is_over(stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<bool> {
    let mut buffer = [0; 256];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => {
                ensure!(answer.as_slice() == CLOSED, "the close frame was answered with {answer:02x?}");
                return Ok(true);
            }
            Ok(read) => answer.extend(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => bail!("closing: {error}; {answer:02x?} came before"),
        }
    }
}

const TICK: Duration = Duration::from_millis(50);
/// The close frame that must come back: with our code, 1000.
const CLOSED: &[u8] = &[0x88, 2, 0x03, 0xE8];
