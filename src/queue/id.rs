//! The id of a connection, in the whole process and in PHP.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The id of one connection. It stays valid for the life of the server and is never reused.
///
/// An id has 53 bits, because JSON readers that only have floats keep as many. From the highest bit on these are a
/// round, a place and the shard. The place is the connection's entry in its shard. The round makes stale ids miss: the
/// next connection at the same place has another round.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// The most shards that an id can name.
    pub const MAX_SHARDS: usize = 1 << SHARD_BITS;
    /// The most connections of one shard that an id can name.
    pub const MAX_PLACES: usize = 1 << PLACE_BITS;
    /// The most rounds: connections that one place can have, one after the other.
    pub const MAX_ROUNDS: u64 = 1 << ROUND_BITS;

    /// Makes an id from its parts. No connection has the id whose parts are all zero.
    pub const fn new(shard: usize, place: usize, round: u64) -> Self {
        let shard = shard as u64 & ((1 << SHARD_BITS) - 1);
        let place = place as u64 & ((1 << PLACE_BITS) - 1);
        let round = round & (Self::MAX_ROUNDS - 1);
        Self(round << (SHARD_BITS + PLACE_BITS) | place << SHARD_BITS | shard)
    }

    /// The id as a PHP integer, which is positive.
    pub const fn to_php(self) -> i64 {
        self.0 as i64
    }

    /// The id that a PHP integer stands for. Any integer makes an id, and so do any 64 bits from another process; most of
    /// them belong to no connection.
    pub const fn from_php(value: i64) -> Self {
        Self(value as u64)
    }

    /// The shard that owns the connection.
    pub const fn shard(self) -> usize {
        (self.0 & ((1 << SHARD_BITS) - 1)) as usize
    }

    /// The connection's place in its shard.
    pub const fn place(self) -> usize {
        ((self.0 >> SHARD_BITS) & ((1 << PLACE_BITS) - 1)) as usize
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
const PLACE_BITS: u32 = 20;
const ROUND_BITS: u32 = 53 - SHARD_BITS - PLACE_BITS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_gives_back_its_parts_and_is_positive_in_php() {
        let id = ConnectionId::new(63, (1 << 20) - 1, (1 << 27) - 1);
        assert_eq!((id.shard(), id.place()), (63, (1 << 20) - 1));
        assert_eq!(ConnectionId::from_php(id.to_php()), id);
    }

    #[test]
    fn the_largest_id_is_the_same_in_a_reader_that_has_only_floats() {
        let largest = ConnectionId::new(usize::MAX, usize::MAX, u64::MAX).to_php();
        assert_eq!(largest, (1 << 53) - 1);
        let json = serde_json::to_string(&largest).unwrap();
        assert_eq!(json.parse::<f64>().unwrap() as i64, largest);
    }

    #[test]
    fn the_next_tenant_of_a_place_has_another_id() {
        assert_ne!(ConnectionId::new(1, 7, 1), ConnectionId::new(1, 7, 2));
    }
}
