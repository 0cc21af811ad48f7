//! The name of a connection, everywhere in the process and in PHP.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names one connection for as long as the server lives; never reused.
///
/// From the top: one unused sign bit (PHP integers are signed), a serial number, the slot, the
/// shard. The serial makes a stale id miss: a slot's next tenant has another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// The most shards that an id can name.
    pub const MAX_SHARDS: usize = 1 << SHARD_BITS;
    /// The most connections of one shard that an id can name.
    pub const MAX_SLOTS: usize = 1 << SLOT_BITS;

    /// Puts an id together. `serial` counts the connections of the shard from 1, so that no id is 0.
    pub const fn new(shard: usize, slot: usize, serial: u64) -> Self {
        let shard = shard as u64 & ((1 << SHARD_BITS) - 1);
        let slot = slot as u64 & ((1 << SLOT_BITS) - 1);
        let serial = serial & ((1 << SERIAL_BITS) - 1);
        Self(serial << (SHARD_BITS + SLOT_BITS) | slot << SHARD_BITS | shard)
    }

    /// The id as PHP sees it: positive.
    pub const fn to_php(self) -> i64 {
        self.0 as i64
    }

    /// The id that a PHP integer names. Any integer makes one; most name nobody.
    pub const fn from_php(value: i64) -> Self {
        Self(value as u64)
    }

    /// The shard that owns the connection.
    pub const fn shard(self) -> usize {
        (self.0 & ((1 << SHARD_BITS) - 1)) as usize
    }

    /// The connection's place in its shard.
    pub const fn slot(self) -> usize {
        ((self.0 >> SHARD_BITS) & ((1 << SLOT_BITS) - 1)) as usize
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

const SHARD_BITS: u32 = 6;
const SLOT_BITS: u32 = 20;
/// 137 thousand million connections of one shard: 159 days at 10 000 new ones a second, and then
/// an id repeats only if its slot does too.
const SERIAL_BITS: u32 = 63 - SHARD_BITS - SLOT_BITS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_gives_back_its_parts_and_is_positive_in_php() {
        let id = ConnectionId::new(63, (1 << 20) - 1, (1 << 37) - 1);
        assert_eq!((id.shard(), id.slot()), (63, (1 << 20) - 1));
        assert!(id.to_php() > 0);
        assert_eq!(ConnectionId::from_php(id.to_php()), id);
    }

    #[test]
    fn the_next_tenant_of_a_slot_has_another_id() {
        assert_ne!(ConnectionId::new(1, 7, 1), ConnectionId::new(1, 7, 2));
    }
}
