//! Reproducible random numbers: one stream for each seed and purpose, so that drawing more numbers for one purpose
//! never changes another, and no thread ever shares a generator with another.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus, seq::SliceRandom};

/// The generator behind every random choice of the lab. Its algorithm is fixed by name, so it outlives upgrades.
pub type Random = Xoshiro256PlusPlus;

/// The stream of random numbers that belongs to `seed` and `purpose`.
pub fn stream(seed: u64, purpose: &str) -> Random {
    Random::seed_from_u64(hash(purpose.as_bytes()) ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The order in which a training goes through its rows, shuffled anew for each epoch.
pub struct Order {
    rows: Vec<usize>,
    random: Random,
    epoch: usize,
}

impl Order {
    /// The order of that many rows for a seed.
    pub fn new(rows: usize, seed: u64) -> Self {
        Self { rows: (0..rows).collect(), random: stream(seed, "batches"), epoch: 0 }
    }

    /// The rows in the order of an epoch, counted from 1. Epochs may be left out, but not asked for again.
    pub fn of_epoch(&mut self, epoch: usize) -> &[usize] {
        debug_assert!(epoch > self.epoch);
        while self.epoch < epoch {
            self.rows.shuffle(&mut self.random);
            self.epoch += 1;
        }
        &self.rows
    }
}

/// FNV-1a: a number that is the same on every machine and differs for different bytes, as good as always.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::{Order, stream};
    use rand::Rng;

    #[test]
    fn an_epoch_has_its_order_whether_or_not_those_before_were_asked_for() {
        let (mut all, mut last) = (Order::new(50, 1), Order::new(50, 1));
        let orders = [1, 2, 3].map(|epoch| all.of_epoch(epoch).to_vec());
        assert_eq!(last.of_epoch(3), orders[2]);
        assert_ne!(orders[1], orders[2]);
    }

    #[test]
    fn streams_repeat_and_differ_by_seed_and_purpose() {
        let first = |seed, purpose| stream(seed, purpose).next_u64();
        assert_eq!(first(1, "weights"), first(1, "weights"));
        assert_ne!(first(1, "weights"), first(2, "weights"));
        assert_ne!(first(1, "weights"), first(1, "batches"));
    }
}
