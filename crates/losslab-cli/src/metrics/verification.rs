//! Metrics of pairs: same or different?

use super::{Better, Case, Measured, Metric, SCORES};
use crate::saved::{Input, Parameter, input, parameter};
use anyhow::Result;
use losslab::metrics::{Orientation, best_verification_accuracy, equal_error_rate, tar_at_far};

const PAIRS: &[Input] = &[SCORES, input("same", "bool or int", "[n]")];
const ORIENTATION: Parameter =
    parameter("orientation", "similarity", "similarity | distance", "whether a higher score is more or less alike");

pub const EER: Metric = Metric {
    name: "eer",
    summary: "equal error rate: where false accepts and false rejects are equally frequent",
    better: Better::Lower,
    inputs: PAIRS,
    parameters: &[ORIENTATION],
    evaluate: |case| {
        let (scores, same, orientation) = pairs(case)?;
        let found = equal_error_rate(&scores, &same, orientation)?;
        Ok(Measured::from(found.rate).with("threshold", found.threshold))
    },
};

pub const VERIFICATION_ACCURACY: Metric = Metric {
    name: "verification-accuracy",
    summary: "share of pairs that the best threshold gets right (chosen on the same pairs: optimistic)",
    better: Better::Higher,
    inputs: PAIRS,
    parameters: &[ORIENTATION],
    evaluate: |case| {
        let (scores, same, orientation) = pairs(case)?;
        let found = best_verification_accuracy(&scores, &same, orientation)?;
        Ok(Measured::from(found.value).with("threshold", found.threshold))
    },
};

pub const TAR_AT_FAR: Metric = Metric {
    name: "tar-at-far",
    summary: "largest true accept rate with a false accept rate of at most far",
    better: Better::Higher,
    inputs: PAIRS,
    parameters: &[parameter("far", "0.001", "a number from 0 to 1", "the allowed false accept rate"), ORIENTATION],
    evaluate: |case| {
        let (scores, same, orientation) = pairs(case)?;
        let found = tar_at_far(&scores, &same, orientation, case.set.number("far", 0.001)?)?;
        Ok(Measured::from(found.tar).with("far", found.far).with("threshold", found.threshold))
    },
};

fn pairs(case: &Case) -> Result<(Vec<f64>, Vec<bool>, Orientation)> {
    let orientation = case.set.choice_or("orientation", Orientation::Similarity)?;
    Ok((case.tensors.floats("scores"), case.flags("same")?, orientation))
}
