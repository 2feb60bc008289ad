//! The figures of exercise 1, as data.

use super::{
    Recipe,
    hardness::EDGES,
    loss_of,
    results::{CROSS_ENTROPY, Results, TUNED, WEIGHTED, reference, title},
    settings::Settings,
};
use crate::{
    experiments::common::ByMethod,
    models::mlp::values,
    outcome::{Axis, Colour, Figure, Format, Line, Plot, Stroke},
};
use burn::tensor::{Device, Tensor, TensorData};

const BLUE: Colour = Colour::Method(0);
const GREEN: Colour = Colour::Method(1);
const RED: Colour = Colour::Method(2);
const PURPLE: Colour = Colour::Method(3);

/// Recalls at which precision is averaged over the seeds.
pub fn recall_grid() -> Vec<f64> {
    (0..=50).map(|step| f64::from(step) / 50.0).collect()
}

/// The loss of an example by the probability of its true class, for each γ: asked from the loss itself.
pub fn focal_curves(settings: &Settings) -> Figure {
    let p_t: Vec<f64> = (1..=99).map(|step| f64::from(step) / 100.0).collect();
    let logits: Vec<f32> = p_t.iter().map(|p| (p / (1.0 - p)).ln() as f32).collect();
    let column = |values: Vec<f32>| {
        let shape = [values.len(), 1];
        Tensor::<2>::from_data(TensorData::new(values, shape), &Device::flex())
    };
    let (logits, targets) = (column(logits), column(vec![1.0; p_t.len()]));
    let scale = scale(settings.gamma.len());
    let lines = settings.gamma.iter().zip(scale).map(|(gamma, colour)| {
        let loss = loss_of(Recipe { gamma: *gamma, alpha: None });
        let y = values(loss.forward_no_reduction(logits.clone(), targets.clone()));
        line(format!("γ = {gamma}"), p_t.clone(), y.into_iter().map(f64::from).collect(), colour, Stroke::Solid)
    });
    Figure {
        title: "The focal loss of one example".into(),
        caption: "Without α. γ = 0 is cross-entropy. The larger γ, the sooner an example that is already right (p_t \
                  near 1) stops to matter, and the more the loss of all examples shrinks."
            .into(),
        plot: Plot::Lines {
            x: share_axis("Probability of the true class, p_t"),
            y: Axis { title: "Loss (nats)".into(), range: Some((0.0, 4.8)), ..Axis::default() },
            lines: lines.collect(),
            marks: Vec::new(),
        },
    }
}

/// All figures of a data set.
pub fn of(results: &Results, settings: &Settings) -> Vec<Figure> {
    vec![
        precision_recall(results, settings),
        gamma_sweep(results, settings),
        over_the_epochs(results, settings),
        gradient(results, settings),
        choice_of_alpha(results, settings),
    ]
}

fn precision_recall(results: &Results, settings: &Settings) -> Figure {
    let focal = reference(settings);
    let methods = [(CROSS_ENTROPY, BLUE), (WEIGHTED, GREEN), (focal.as_str(), RED)];
    let curves = methods.iter().map(|(method, colour)| {
        let mean = |index: usize| {
            results.mean_of(|study| {
                let tested = study.methods().find(|tested| tested.name == *method);
                tested.map_or(0.0, |tested| tested.precision_at[index])
            })
        };
        let y = (0..recall_grid().len()).map(mean).collect();
        line(title(method), recall_grid(), y, *colour, Stroke::Solid)
    });
    let at_threshold = methods.iter().chain(&[(TUNED, PURPLE)]).map(|(method, colour)| {
        let point = |metric| vec![results.mean(method, metric)];
        line(title(method), point("recall"), point("precision"), *colour, Stroke::Points)
    });
    Figure {
        title: "Precision and recall of the rare class".into(),
        caption: "Lines: precision on the test part at each recall, mean over the seeds. Marks: where each method \
                  stands with its own threshold. Marks that lie along one line differ by their threshold, not by what \
                  the network has learned."
            .into(),
        plot: Plot::Lines {
            x: share_axis("Recall of the rare class"),
            y: share_axis("Precision"),
            lines: curves.chain(at_threshold).collect(),
            marks: Vec::new(),
        },
    }
}

fn gamma_sweep(results: &Results, settings: &Settings) -> Figure {
    // Moved apart a little, so that error bars don't cover each other.
    let curve = |metric: &str, name: &str, colour, shift: f64| {
        let at = |gamma: &f64| results.metric(&super::focal_name(*gamma), metric);
        Line {
            spread: settings.gamma.iter().map(|gamma| at(gamma).std).collect(),
            ..line(
                name.to_owned(),
                settings.gamma.iter().map(|gamma| gamma + shift).collect(),
                settings.gamma.iter().map(|gamma| at(gamma).mean).collect(),
                colour,
                Stroke::Marked,
            )
        }
    };
    let ends = settings.gamma.iter().fold((0.0_f64, 1.0_f64), |(low, high), gamma| (low.min(*gamma), high.max(*gamma)));
    let recall = results.mean(CROSS_ENTROPY, "recall");
    let plain = line("recall of cross-entropy".into(), vec![ends.0, ends.1], vec![recall; 2], BLUE, Stroke::Dashed);
    Figure {
        title: "γ against recall".into(),
        caption: format!(
            "Focal loss at threshold ½ on the test part, each γ with the α that is best on the validation part by {}. \
             Error bars: one standard deviation over {} seeds.",
            settings.criterion.title(),
            results.studies.len()
        ),
        plot: Plot::Lines {
            x: Axis { title: "Focusing parameter γ".into(), ..Axis::default() },
            y: share_axis("Rare class"),
            lines: vec![
                curve("recall", "recall", RED, 0.0),
                curve("precision", "precision", Colour::Method(4), -0.04),
                curve("f1", "F1", Colour::Method(5), 0.04),
                plain,
            ],
            marks: Vec::new(),
        },
    }
}

