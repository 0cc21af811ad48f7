//! Connections by client address: how many are open, and how fast new ones come.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use parking_lot::Mutex;

use super::TokenBucket;

/// Shared by all shards; locked once for a connection and once for its end.
#[derive(Debug)]
pub struct AddressLimits {
    open: Option<usize>,
    rate: Option<f64>,
    loopback: bool,
    table: Mutex<Table>,
}

/// A connection that is counted, until it is handed to [`AddressLimits::leave`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission(IpAddr);

/// The address has, or makes, more connections than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

#[derive(Debug, Default)]
struct Table {
    addresses: HashMap<IpAddr, Entry>,
    swept: Duration,
}

#[derive(Debug)]
struct Entry {
    open: usize,
    bucket: TokenBucket,
}

impl AddressLimits {
    /// `open` connections and `rate` new ones a second for each address; `loopback`: for peers on
    /// this host too.
    pub fn new(open: Option<usize>, rate: Option<f64>, loopback: bool) -> Self {
        Self { open, rate, loopback, table: Mutex::default() }
    }

    /// Counts a new connection. `Ok(None)`: its address is not limited. `Err`: it has too many.
    pub fn enter(&self, address: IpAddr, now: Duration) -> Result<Option<Admission>, TooMany> {
        if (self.open.is_none() && self.rate.is_none()) || (address.is_loopback() && !self.loopback) {
            return Ok(None);
        }
        let key = network(address);
        let mut table = self.table.lock();
        table.sweep(self.rate, now);
        let entry = table
            .addresses
            .entry(key)
            .or_insert_with(|| Entry { open: 0, bucket: TokenBucket::full(burst(self.rate), now) });
        if self.open.is_some_and(|most| entry.open >= most) {
            return Err(TooMany);
        }
        if let Some(rate) = self.rate {
            entry.bucket.take(rate, burst(self.rate), now).map_err(|_| TooMany)?;
        }
        entry.open += 1;
        Ok(Some(Admission(key)))
    }

    /// Uncounts it.
    pub fn leave(&self, admission: Admission) {
        if let Some(entry) = self.table.lock().addresses.get_mut(&admission.0) {
            entry.open = entry.open.saturating_sub(1);
        }
    }
}

impl Table {
    /// Forgets who has nothing open and a full bucket, so that memory follows the clients of the
    /// last seconds and not those of all time.
    fn sweep(&mut self, rate: Option<f64>, now: Duration) {
        if now.saturating_sub(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        self.addresses.retain(|_, entry| {
            entry.open > 0 || rate.is_some_and(|rate| !entry.bucket.is_full(rate, burst(Some(rate)), now))
        });
    }
}

/// Twice what a second allows, and room for at least one.
fn burst(rate: Option<f64>) -> f64 {
    (rate.unwrap_or(0.0) * 2.0).max(1.0)
}

/// What counts as one address: one customer of an IPv6 network has a whole /64.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
    }
}

const SWEEP: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_so_many_connections_and_gets_one_back_for_each_it_ends() {
        let limits = AddressLimits::new(Some(2), None, false);
        let first = limits.enter(ip("192.0.2.1"), NOW).unwrap().unwrap();
        assert!(limits.enter(ip("192.0.2.1"), NOW).is_ok());
        assert!(limits.enter(ip("192.0.2.1"), NOW).is_err());
        assert!(limits.enter(ip("192.0.2.2"), NOW).is_ok());
        limits.leave(first);
        assert!(limits.enter(ip("192.0.2.1"), NOW).is_ok());
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let limits = AddressLimits::new(Some(1), None, false);
        assert!(limits.enter(ip("2001:db8::1"), NOW).is_ok());
        assert!(limits.enter(ip("2001:db8::2"), NOW).is_err());
        assert!(limits.enter(ip("2001:db8:0:1::1"), NOW).is_ok());
    }

    #[test]
    fn loopback_is_limited_only_if_asked() {
        assert_eq!(AddressLimits::new(Some(0), None, false).enter(ip("127.0.0.1"), NOW), Ok(None));
        assert!(AddressLimits::new(Some(0), None, true).enter(ip("127.0.0.1"), NOW).is_err());
    }

    #[test]
    fn new_connections_come_at_the_rate_after_the_burst() {
        let limits = AddressLimits::new(None, Some(1.0), false);
        assert!(limits.enter(ip("192.0.2.1"), NOW).is_ok());
        assert!(limits.enter(ip("192.0.2.1"), NOW).is_ok());
        assert!(limits.enter(ip("192.0.2.1"), NOW).is_err());
        assert!(limits.enter(ip("192.0.2.1"), NOW + Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let limits = AddressLimits::new(Some(9), Some(1.0), false);
        let admission = limits.enter(ip("192.0.2.1"), NOW).unwrap().unwrap();
        limits.leave(admission);
        let _ = limits.enter(ip("192.0.2.2"), NOW + SWEEP);
        assert_eq!(limits.table.lock().addresses.len(), 1);
    }
}
