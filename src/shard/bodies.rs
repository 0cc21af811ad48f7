//! The memory of plain requests' bodies: a fixed part of the budget for incoming data.
//!
//! A body costs its client only the sending, and most clients send none. So messages always have the rest of the
//! budget, and one address has only a part of the bodies' part.

use std::{collections::HashMap, net::IpAddr};

use crate::{http::Request, limits::network, queue::CommandReceiver};

/// The bodies of one shard.
#[derive(Debug)]
pub(super) struct Bodies {
    /// Bytes of all bodies.
    share: usize,
    /// Bytes of the bodies of one address while they arrive.
    each: usize,
    /// Bytes that messages lose to bodies at most.
    part: usize,
    /// Bytes of those that are not whole yet, in all and by address.
    arriving: usize,
    by_address: HashMap<IpAddr, usize>,
    /// Bytes of those that were handed to the consumer.
    handed: u64,
}

impl Bodies {
    /// Of `receive_share` bytes for everything that comes in. There is room for one body of the largest size, if it fits
    /// into that.
    pub(super) fn new(receive_share: usize, max_body: usize) -> Self {
        let (part, one) = (receive_share / PART, max_body.min(receive_share));
        Self {
            share: part.max(one),
            each: (part / PART).max(one),
            part,
            arriving: 0,
            by_address: HashMap::new(),
            handed: 0,
        }
    }

    /// The part of the messages' budget that bodies take now.
    pub(super) fn of_messages(&self, commands: &CommandReceiver) -> usize {
        self.waiting(commands).min(self.part)
    }

    /// Counts `bytes` more of a body that arrives. False if that is too much.
    pub(super) fn arrive(&mut self, commands: &CommandReceiver, request: &Request, bytes: usize) -> bool {
        self.arriving += bytes;
        let fits = self.waiting(commands) <= self.share;
        let Some(address) = address(request).filter(|_| bytes > 0) else { return fits };
        let of_address = self.by_address.entry(address).or_default();
        *of_address += bytes;
        *of_address <= self.each && fits
    }

    /// Uncounts all `bytes` of a body that arrived, or will not.
    pub(super) fn leave(&mut self, request: &Request, bytes: usize) {
        self.arriving = self.arriving.saturating_sub(bytes);
        if let Some(address) = address(request)
            && let Some(of_address) = self.by_address.get_mut(&address)
        {
            *of_address = of_address.saturating_sub(bytes);
            if *of_address == 0 {
                self.by_address.remove(&address);
            }
        }
    }

    /// Counts one that is handed to the consumer.
    pub(super) fn hand(&mut self, bytes: usize) {
        self.handed += bytes as u64;
    }

    /// All that arrive or wait for the consumer.
    pub(super) fn waiting(&self, commands: &CommandReceiver) -> usize {
        self.arriving + self.handed.saturating_sub(commands.answered()) as usize
    }
}

fn address(request: &Request) -> Option<IpAddr> {
    request.remote_address().parse().ok().map(network)
}

/// Bodies are a quarter of the budget for incoming data, those of one address a quarter of that.
const PART: usize = 4;
