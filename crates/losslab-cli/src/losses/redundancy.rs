//! VICReg and Barlow Twins.

use super::{Case, Evaluated, Loss, NO_KERNEL, REDUCTION};
use crate::saved::{Input, Parameter, input, parameter};
use anyhow::Result;
use losslab::{BarlowTwinsLossConfig, Reduction, VicRegForm, VicRegLossConfig, ZeroVariance};
use losslab_kernels::reference;

const VIEWS: &[Input] = &[input("first", "float", "[n, d]"), input("second", "float", "[n, d]")];
const WEIGHT: &str = "a number, at least 0";

pub const VICREG: Loss = Loss {
    name: "vicreg",
    summary: "keeps two views near each other and their features apart, without negatives",
    inputs: VIEWS,
    hyperparameters: &[
        parameter("invariance", "25", WEIGHT, "the weight of the distance between the views"),
        parameter("variance", "25", WEIGHT, "the weight of the variance of each feature"),
        parameter("covariance", "1", WEIGHT, "the weight of the covariance of features"),
        parameter("form", "algorithm", "algorithm | equations | code", "what the weights multiply"),
        REDUCTION,
    ],
    paths: NO_KERNEL,
    evaluate: vicreg,
};

pub const BARLOW_TWINS: Loss = Loss {
    name: "barlow-twins",
    summary: "correlates each feature of two views with itself and with no other, without negatives",
    inputs: VIEWS,
    hyperparameters: &[
        parameter("lambda", "0.005", WEIGHT, "the weight of the correlations between different features"),
        parameter("zero_variance", "epsilon", "epsilon | zero", "what standardises a feature that hardly varies"),
        Parameter { default: "sum", ..REDUCTION },
    ],
    paths: NO_KERNEL,
    evaluate: barlow_twins,
};

fn vicreg(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (invariance, variance) = (set.number("invariance", 25.0)?, set.number("variance", 25.0)?);
    let covariance = set.number("covariance", 1.0)?;
    let (form, reduction) = (set.choice::<VicRegForm>("form")?, set.choice("reduction")?);
    let loss = VicRegLossConfig::new()
        .with_invariance(invariance)
        .with_variance(variance)
        .with_covariance(covariance)
        .with_form(form)
        .with_reduction(reduction)
        .try_init()?;
    let (first, second) = (tensors.float::<2>("first"), tensors.float::<2>("second"));
    let value = loss.try_forward(first.clone(), second.clone())?;
    Ok(case.finish(value, &[("first", first), ("second", second)], || {
        let options = reference::VicReg { invariance, variance, covariance, form, reduction };
        let width = tensors.shape("first")[1];
        reference::vic_reg(&tensors.floats("first"), &tensors.floats("second"), width, &options)
    }))
}

fn barlow_twins(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (lambda, zero_variance) = (set.number("lambda", 0.005)?, set.choice::<ZeroVariance>("zero_variance")?);
    let reduction = set.choice_or("reduction", Reduction::Sum)?;
    let config = BarlowTwinsLossConfig::new().with_lambda(lambda).with_zero_variance(zero_variance);
    let loss = config.with_reduction(reduction).try_init()?;
    let (first, second) = (tensors.float::<2>("first"), tensors.float::<2>("second"));
    let value = loss.try_forward(first.clone(), second.clone())?;
    Ok(case.finish(value, &[("first", first), ("second", second)], || {
        let options = reference::BarlowTwins { lambda, zero_variance, reduction };
        let width = tensors.shape("first")[1];
        reference::barlow_twins(&tensors.floats("first"), &tensors.floats("second"), width, &options)
    }))
}
