//! Natural logarithms.

use super::Arithmetic;

/// `ln x`, within 1 unit in the last place, 2 at the scalar level. −∞ at 0, NaN below it.
#[inline(always)]
pub(crate) fn ln<A: Arithmetic>(x: f32) -> f32 {
    const SQRT_HALF: u32 = 0x3F35_04F3;
    // A number below the normal ones gets its digits first.
    let (normal, lifted) = if x < f32::MIN_POSITIVE { (x * 8_388_608.0, -23.0) } else { (x, 0.0) };
    let exponent = (normal.to_bits().wrapping_sub(SQRT_HALF) as i32) >> 23;
    let mantissa = f32::from_bits(normal.to_bits().wrapping_sub((exponent << 23) as u32));
    let y = assemble::<A>(mantissa - 1.0, exponent as f32 + lifted);
    let y = if x < f32::INFINITY { y } else { x };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x < 0.0 { f32::NAN } else { y }
}

/// `ln(1 + x)` for x within 0 and 1, within 1.5 units in the last place, 2 at the scalar level, a small x included. A NaN
/// stays.
#[inline(always)]
pub(crate) fn ln_1p_of_unit<A: Arithmetic>(x: f32) -> f32 {
    // (1 + x)/2 − 1 is exact.
    let (f, exponent) = if x > 0.414_213_57 { (0.5 * (x - 1.0), 1.0) } else { (x, 0.0) };
    assemble::<A>(f, exponent)
}

/// `ln(1 + f) + exponent·ln 2` for 1 + f within √½ and √2.
#[inline(always)]
fn assemble<A: Arithmetic>(f: f32, exponent: f32) -> f32 {
    /// ln 2 in two parts; the first has 9 bits, so that its product with an exponent is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let square = f * f;
    let p = A::mul_add(7.037_683_6e-2, f, -1.151_461e-1);
    let p = A::mul_add(p, f, 1.167_699_9e-1);
    let p = A::mul_add(p, f, -1.242_014_1e-1);
    let p = A::mul_add(p, f, 1.424_932_3e-1);
    let p = A::mul_add(p, f, -1.666_805_8e-1);
    let p = A::mul_add(p, f, 2.000_071_5e-1);
    let p = A::mul_add(p, f, -2.499_999_4e-1);
    let p = A::mul_add(p, f, 3.333_333e-1);
    let tail = A::mul_add(exponent, LN_2[1], p * f * square);
    let tail = A::mul_add(square, -0.5, tail);
    A::mul_add(exponent, LN_2[0], f + tail)
}
