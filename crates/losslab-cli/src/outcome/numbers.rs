//! Numbers out of JSON, which writes NaN as `null`: read back, it is NaN again.

use super::Colour;
use serde::{Deserialize, Deserializer};

/// For `#[serde(deserialize_with)]`: every `null` inside is NaN.
pub fn read<'de, D: Deserializer<'de>, T: Numbers>(deserializer: D) -> Result<T, D::Error> {
    T::Written::deserialize(deserializer).map(T::read)
}

/// A number, or things that hold numbers.
pub trait Numbers {
    /// As JSON has it.
    type Written: for<'de> Deserialize<'de>;

    /// As it was before it was written.
    fn read(written: Self::Written) -> Self;
}

impl Numbers for f64 {
    type Written = Option<f64>;

    fn read(written: Self::Written) -> Self {
        written.unwrap_or(f64::NAN)
    }
}

impl<T: Numbers> Numbers for Vec<T> {
    type Written = Vec<T::Written>;

    fn read(written: Self::Written) -> Self {
        written.into_iter().map(T::read).collect()
    }
}

impl<T: Numbers> Numbers for (String, T) {
    type Written = (String, T::Written);

    fn read((name, written): Self::Written) -> Self {
        (name, T::read(written))
    }
}

impl<T: Numbers> Numbers for (String, T, Colour) {
    type Written = (String, T::Written, Colour);

    fn read((name, written, colour): Self::Written) -> Self {
        (name, T::read(written), colour)
    }
}
