//! The rules over the whole list.

use crate::subjects::{ROWS, Subject, gradients, subjects, to_vec, values};
use burn::tensor::{DType, Tensor};
use losslab::Reduction;

const REDUCTIONS: [Reduction; 4] = [Reduction::Mean, Reduction::MeanPerSample, Reduction::MeanActive, Reduction::Sum];

fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    for (i, (x, y)) in found.iter().zip(expected).enumerate() {
        assert!((x - y).abs() <= tolerance * largest.max(1e-6), "{what}[{i}]: {x} instead of {y}");
    }
}

fn finite(values: &[f32]) -> bool {
    values.iter().all(|x| x.is_finite())
}

#[test]
fn the_loss_is_one_number_and_finite() {
    for subject in subjects() {
        for reduction in REDUCTIONS {
            let tensors = subject.tensors(&subject.batch(1));
            let loss = (subject.forward)(&tensors, reduction);
            assert_eq!(loss.dims(), [1], "{}", subject.name);
            let (value, gradients) = gradients(&tensors, loss);
            // That of DCL is no cross-entropy.
            let low = if subject.name == "dcl" { f64::MIN } else { 0.0 };
            assert!(value.is_finite() && value >= low, "{} {reduction:?}: {value}", subject.name);
            assert!(gradients.iter().all(|gradient| finite(gradient)), "{} {reduction:?}", subject.name);
        }
    }
}

#[test]
fn the_terms_add_up_to_the_sum_with_the_same_gradient() {
    for subject in subjects() {
        let batch = subject.batch(2);
        let (value, by_forward) = subject.gradients(&batch, Reduction::Sum);
        let tensors = subject.tensors(&batch);
        let (sum, by_terms) = gradients(&tensors, (subject.terms)(&tensors).sum());
        assert!((value - sum).abs() <= 2e-6 * value.abs(), "{}: {value} and {sum}", subject.name);
        for (found, expected) in by_terms.iter().zip(&by_forward) {
            assert_close(found, expected, 2e-5, subject.name);
        }
    }
}

#[test]
fn the_upstream_gradient_scales_every_reduction() {
    for subject in subjects() {
        for reduction in REDUCTIONS {
            let batch = subject.batch(3);
            let (_, plain) = subject.gradients(&batch, reduction);
            let tensors = subject.tensors(&batch);
            let (_, scaled) = gradients(&tensors, (subject.forward)(&tensors, reduction) * -2.5);
            for (found, expected) in scaled.iter().zip(&plain) {
                let expected = expected.iter().map(|x| x * -2.5).collect::<Vec<_>>();
                assert_close(found, &expected, 1e-5, subject.name);
            }
        }
    }
}

#[test]
fn every_term_takes_its_own_upstream_gradient() {
    for subject in subjects() {
        let batch = subject.batch(4);
        let count = (subject.terms)(&subject.tensors(&batch)).dims()[0];
        let upstream = values(5, count);
        let device = crate::subjects::device();
        let weighted = |weights: &[f32]| {
            let tensors = subject.tensors(&batch);
            let weights = Tensor::<1>::from_data(weights, &device);
            gradients(&tensors, ((subject.terms)(&tensors) * weights).sum()).1
        };
        // The gradient is linear in the weights: that of all is the sum of those of each.
        let whole = weighted(&upstream);
        let mut sum = whole.iter().map(|gradient| vec![0.0; gradient.len()]).collect::<Vec<_>>();
        for i in 0..count {
            let mut single = vec![0.0; count];
            single[i] = upstream[i];
            for (sum, part) in sum.iter_mut().zip(weighted(&single)) {
                sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            }
        }
        for (found, expected) in whole.iter().zip(&sum) {
            assert_close(found, expected, 1e-4, subject.name);
        }
    }
}

#[test]
fn a_nan_comes_out_as_nan() {
    for subject in subjects() {
        for reduction in REDUCTIONS {
            for input in 0..subject.shapes.len() {
                let mut batch = subject.batch(6);
                // The first row has a label that counts in every subject.
                batch[input][0] = f32::NAN;
                let value = (subject.forward)(&subject.tensors(&batch), reduction).into_scalar::<f64>();
                assert!(value.is_nan(), "{} {reduction:?}: input {input} is NaN, the loss {value}", subject.name);
            }
        }
    }
}

/// What an edge makes of element `i` with value `x`.
type Change = fn(usize, f32) -> f32;

#[test]
fn gradients_are_finite_at_every_edge() {
    let edges: [(&str, Change); 7] = [
        ("zeros", |_, _| 0.0),
        ("duplicates", |i, _| (i % 5) as f32),
        ("saturated", |i, _| if i.is_multiple_of(3) { 1e4 } else { -1e4 }),
        ("tiny", |_, x| x * 1e-30),
        ("denormal", |_, x| x * 1e-40),
        ("huge", |_, x| x * 1e8),
        ("one zero row", |i, x| if i < 5 { 0.0 } else { x }),
    ];
    for subject in subjects() {
        for (edge, change) in edges {
            let mut batch = subject.batch(7);
            for (values, &probability) in batch.iter_mut().zip(&subject.probabilities) {
                for (i, x) in values.iter_mut().enumerate() {
                    *x = if probability { (i % 2) as f32 } else { change(i, *x) };
                }
            }
            for reduction in REDUCTIONS {
                let (value, gradients) = subject.gradients(&batch, reduction);
                assert!(value.is_finite(), "{} {edge} {reduction:?}: {value}", subject.name);
                let bad = gradients.iter().position(|gradient| !finite(gradient));
                assert!(bad.is_none(), "{} {edge} {reduction:?}: gradient {bad:?}", subject.name);
            }
            let tensors = subject.tensors(&batch);
            let (_, of_terms) = gradients(&tensors, (subject.terms)(&tensors).sum());
            assert!(of_terms.iter().all(|gradient| finite(gradient)), "{} {edge}: terms", subject.name);
        }
    }
}

