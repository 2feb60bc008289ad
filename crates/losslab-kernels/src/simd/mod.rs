//! Plain loops, compiled once for each instruction set and chosen at run time.
//!
//! A kernel is ordinary code over slices, without a branch in its inner loops, which the compiler turns into vector
//! instructions of the chosen [`Level`]. All levels but [`Level::Scalar`] fuse products and sums, so that
//! they give the same bits.

mod exp;
mod ln;
#[cfg(test)]
mod tests;

pub(crate) use exp::{exp, exp2};
pub(crate) use ln::{ln, ln_1p_of_unit};

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// A set of vector instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What every machine of the target has, products and sums rounded apart.
    Scalar,
    /// 128 bits, on ARM.
    Neon,
    /// 256 bits with fused products, on x86-64.
    Avx2,
    /// 512 bits, on x86-64.
    Avx512,
}

const LEVELS: [Level; 4] = [Level::Scalar, Level::Neon, Level::Avx2, Level::Avx512];

/// The position of the level in use in [`LEVELS`], or [`UNKNOWN`].
static CURRENT: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = u8::MAX;

impl Level {
    /// The levels that this machine has, the best one last.
    pub fn available() -> Vec<Level> {
        LEVELS.into_iter().filter(|level| level.is_available()).collect()
    }

    /// The level in use: the best one, unless another was forced.
    pub fn current() -> Level {
        match CURRENT.load(Relaxed) {
            UNKNOWN => {
                Level::force(None);
                Level::current()
            }
            position => LEVELS[usize::from(position)],
        }
    }

    /// Makes the whole process use a level, or the best one again: for tests and measurements.
    ///
    /// # Panics
    /// If the machine doesn't have it.
    pub fn force(level: Option<Level>) {
        let chosen = level.unwrap_or_else(|| *Level::available().last().expect("every machine has the first"));
        assert!(chosen.is_available(), "{chosen:?} isn't among {:?}", Level::available());
        CURRENT.store(chosen as u8, Relaxed);
    }

    fn is_available(self) -> bool {
        match self {
            Level::Scalar => true,
            Level::Neon => cfg!(target_arch = "aarch64"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && Level::Avx2.is_available()
            }
            #[cfg(not(target_arch = "x86_64"))]
            Level::Avx2 | Level::Avx512 => false,
        }
    }
}

/// How a level multiplies and adds.
pub(crate) trait Arithmetic {
    /// `a·b + c`.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
}

/// In one instruction, rounded once.
struct Fused;

impl Arithmetic for Fused {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

/// In two: without the instruction, a fused product is a slow call.
struct Apart;

impl Arithmetic for Apart {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
}

/// Code to be compiled for each level. `run`, and all that its inner loops call, must be `#[inline(always)]`: what isn't
/// inlined keeps the instructions of the target.
pub(crate) trait Kernel {
    /// What it returns.
    type Output;

    /// Runs it.
    fn run<A: Arithmetic>(self) -> Self::Output;
}

/// A group of at most `N` values, filled up. A whole one is copied without a call.
#[inline(always)]
pub(crate) fn padded<T: Copy, const N: usize>(group: &[T], fill: T) -> [T; N] {
    group.try_into().unwrap_or_else(|_| {
        let mut padded = [fill; N];
        padded[..group.len()].copy_from_slice(group);
        padded
    })
}

/// Runs a kernel with the instructions of the current level. Call it for a few thousand values at least.
#[inline]
pub(crate) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    match Level::current() {
        Level::Scalar => kernel.run::<Apart>(),
        Level::Neon => kernel.run::<Fused>(),
        // SAFETY: a level becomes current only where the machine has its instructions.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512(kernel) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx2 | Level::Avx512 => unreachable!("never available on this target"),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Fused>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Fused>()
}
