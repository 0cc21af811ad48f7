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
    others: Bounds,
    loopback: Bounds,
    table: Mutex<Table>,
}

/// Bounds of one address.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    open: Option<usize>,
    rate: Option<f64>,
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
    rate: Option<f64>,
    bucket: TokenBucket,
}

impl AddressLimits {
    /// Allows each address `open` connections and `rate` new ones a second. The first of each pair is for other hosts,
    /// the second for addresses of this host.
    pub fn new(open: (Option<usize>, Option<usize>), rate: (Option<f64>, Option<f64>)) -> Self {
        Self {
            others: Bounds { open: open.0, rate: rate.0 },
            loopback: Bounds { open: open.1, rate: rate.1 },
            table: Mutex::default(),
        }
    }

    /// Counts a new connection. `Ok(None)`: its address is not limited. `Err`: it has too many. `pardon`: the server
    /// accepted no connection for that long, so clients of that time arrive now and the burst is larger by as much.
    pub fn enter(
        &self,
        address: IpAddr,
        now: Duration,
        pardon: Duration,
    ) -> Result<Option<Admission>, TooMany> {
        // One host in both families.
        let address = address.to_canonical();
        let Bounds { open, rate } = if address.is_loopback() { self.loopback } else { self.others };
        if open.is_none() && rate.is_none() {
            return Ok(None);
        }
        let key = network(address);
        let mut table = self.table.lock();
        table.sweep(now);
        let entry = table.addresses.entry(key).or_insert_with(|| Entry {
            open: 0,
            rate,
            bucket: TokenBucket::full(burst(rate), now.saturating_sub(pardon)),
        });
        if open.is_some_and(|most| entry.open >= most) {
            return Err(TooMany);
        }
        if let Some(per_second) = rate {
            let burst = burst(rate) + per_second * pardon.as_secs_f64();
            entry.bucket.take(per_second, burst, now).map_err(|_| TooMany)?;
        }
        entry.open += 1;
        Ok(Some(Admission(key)))
    }

    /// Removes an ended connection from the count.
    pub fn leave(&self, admission: Admission) {
        if let Some(entry) = self.table.lock().addresses.get_mut(&admission.0) {
            entry.open = entry.open.saturating_sub(1);
        }
    }
}

impl Table {
    /// Forgets addresses without a connection and with a full bucket, so that memory follows the clients of the
    /// last seconds and not those of all time.
    fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        self.addresses.retain(|_, entry| {
            entry.open > 0
                || entry.rate.is_some_and(|rate| !entry.bucket.is_full(rate, burst(Some(rate)), now))
        });
    }
}

/// The burst: connections of two seconds, and at least one.
fn burst(rate: Option<f64>) -> f64 {
    (rate.unwrap_or(0.0) * 2.0).max(1.0)
}

/// Reduces an address to the part that is counted: one customer of an IPv6 network has a whole /64.
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

    /// For other hosts, and without bounds for this one.
    fn of(open: Option<usize>, rate: Option<f64>) -> AddressLimits {
        AddressLimits::new((open, None), (rate, None))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_so_many_connections_and_gets_one_back_for_each_it_ends() {
        let limits = of(Some(2), None);
        let first = limits.enter(ip("192.0.2.1"), NOW, Duration::ZERO).unwrap().unwrap();
        assert!(limits.enter(ip("192.0.2.1"), NOW, Duration::ZERO).is_ok());
        assert!(limits.enter(ip("192.0.2.1"), NOW, Duration::ZERO).is_err());
        assert!(limits.enter(ip("192.0.2.2"), NOW, Duration::ZERO).is_ok());
        limits.leave(first);
        assert!(limits.enter(ip("192.0.2.1"), NOW, Duration::ZERO).is_ok());
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let limits = of(Some(1), None);
        assert!(limits.enter(ip("2001:db8::1"), NOW, Duration::ZERO).is_ok());
        assert!(limits.enter(ip("2001:db8::2"), NOW, Duration::ZERO).is_err());
        assert!(limits.enter(ip("2001:db8:0:1::1"), NOW, Duration::ZERO).is_ok());
    }

    #[test]
    fn this_host_has_bounds_of_its_own_in_every_form_of_its_address() {
        for loopback in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"].map(ip) {
            assert_eq!(of(Some(0), Some(1.0)).enter(loopback, NOW, Duration::ZERO), Ok(None), "{loopback}");
            let bounded = AddressLimits::new((None, Some(1)), (None, None));
            let _first = bounded.enter(loopback, NOW, Duration::ZERO).unwrap().unwrap();
            assert!(bounded.enter(loopback, NOW, Duration::ZERO).is_err(), "{loopback}");
            assert_eq!(bounded.enter(ip("192.0.2.1"), NOW, Duration::ZERO), Ok(None));
            // Each bound is on its own.
            let rate = AddressLimits::new((None, None), (None, Some(1.0)));
            assert_eq!(
                (0..4).filter(|_| rate.enter(loopback, NOW, Duration::ZERO).is_ok()).count(),
                2,
                "{loopback}"
            );
        }
    }

    #[test]
    fn an_address_is_one_in_both_families() {
        let limits = of(Some(1), None);
        assert!(limits.enter(ip("192.0.2.1"), NOW, Duration::ZERO).is_ok());
        assert!(limits.enter(ip("::ffff:192.0.2.1"), NOW, Duration::ZERO).is_err());
        assert!(limits.enter(ip("::ffff:192.0.2.2"), NOW, Duration::ZERO).is_ok(), "not one network");
    }

    #[test]
    fn new_connections_come_at_the_rate_after_the_burst() {
        let limits = of(None, Some(1.0));
        assert!(limits.enter(ip("192.0.2.1"), NOW, Duration::ZERO).is_ok());
        assert!(limits.enter(ip("192.0.2.1"), NOW, Duration::ZERO).is_ok());
        assert!(limits.enter(ip("192.0.2.1"), NOW, Duration::ZERO).is_err());
        assert!(limits.enter(ip("192.0.2.1"), NOW + Duration::from_secs(1), Duration::ZERO).is_ok());
    }

    #[test]
    fn an_address_without_connections_is_forgotten() {
        let limits = of(Some(9), Some(1.0));
        let admission = limits.enter(ip("192.0.2.1"), NOW, Duration::ZERO).unwrap().unwrap();
        limits.leave(admission);
        let _ = limits.enter(ip("192.0.2.2"), NOW + SWEEP, Duration::ZERO);
        assert_eq!(limits.table.lock().addresses.len(), 1);
    }
}
