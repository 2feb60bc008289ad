//! Reproducible random numbers: one stream for each seed and purpose, so that drawing more numbers for one purpose
//! never changes another, and no thread ever shares a generator with another.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

/// The generator behind every random choice of the lab. Its algorithm is fixed by name, so it outlives upgrades.
pub type Random = Xoshiro256PlusPlus;

/// The stream of random numbers that belongs to `seed` and `purpose`.
pub fn stream(seed: u64, purpose: &str) -> Random {
    let fnv1a = purpose
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    Random::seed_from_u64(fnv1a ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[cfg(test)]
mod tests {
    use super::stream;
    use rand::Rng;

    #[test]
    fn streams_repeat_and_differ_by_seed_and_purpose() {
        let first = |seed, purpose| stream(seed, purpose).next_u64();
        assert_eq!(first(1, "weights"), first(1, "weights"));
        assert_ne!(first(1, "weights"), first(2, "weights"));
        assert_ne!(first(1, "weights"), first(1, "batches"));
    }
}
