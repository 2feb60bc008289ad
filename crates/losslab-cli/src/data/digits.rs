//! Handwritten digits: the subset of MNIST that the program carries.

use super::{
    idx::Source,
    images::{ImageSet, Images},
    mnist,
};
use anyhow::Result;

macro_rules! part {
    ($part:literal) => {
        Images::from_idx(
            Source {
                name: concat!("digits-", $part, "-images-idx3-ubyte.gz"),
                bytes: include_bytes!(concat!("../../assets/digits-", $part, "-images-idx3-ubyte.gz")),
            },
            Source {
                name: concat!("digits-", $part, "-labels-idx1-ubyte.gz"),
                bytes: include_bytes!(concat!("../../assets/digits-", $part, "-labels-idx1-ubyte.gz")),
            },
            10,
        )
    };
}

/// A set whose classes are the digits.
pub type Digits = ImageSet;

impl Digits {
    /// The digits inside the program: 3,000 for training, 1,000 for validation, 1,000 for testing.
    pub fn carried() -> Result<Self> {
        Ok(Self {
            origin: "the 5,000 MNIST digits that losslab carries".to_owned(),
            classes: mnist::DIGITS.map(str::to_owned).to_vec(),
            train: part!("train")?,
            valid: Some(part!("valid")?),
            test: part!("test")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_carried_digits_are_whole() {
        let digits = Digits::carried().unwrap();
        let parts = [&digits.train, digits.valid.as_ref().unwrap(), &digits.test];
        assert_eq!(parts.map(Images::len), [3000, 1000, 1000]);
        for part in parts {
            assert_eq!(part.shape().bytes(), 784);
            assert_eq!(part.labels().iter().collect::<HashSet<_>>().len(), 10);
        }
    }
}
