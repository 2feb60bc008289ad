//! Accuracy and special values at every level that the machine has.

use super::*;
use rayon::prelude::*;
use std::sync::Mutex;

/// Every how many of the 2³² bit patterns is tried; 1 tries them all, in a few minutes.
const STRIDE: u32 = 509;

/// The level is that of the process.
static FORCED: Mutex<()> = Mutex::new(());

/// A function with the arithmetic of the current level over a slice.
macro_rules! over {
    ($function:ident) => {{
        struct Each<'a>(&'a mut [f32]);
        impl Kernel for Each<'_> {
            type Output = ();
            #[inline(always)]
            fn run<A: Arithmetic>(self) {
                self.0.iter_mut().for_each(|x| *x = $function::<A>(*x));
            }
        }
        |values: &mut [f32]| dispatch(Each(values))
    }};
}

fn at_every_level(check: impl Fn(Level)) {
    let _alone = FORCED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for level in Level::available() {
        Level::force(Some(level));
        assert_eq!(Level::current(), level);
        check(level);
    }
    Level::force(None);
}

/// The largest error in units in the last place over the numbers within `low` and `high`, and where it is.
fn worst(low: f32, high: f32, function: impl Fn(&mut [f32]) + Sync, exact: fn(f64) -> f64) -> (f64, f32) {
    let patterns = (u32::MAX / STRIDE) as usize;
    let blocks = (0..patterns).step_by(4096).collect::<Vec<usize>>();
    let block = |&start: &usize| {
        let patterns = (start..(start + 4096).min(patterns)).map(|i| f32::from_bits(i as u32 * STRIDE));
        let x = patterns.filter(|x| (low..=high).contains(x)).collect::<Vec<f32>>();
        let mut y = x.clone();
        function(&mut y);
        let errors = x.into_iter().zip(y).map(|(x, y)| {
            let exact = exact(x.into());
            let last_place = 2f64.powi((exact.abs().log2().floor() as i32).max(-126) - 23);
            ((f64::from(y) - exact).abs() / last_place, x)
        });
        errors.fold((0.0, 0.0), larger)
    };
    blocks.par_iter().map(block).reduce(|| (0.0, 0.0), larger)
}

/// A NaN is larger than all.
fn larger(a: (f64, f32), b: (f64, f32)) -> (f64, f32) {
    if a.0 >= b.0 || a.0.is_nan() { a } else { b }
}

fn assert_accurate(
    name: &str,
    range: (f32, f32),
    bounds: (f64, f64),
    function: impl Fn(&mut [f32]) + Sync,
    exact: fn(f64) -> f64,
) {
    at_every_level(|level| {
        let bound = if level == Level::Scalar { bounds.1 } else { bounds.0 };
        let (error, x) = worst(range.0, range.1, &function, exact);
        println!("{name} at {level:?}: {error:.3} in the last place at {x:e}");
        assert!(error <= bound, "{name} at {level:?}: {error} in the last place at {x:e}");
    });
}

#[test]
fn accuracy_is_as_stated() {
    assert_accurate("exp", (-87.336, 88.7228), (1.0, 1.5), over!(exp), f64::exp);
    assert_accurate("exp2", (-126.0, 127.9999), (1.0, 1.5), over!(exp2), f64::exp2);
    assert_accurate("ln", (1e-45, f32::MAX), (1.0, 2.0), over!(ln), f64::ln);
    assert_accurate("ln_1p", (0.0, 1.0), (1.5, 2.0), over!(ln_1p_of_unit), f64::ln_1p);
}

#[test]
fn special_values_are_those_of_the_function() {
    const INFINITE: f32 = f32::INFINITY;
    // As many as fill a vector of the widest level, so that they don't all take the way of the last few.
    let check = |name: &str, level: Level, function: &dyn Fn(&mut [f32]), cases: &[(f32, f32)]| {
        for &(x, expected) in cases {
            let mut values = [x; 37];
            function(&mut values);
            let same = |y: f32| y.to_bits() == expected.to_bits() || y.is_nan() && expected.is_nan();
            assert!(values.iter().all(|&y| same(y)), "{name}({x:e}) at {level:?}: {values:?}");
        }
    };
    at_every_level(|level| {
        let nan = (f32::NAN, f32::NAN);
        let tails = [(-INFINITE, 0.0), (-1e30, 0.0), (-150.0, 0.0), (1e30, INFINITE), (INFINITE, INFINITE)];
        let middle = [(0.0, 1.0), (-0.0, 1.0), (1e-40, 1.0), nan, (-f32::NAN, f32::NAN)];
        for (name, function) in [("exp", &over!(exp) as &dyn Fn(&mut [f32])), ("exp2", &over!(exp2))] {
            check(name, level, function, &[tails, middle].concat());
        }
        check("exp", level, &over!(exp), &[(-87.34, 0.0), (88.73, INFINITE)]);
        check(
            "exp2",
            level,
            &over!(exp2),
            &[(128.0, INFINITE), (-126.1, 0.0), (10.0, 1024.0), (-126.0, 2f32.powi(-126))],
        );
        let cases = [(1.0, 0.0), (0.0, -INFINITE), (-0.0, -INFINITE), (INFINITE, INFINITE), (-1.0, f32::NAN), nan];
        check("ln", level, &over!(ln), &cases);
        check("ln", level, &over!(ln), &[(-INFINITE, f32::NAN), (-1e-45, f32::NAN)]);
        check("ln_1p", level, &over!(ln_1p_of_unit), &[(0.0, 0.0), (1e-40, 1e-40), (1.0, 2f32.ln()), nan]);
    });
}

#[test]
fn fused_levels_agree_to_the_bit() {
    let x = (0..10_007).map(|i| (i as f32 - 5000.0) / 60.0).collect::<Vec<f32>>();
    let results = Mutex::new(Vec::new());
    at_every_level(|level| {
        if level != Level::Scalar {
            let mut y = x.clone();
            over!(exp)(&mut y);
            results.lock().unwrap().push(y);
        }
    });
    let results = results.into_inner().unwrap();
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
}
