//! Wrong labels, for what happens to those who learn from them.

use crate::random;
use rand::{RngExt, seq::SliceRandom};

/// Labels of which a share is replaced by another class, each as likely as any other.
pub fn with_noise(mut labels: Vec<i64>, share: f64, classes: usize, seed: u64) -> Vec<i64> {
    let random = &mut random::stream(seed, "label noise");
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.shuffle(random);
    let wrong = (share * labels.len() as f64).round() as usize;
    for place in &order[..wrong] {
        labels[*place] = (labels[*place] + random.random_range(1..classes as i64)) % classes as i64;
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_replaces_its_share_of_labels_by_wrong_ones() {
        let clean: Vec<i64> = (0..1000).map(|index| index % 10).collect();
        let noisy = |share, seed| with_noise(clean.clone(), share, 10, seed);
        let changed = |labels: &[i64]| labels.iter().zip(&clean).filter(|(a, b)| a != b).count();
        assert_eq!([0.0, 0.25, 0.8].map(|share| changed(&noisy(share, 1))), [0, 250, 800]);
        assert_eq!(noisy(0.25, 1), noisy(0.25, 1));
        assert_ne!(noisy(0.25, 1), noisy(0.25, 2));
        // Shifted by 1 to 9, none of them by far the most often.
        let mut shifts = [0; 10];
        noisy(0.8, 1).iter().zip(&clean).for_each(|(a, b)| shifts[(a - b).rem_euclid(10) as usize] += 1);
        assert!(shifts[1..].iter().all(|count| (50..130).contains(count)), "{shifts:?}");
    }
}
