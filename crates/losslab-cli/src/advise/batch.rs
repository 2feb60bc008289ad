//! Batches of P classes × K samples.

/// P × K.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PxK {
    /// P: classes in a batch.
    pub classes: usize,
    /// K: samples of each.
    pub samples: usize,
}

/// K where nothing speaks against it: Hermans et al. 2017.
const SAMPLES: usize = 4;

impl PxK {
    /// The batch of at most `size` samples, 4 at least, from the classes there are, with the samples that a class has.
    pub fn for_batch(size: usize, classes: Option<usize>, per_class: Option<usize>) -> Self {
        let (all, most) = (classes.unwrap_or(usize::MAX).max(2), per_class.unwrap_or(usize::MAX).max(2));
        // Two classes must fit.
        let samples = SAMPLES.min(most).min((size / 2).max(2));
        let classes = (size / samples).clamp(2, all);
        // Few classes leave room for more samples of each.
        let samples = if classes == all { (size / classes).clamp(2, most) } else { samples };
        Self { classes, samples }
    }

    /// P·K.
    pub fn size(self) -> usize {
        self.classes * self.samples
    }

    /// Valid (anchor, positive, negative).
    pub fn triplets(self) -> usize {
        self.size() * (self.samples - 1) * (self.size() - self.samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_fill_the_size_with_what_there_is() {
        let of = |size, classes, per_class| {
            let batch = PxK::for_batch(size, classes, per_class);
            (batch.classes, batch.samples)
        };
        assert_eq!(of(128, None, None), (32, 4));
        assert_eq!(of(128, Some(10), None), (10, 12));
        assert_eq!(of(128, Some(10), Some(6)), (10, 6));
        assert_eq!(of(128, Some(1000), Some(3)), (42, 3));
        assert_eq!(of(128, Some(1000), Some(1)), (64, 2));
        assert_eq!(of(4, Some(2), None), (2, 2));
        assert_eq!(of(7, None, None), (2, 3));
        assert_eq!(PxK { classes: 2, samples: 4 }.triplets(), 96);
        assert_eq!(PxK { classes: 4, samples: 4 }.triplets(), 576);
    }

    #[test]
    fn a_batch_is_never_larger_than_asked_for() {
        for size in 4..200 {
            for classes in [None, Some(2), Some(3), Some(10), Some(500)] {
                for per_class in [None, Some(2), Some(3), Some(50)] {
                    let batch = PxK::for_batch(size, classes, per_class);
                    assert!(batch.size() <= size && batch.classes >= 2 && batch.samples >= 2, "{size} {batch:?}");
                }
            }
        }
    }
}
