//! Exponentials.

use super::Arithmetic;

/// 1.5·2²³: adding it to a number below 2²² rounds to the nearest integer, and leaves it in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// `eˣ` within 1 unit in the last place, 1.5 at the scalar level. Results below the smallest normal number are 0, a NaN
/// stays.
#[inline(always)]
pub(crate) fn exp<A: Arithmetic>(x: f32) -> f32 {
    /// ln 2 in two parts; the first has 16 bits, so that its product with an exponent is exact.
    const LN_2: [f32; 2] = [0.693_145_75, 1.428_606_8e-6];
    const LOWEST: f32 = -87.336_54;
    const HIGHEST: f32 = 88.722_83;
    let shifted = A::mul_add(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = A::mul_add(n, -LN_2[1], A::mul_add(n, -LN_2[0], x));
    let p = A::mul_add(1.985_276_2e-4, r, 1.393_043_6e-3);
    let p = A::mul_add(p, r, 8.333_361e-3);
    let p = A::mul_add(p, r, 4.166_648_5e-2);
    let p = A::mul_add(p, r, 1.666_666_7e-1);
    let p = A::mul_add(p, r, 0.5);
    let y = A::mul_add(p, r * r, r) + 1.0;
    limited(x, times_power(y, shifted), LOWEST, HIGHEST)
}

/// `2ˣ` within 1 unit in the last place, 1.5 at the scalar level. Results below the smallest normal number are 0, a NaN
/// stays.
#[inline(always)]
pub(crate) fn exp2<A: Arithmetic>(x: f32) -> f32 {
    const LOWEST: f32 = -126.0;
    const HIGHEST: f32 = 127.999_99;
    let shifted = x + ROUND;
    let r = x - (shifted - ROUND);
    let p = A::mul_add(1.535_920_9e-4, r, 1.339_262_7e-3);
    let p = A::mul_add(p, r, 9.618_385e-3);
    let p = A::mul_add(p, r, 5.550_347_3e-2);
    let p = A::mul_add(p, r, 2.402_264_5e-1);
    let p = A::mul_add(p, r, 6.931_472e-1);
    let y = A::mul_add(p, r, 1.0);
    limited(x, times_power(y, shifted), LOWEST, HIGHEST)
}

/// `y·2ⁿ` for `n + ROUND`, where y is about 1 and the result a normal number: n is added to the exponent.
#[inline(always)]
fn times_power(y: f32, shifted: f32) -> f32 {
    f32::from_bits(y.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// What an exponential is beyond the range in which it is a normal number.
#[inline(always)]
fn limited(x: f32, y: f32, lowest: f32, highest: f32) -> f32 {
    let y = if x < lowest { 0.0 } else { y };
    // Above: x + ∞ is ∞, or NaN where x is.
    if x <= highest { y } else { x + f32::INFINITY }
}