fn over_the_epochs(results: &Results, settings: &Settings) -> Figure {
    let epochs: Vec<f64> = (1..=settings.epochs).map(|epoch| epoch as f64).collect();
    let curve = |loss: usize, kind: usize| -> Option<Vec<f64>> {
        // Seeds without a hard example have nothing to say about hard ones.
        let runs: Vec<Vec<f64>> = results
            .studies
            .iter()
            .filter_map(|study| study.by_epoch[loss].iter().map(|losses| losses[kind]).collect())
            .collect();
        let mean = |epoch: usize| runs.iter().map(|run| run[epoch]).sum::<f64>() / runs.len() as f64;
        (!runs.is_empty()).then(|| (0..epochs.len()).map(mean).collect())
    };
    let focal = title(&reference(settings));
    let kinds = [(1, "hard", Stroke::Solid), (0, "easy", Stroke::Dashed)];
    let lines = [(0, CROSS_ENTROPY, BLUE), (1, focal.as_str(), RED)].into_iter().flat_map(|(loss, name, colour)| {
        kinds.map(|(kind, kind_name, stroke)| {
            Some(line(format!("{name}: {kind_name}"), epochs.clone(), curve(loss, kind)?, colour, stroke))
        })
    });
    let [easy, hard] = [0, 1].map(|kind| results.mean_of(|study| study.easy_and_hard[kind] as f64));
    Figure {
        title: "Easy and hard examples over the epochs".into(),
        caption: format!(
            "Mean −log p_t on the validation part after each epoch: one yardstick for both losses. Fixed before any \
             training: an example is easy when its {} nearest training rows all have its label ({easy:.0} on average), \
             hard when fewer than half of them do ({hard:.0}).",
            super::hardness::NEIGHBOURS
        ),
        plot: Plot::Lines {
            x: Axis { title: "Epoch".into(), ..Axis::default() },
            y: Axis { title: "Mean −log p_t (nats)".into(), log: true, ..Axis::default() },
            lines: lines.flatten().collect(),
            marks: Vec::new(),
        },
    }
}

fn gradient(results: &Results, settings: &Settings) -> Figure {
    let layer = |class: usize| {
        let low = if class == 0 { 0.0 } else { EDGES[class - 1] };
        let examples = results.mean_of(|study| study.gradient.examples[class]);
        let shares = (0..settings.gamma.len()).map(|at| results.mean_of(|study| study.gradient.gradients[at][class]));
        (format!("p_t {low} to {}", EDGES[class]), std::iter::once(examples).chain(shares).collect())
    };
    let bars = settings.gamma.iter().map(|gamma| format!("γ = {gamma}"));
    Figure {
        title: "Who gets the gradient".into(),
        caption:
            "Training examples by the probability p_t that the cross-entropy network gives their true class after \
                  its first epoch, from hard to easy. First bar: their share of all examples. Other bars: their share \
                  of the gradient that the loss sends back for these very predictions (no α)."
                .into(),
        plot: Plot::Stacks {
            y: share_axis("Share"),
            bars: std::iter::once("examples".to_owned()).chain(bars).collect(),
            layers: (0..EDGES.len()).map(layer).collect(),
        },
    }
}

fn choice_of_alpha(results: &Results, settings: &Settings) -> Figure {
    let mean = |gamma: usize, alpha: usize| results.mean_of(|study| study.choice[gamma][alpha]);
    let alphas = 0..settings.alpha.len();
    Figure {
        title: "Which α suits which γ".into(),
        caption: format!(
            "The {} on the validation part at threshold ½, mean over the seeds. Each seed takes the best α of its row; \
             the test part has no say in it.",
            settings.criterion.title()
        ),
        plot: Plot::Heat {
            x: "Weight of the rare class, α".into(),
            y: "γ".into(),
            columns: settings.alpha.iter().map(ToString::to_string).collect(),
            rows: settings.gamma.iter().map(ToString::to_string).collect(),
            value: settings.criterion.title().to_owned(),
            cells: (0..settings.gamma.len())
                .map(|gamma| alphas.clone().map(|alpha| mean(gamma, alpha)).collect())
                .collect(),
            format: Format::Percent,
        },
    }
}

fn share_axis(title: &str) -> Axis {
    Axis { title: title.to_owned(), percent: true, range: Some((0.0, 1.0)), log: false }
}

fn line(name: String, x: Vec<f64>, y: Vec<f64>, colour: Colour, stroke: Stroke) -> Line {
    Line { name, x, y, spread: Vec::new(), colour, stroke }
}

/// Places on the colour scale for `count` ordered things.
fn scale(count: usize) -> impl Iterator<Item = Colour> {
    let last = count.saturating_sub(1).max(1) as f64;
    (0..count).map(move |index| Colour::Scale(index as f64 / last))
}
