//! The branch of the tree about several tasks.

use super::hyperparameters::choice;
use super::situation::{Branch, MultiTask};
use super::snippets;
use super::{Advice, Batch, Named, Watch, metric, watch};
use losslab::diagnostics::FindingKind;

/// Up to this ratio of the losses, equal weights are near enough.
const SIMILAR: f64 = 3.0;

/// Several objectives: equal weights where the losses are of similar size, learned ones otherwise.
pub fn multi_task(facts: &MultiTask) -> Advice {
    let MultiTask { tasks, regressions, loss_ratio } = *facts;
    let ratio = loss_ratio.map(|ratio| format!("; at the start, the largest loss is {ratio} times the smallest"));
    let known = format!("{tasks} tasks, {regressions} with a squared error{}", ratio.unwrap_or_default());
    if loss_ratio.is_some_and(|ratio| ratio <= SIMILAR) {
        equal(known, tasks)
    } else {
        learned(known, tasks, regressions)
    }
}

fn equal(known: String, tasks: usize) -> Advice {
    Advice {
        task: Branch::MultiTask,
        facts: vec![known],
        loss: "weighted-sum",
        type_name: "WeightedSumLoss",
        why: vec![
            "The losses are of similar size: their sum is a fair combination, and weights that change while training \
             would only be one more thing to go wrong."
                .to_owned(),
        ],
        hyperparameters: vec![
            choice("weights", "w", "all 1", "raise the task that matters and lags, by factors of 2"),
            choice("initial", "L₀", "the first batch's losses", "what each loss is divided by, so that all start at 1"),
        ],
        batch: batch(),
        baseline: alone(tasks),
        metrics: metrics(),
        watch: watches(),
        rust: snippets::with(snippets::WEIGHTED_SUM, &[("TASKS", tasks.to_string())]),
    }
}

fn learned(known: String, tasks: usize, regressions: usize) -> Advice {
    let mut baseline = alone(tasks);
    baseline.push(
        "The sum of the losses, each divided by its value at the first batch (`WeightedSumLoss::set_initial`): it repairs \
         the scale, without learned weights, and often does as well."
            .to_owned(),
    );
    Advice {
        task: Branch::MultiTask,
        facts: vec![known],
        loss: "uncertainty",
        type_name: "UncertaintyLoss",
        why: vec![
            "Losses of different size must not decide by their size: a weight exp(−s) for each is learned, and + s/2 keeps \
             it from going to 0 (Kendall et al. 2018)."
                .to_owned(),
            conflicts(tasks),
            "`GradNorm` evens out the lengths of the gradients in place of the losses. `DynamicWeightAverage` costs least and \
             goes by how fast each loss falls: it doesn't repair scales."
                .to_owned(),
        ],
        hyperparameters: vec![
            choice(
                "form",
                "",
                "per-likelihood",
                "½ exp(−s) L + ½ s for a squared error, exp(−s) L + ½ s for a cross-entropy",
            ),
            choice("log_vars", "s", "all 0", "log σ² of each task at the start; no weight decay on them"),
        ],
        batch: batch(),
        baseline,
        metrics: metrics(),
        watch: watches(),
        rust: snippets::with(
            snippets::UNCERTAINTY,
            &[("TASKS", tasks.to_string()), ("REGRESSIONS", regressions.to_string())],
        ),
    }
}

/// What to do about gradients that point against each other.
fn conflicts(tasks: usize) -> String {
    let no_harm = match tasks {
        2 => "`PcGrad`, which for two tasks is the same as `UpGrad`,",
        _ => "`UpGrad`, which keeps its promise for any number of tasks (`PcGrad` for two only),",
    };
    format!(
        "It repairs scales, not conflicts: gradients that point against each other stay so. Others combine the gradients \
         themselves, for one backward pass a task: {no_harm} takes the step that harms no task; `CaGrad` stays near the \
         sum and helps the task that is worst off; `Mgda` goes on only while all tasks gain, and lets short gradients \
         decide."
    )
}

fn batch() -> Batch {
    let text = [
        "Every batch has samples with the targets of all tasks; where some lack a target, mean each task over those that \
         have it, before they are combined.",
        "Bring regression targets to mean 0 and standard deviation 1 first: it removes most of the difference in scale.",
    ];
    Batch { text: text.map(str::to_owned).to_vec(), ..Batch::default() }
}

fn alone(tasks: usize) -> Vec<String> {
    vec![format!("Each of the {tasks} tasks with a network of its own: is there anything to gain from sharing?")]
}

fn metrics() -> Vec<Named> {
    vec![
        Named {
            name: None,
            why: "each task by its own metric, beside its network alone; never by the combined loss, whose weights change"
                .to_owned(),
        },
        metric("balanced-accuracy", "for a task of classes"),
        metric("nll", "for a task of classes whose probabilities are used"),
    ]
}

fn watches() -> Vec<Watch> {
    vec![
        watch(FindingKind::LossScalesDiffer, "one task decides alone: normalise, or learn weights"),
        watch(FindingKind::GradientScalesDiffer, "the same at the shared layers, where it counts"),
        watch(
            FindingKind::ConflictingGradients,
            "the tasks pull against each other: `UpGrad`, `PcGrad` or `CaGrad`, or share fewer layers",
        ),
        watch(FindingKind::NoTaskGradient, "a task doesn't reach the shared layers: is something detached?"),
    ]
}
