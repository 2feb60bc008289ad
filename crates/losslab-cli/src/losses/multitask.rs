//! Combinations of task losses.

use super::{Case, Evaluated, Loss, NO_KERNEL, input, optional, parameter, tensors::device};
use anyhow::{Result, bail};
use burn::module::Param;
use losslab::{UncertaintyForm, UncertaintyLossConfig, WeightedSumLossConfig};
use losslab_kernels::reference;
use serde::Deserialize;

pub const WEIGHTED_SUM: Loss = Loss {
    name: "weighted-sum",
    summary: "a fixed combination of task losses, each by its initial value if given",
    inputs: &[input("losses", "float", "[tasks]")],
    hyperparameters: &[
        parameter("weights", "none", "a number for each task, each at least 0, or none (1 each)", "task weights"),
        parameter("initial", "none", "a number for each task, each above 0, or none (1 each)", "initial losses"),
    ],
    paths: NO_KERNEL,
    evaluate: weighted_sum,
};

pub const UNCERTAINTY: Loss = Loss {
    name: "uncertainty",
    summary: "task losses weighted by a learned uncertainty, log_vars",
    inputs: &[input("losses", "float", "[tasks]"), optional("log_vars", "float", "[tasks]")],
    hyperparameters: &[
        parameter("form", "unscaled", "unscaled | halved | per-likelihood", "exp(-s)L + s, half of it, or by task"),
        parameter("likelihoods", "none", "gaussian | categorical for each task", "for the form per-likelihood"),
    ],
    paths: NO_KERNEL,
    evaluate: uncertainty,
};

fn weighted_sum(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (weights, initial) = (set.list_or_none("weights")?, set.list_or_none("initial")?);
    let losses = tensors.float::<1>("losses");
    let loss = WeightedSumLossConfig::new(losses.dims()[0])
        .with_weights(weights.clone())
        .with_initial(initial.clone())
        .try_init(&device())?;
    let value = loss.try_forward(losses.clone())?;
    Ok(case.finish(value, &[("losses", losses)], || {
        reference::weighted_sum(&tensors.floats("losses"), weights.as_deref(), initial.as_deref())
    }))
}

fn uncertainty(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let likelihoods = set.choices("likelihoods")?;
    let form = match set.choice::<Form>("form")? {
        Form::PerLikelihood => UncertaintyForm::PerLikelihood(likelihoods),
        _ if !likelihoods.is_empty() => bail!("uncertainty: likelihoods belong to form=per-likelihood"),
        Form::Unscaled => UncertaintyForm::Unscaled,
        Form::Halved => UncertaintyForm::Halved,
    };
    let losses = tensors.float::<1>("losses");
    let mut loss = UncertaintyLossConfig::new(losses.dims()[0]).with_form(form.clone()).try_init(&device())?;
    let given = tensors.has("log_vars");
    if given {
        loss.log_vars = Param::from_tensor(tensors.float::<1>("log_vars"));
    }
    let log_vars = loss.log_vars.val();
    let value = loss.try_forward(losses.clone())?;
    let mut inputs = vec![("losses", losses)];
    if given {
        inputs.push(("log_vars", log_vars));
    }
    Ok(case.finish(value, &inputs, || {
        let losses = tensors.floats("losses");
        let log_vars = if given { tensors.floats("log_vars") } else { vec![0.0; losses.len()] };
        reference::uncertainty(&losses, &log_vars, &form)
    }))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Form {
    #[default]
    Unscaled,
    Halved,
    PerLikelihood,
}