#[test]
fn without_a_tape_only_the_value_is_computed() {
    for subject in subjects() {
        let batch = subject.batch(8);
        let (value, _) = subject.gradients(&batch, Reduction::Mean);
        let tensors = subject.tensors(&batch).into_iter().map(Tensor::inner).collect::<Vec<_>>();
        let loss = (subject.forward)(&tensors, Reduction::Mean);
        assert!(!loss.is_tracked(), "{}", subject.name);
        let untracked = loss.into_scalar::<f64>();
        assert!((value - untracked).abs() <= 1e-6 * value.abs(), "{}: {value} and {untracked}", subject.name);
    }
}

#[test]
fn half_precision_is_computed_in_f32() {
    for subject in subjects() {
        for dtype in [DType::F16, DType::BF16] {
            let halves = subject.tensors(&subject.batch(9)).into_iter().map(|t| t.inner().cast(dtype));
            let halves = halves.collect::<Vec<Tensor<2>>>();
            let wide = halves.iter().map(|t| t.clone().cast(DType::F32)).collect::<Vec<_>>();
            let narrow = (subject.forward)(&halves, Reduction::Mean);
            assert_eq!(narrow.dtype(), DType::F32, "{}", subject.name);
            let (narrow, wide) = (narrow.into_scalar::<f64>(), (subject.forward)(&wide, Reduction::Mean));
            let wide = wide.into_scalar::<f64>();
            assert!((narrow - wide).abs() <= 2e-6 * wide.abs(), "{} {dtype:?}: {narrow} and {wide}", subject.name);
        }
    }
}

#[test]
fn double_precision_stays_double() {
    for subject in subjects() {
        let batch = subject.batch(10);
        let singles = subject.tensors(&batch);
        let doubles = singles.iter().map(|t| t.clone().inner().cast(DType::F64).autodiff().require_grad());
        let doubles = doubles.collect::<Vec<Tensor<2>>>();
        let loss = (subject.forward)(&doubles, Reduction::Mean);
        assert_eq!(loss.dtype(), DType::F64, "{}", subject.name);
        let (value, by_double) = gradients(&doubles, loss);
        let (single, by_single) = subject.gradients(&batch, Reduction::Mean);
        assert!((value - single).abs() <= 2e-6 * value.abs(), "{}: {value} and {single}", subject.name);
        for (found, expected) in by_double.iter().zip(&by_single) {
            assert_close(found, expected, 2e-5, subject.name);
        }
    }
}

#[test]
fn tensors_of_any_layout_give_the_same() {
    for subject in subjects() {
        let batch = subject.batch(11);
        let (value, expected) = subject.gradients(&batch, Reduction::Mean);
        let tensors = subject.tensors(&batch);
        let views = tensors.iter().map(|t| t.clone().transpose().reshape([t.dims()[1], t.dims()[0]]).transpose());
        let loss = (subject.forward)(&views.collect::<Vec<_>>(), Reduction::Mean);
        let (of_views, found) = gradients(&tensors, loss);
        assert!((value - of_views).abs() <= 1e-6 * value.abs(), "{}", subject.name);
        for (found, expected) in found.iter().zip(&expected) {
            assert_close(found, expected, 1e-5, subject.name);
        }
    }
}

#[test]
fn an_untracked_loss_stays_with_autodiff() {
    let device = crate::subjects::device().autodiff();
    for subject in subjects() {
        let tensors = subject.tensors(&subject.batch(14)).into_iter().map(|t| t.inner().autodiff());
        let tensors = tensors.collect::<Vec<_>>();
        for loss in [(subject.forward)(&tensors, Reduction::Mean), (subject.terms)(&tensors)] {
            assert_eq!(loss.device(), device, "{}", subject.name);
        }
    }
}

#[test]
fn losses_do_not_change_their_inputs() {
    for subject in subjects() {
        let batch = subject.batch(12);
        let tensors = subject.tensors(&batch);
        let _ = (subject.forward)(&tensors, Reduction::Mean);
        for (tensor, values) in tensors.iter().zip(&batch) {
            assert_eq!(&to_vec(tensor.clone().inner()), values, "{}", subject.name);
        }
    }
}

#[test]
fn a_wrong_number_of_rows_is_an_error_that_names_both_shapes() {
    for subject in subjects() {
        for input in 0..subject.shapes.len() {
            let message = panic_message(&subject, input);
            let both = message.contains("must have shape [") && message.contains("but has [");
            assert!(both && message.starts_with(&format!("{}: ", subject.name)), "{}: {message}", subject.name);
        }
    }
}

fn panic_message(subject: &Subject, input: usize) -> String {
    let mut tensors = subject.tensors(&subject.batch(13));
    // Keys may be more than queries: they become too few.
    let rows = if subject.shapes[input][0] > ROWS { ROWS - 1 } else { subject.shapes[input][0] - 1 };
    tensors[input] = tensors[input].clone().slice(0..rows);
    if matches!(subject.name, "info-nce" | "siglip") && input == 0 {
        tensors[1] = tensors[1].clone().slice(0..rows - 1);
    }
    let run = std::panic::AssertUnwindSafe(|| (subject.forward)(&tensors, Reduction::Mean));
    let panic = std::panic::catch_unwind(run).expect_err(subject.name);
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}
