//! The figures of exercise 2, as data.

use super::{
    Trial, Verified, Watched,
    measures::{FAR, edges, far_grid},
    method::{Method, Recipe, Similar},
    results::Results,
};
use crate::{
    data::images::{ImageSet, Images},
    experiments::common::{self, ByMethod},
    outcome::{Axis, Colour, Figure, Line, Mark, Plot, Stroke},
    statistics::mean,
};

/// A part of the test pairs: of digits that were trained on, or not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Trained on.
    Seen,
    /// Never trained on.
    HeldOut,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Seen => "seen digits",
            Part::HeldOut => "held-out digits",
        }
    }

    fn of(self, trial: &Trial) -> &Verified {
        match self {
            Part::Seen => &trial.seen,
            Part::HeldOut => &trial.held_out,
        }
    }
}

fn colour(method: Method) -> Colour {
    Colour::Method(match method {
        Method::Trained(Recipe { similar: Similar::Zero, .. }) => 2,
        Method::Trained(Recipe { normalise: true, .. }) => 0,
        Method::Trained(_) => 1,
        Method::Untrained { .. } => 3,
        Method::Pixels => 4,
    })
}

/// How many pairs of the same digit are accepted at each false accept rate.
pub fn roc(results: &Results, part: Part) -> Figure {
    let methods =
        [results.best, results.best_raw, Method::Untrained { normalise: true }, Method::Pixels, results.mixed_up];
    let curve = |method: Method| {
        let accepted = |at: usize| results.mean_of(method, |trial| part.of(trial).roc[at]);
        let stroke = if matches!(method, Method::Trained(_)) { Stroke::Solid } else { Stroke::Dashed };
        line(method.to_string(), far_grid(), (0..far_grid().len()).map(accepted).collect(), colour(method), stroke)
    };
    let chance = line("chance".to_owned(), far_grid(), far_grid(), Colour::Method(5), Stroke::Dashed);
    Figure {
        title: format!("ROC curves, {}", part.name()),
        caption: format!(
            "The share of same-digit pairs that are accepted, where a given share of different pairs is accepted as well \
             (mean over the seeds, test pairs). Higher is better; mind the logarithmic axis. The mark at {:.0} % is where \
             the tables read off TAR.",
            100.0 * FAR
        ),
        plot: Plot::Lines {
            x: Axis { title: "False accept rate".into(), log: true, percent: false, range: Some((0.001, 1.0)) },
            y: Axis { title: "True accept rate".into(), percent: true, range: Some((0.0, 1.0)), log: false },
            lines: methods.into_iter().map(curve).chain([chance]).collect(),
            marks: vec![Mark { at: FAR, name: format!("{:.0} %", 100.0 * FAR) }],
        },
    }
}

/// Distances of pairs by a method whose embeddings have length 1, with its threshold, and with the margin of a training.
pub fn histogram(results: &Results, method: Method, part: Part, when: &str, margin: Option<f64>) -> Figure {
    let bins = 0..edges().len() - 1;
    let series = |kind: usize, name: &str| {
        let share = |bin: usize| results.mean_of(method, |trial| part.of(trial).histogram[kind][bin]);
        (name.to_owned(), bins.clone().map(share).collect(), Colour::Class(kind))
    };
    let threshold = Mark { at: results.mean(method, "threshold"), name: "threshold".into() };
    let margin = margin.map(|margin| Mark { at: margin, name: "margin".into() });
    Figure {
        title: format!("Distances {when}, {}", part.name()),
        caption: format!(
            "Test pairs, mean over the seeds: {method}. Each kind of pair adds up to 100 %. What lies left of the \
             threshold (mean over the seeds, from the validation part) counts as the same digit: the overlap of the two \
             hills is what goes wrong."
        ),
        plot: Plot::Histogram {
            x: Axis {
                title: "Distance of the two embeddings (length 1: at most 2)".into(),
                range: Some((0.0, 2.0)),
                ..Axis::default()
            },
            y: Axis { title: "Share of the pairs of a kind".into(), percent: true, ..Axis::default() },
            edges: edges(),
            series: vec![series(0, "same digit"), series(1, "different digits")],
            marks: margin.into_iter().chain([threshold]).collect(),
        },
    }
}

/// Task 5: the same test images before and after training.
pub fn maps(results: &Results, set: &ImageSet, images: &Images) -> Vec<Figure> {
    let named = |(digit, name): (usize, &String)| match results.settings.is_held_out(digit) {
        true => format!("{name}, held out"),
        false => name.clone(),
    };
    let classes: Vec<String> = set.classes.iter().enumerate().map(named).collect();
    let map = |title: &str, method: Method, caption: &str| {
        let caption = format!(
            "{} test images by t-SNE, first seed: {method}. {caption} Neighbours on the map are neighbours in the embedding; \
             the size of a cluster and the way between clusters mean nothing.",
            images.len()
        );
        common::map(title, &caption, &results.trials(method)[0].map, images, &classes, 1)
    };
    vec![
        map(
            "Embeddings before training",
            Method::Untrained { normalise: true },
            "The first weights are random: what order there is comes from the images, not from learning.",
        ),
        map(
            "Embeddings after training",
            results.best,
            "Digits that were held out have no cluster of their own to be pulled into; where they lie is what the network \
             makes of shapes it was never told about.",
        ),
    ]
}

/// The loss over the epochs.
pub fn losses(results: &Results) -> Figure {
    let kinds = [results.best, results.best_raw, results.mixed_up];
    let lines = kinds.into_iter().flat_map(|method| {
        let train = over_seeds(results, method, |trial| trial.history.losses.clone());
        let valid = over_seeds(results, method, |trial| watched(trial, |watched| watched.loss));
        [
            line(format!("{method}: training"), epochs_from(1, train.len()), train, colour(method), Stroke::Dashed),
            line(format!("{method}: validation"), epochs_from(0, valid.len()), valid, colour(method), Stroke::Marked),
        ]
    });
    Figure {
        title: "Loss over the epochs".into(),
        caption: "Mean over the seeds. Validation: the same pairs after every epoch, and before the first one (epoch 0). \
                  Training: the mean of an epoch, while the network changes. Losses with different margins or lengths are on \
                  different scales: compare a line with itself, not with the others."
            .into(),
        plot: Plot::Lines {
            x: epoch_axis(),
            y: Axis { title: "Contrastive loss".into(), log: true, ..Axis::default() },
            lines: lines.collect(),
            marks: Vec::new(),
        },
    }
}

/// Pairs that are to be pushed apart and send no gradient any more.
pub fn beyond(results: &Results) -> Figure {
    let trained = results.methods.iter().filter(|method| {
        matches!(method, Method::Trained(Recipe { similar: Similar::One, normalise: true, .. }))
            || **method == results.best_raw
    });
    let count = results.settings.margin.len();
    let lines = trained.enumerate().map(|(at, method)| {
        let share = over_seeds(results, *method, |trial| watched(trial, |watched| watched.beyond));
        let shade = match method.is_normalised() {
            true => Colour::Scale(at as f64 / count.saturating_sub(1).max(1) as f64),
            false => colour(*method),
        };
        line(method.to_string(), epochs_from(0, share.len()), share, shade, Stroke::Marked)
    });
    Figure {
        title: "Different pairs beyond the margin".into(),
        caption: "The share of different-digit validation pairs that cost nothing, because they are at least a margin \
                  apart (mean over the seeds; epoch 0: before training). They send no gradient: the higher the line, the \
                  fewer pairs there are left to learn from."
            .into(),
        plot: Plot::Lines {
            x: epoch_axis(),
            y: Axis {
                title: "Different pairs without gradient".into(),
                percent: true,
                range: Some((0.0, 1.0)),
                log: false,
            },
            lines: lines.collect(),
            marks: Vec::new(),
        },
    }
}

/// The margin against the equal error rate.
pub fn sweep(results: &Results) -> Figure {
    let kinds = [(true, "normalised", Colour::Method(0)), (false, "raw", Colour::Method(1))];
    let lines = kinds.into_iter().flat_map(|(normalise, name, shade)| {
        let trained = results.methods.iter().filter(|method| {
            matches!(method, Method::Trained(recipe) if recipe.normalise == normalise && recipe.similar == Similar::One)
        });
        let methods: Vec<Method> = trained.copied().collect();
        let margins: Vec<f64> = methods.iter().filter_map(|method| results.margin(*method)).collect();
        [(Part::Seen, "seen_eer", Stroke::Marked), (Part::HeldOut, "held_out_eer", Stroke::Dashed)].map(
            |(part, metric, stroke)| {
                let of = |method: &Method| results.metric(*method, metric);
                Line {
                    spread: methods.iter().map(|method| of(method).std).collect(),
                    ..line(
                        format!("{name}, {}", part.name()),
                        margins.clone(),
                        methods.iter().map(|method| of(method).mean).collect(),
                        shade,
                        // A single margin makes no line.
                        if methods.len() == 1 { Stroke::Points } else { stroke },
                    )
                }
            },
        )
    });
    Figure {
        title: "Margin against equal error rate".into(),
        caption: format!(
            "Test pairs, error bars: one standard deviation over {} seeds. Lower is better. The margin of the other figures \
             is chosen on validation pairs, not by these lines.",
            results.trials(results.best).len()
        ),
        plot: Plot::Lines {
            x: Axis { title: "Margin (distance)".into(), log: true, ..Axis::default() },
            y: Axis { title: "Equal error rate".into(), percent: true, ..Axis::default() },
            lines: lines.collect(),
            marks: Vec::new(),
        },
    }
}

fn watched(trial: &Trial, number: impl Fn(&Watched) -> f64) -> Vec<f64> {
    trial.history.watched.iter().map(number).collect()
}

/// The mean over the seeds at each place of a course.
fn over_seeds(results: &Results, method: Method, course: impl Fn(&Trial) -> Vec<f64>) -> Vec<f64> {
    let courses: Vec<Vec<f64>> = results.trials(method).iter().map(course).collect();
    let at = |place: usize| mean(&courses.iter().map(|course| course[place]).collect::<Vec<f64>>());
    (0..courses[0].len()).map(at).collect()
}

fn epochs_from(first: usize, count: usize) -> Vec<f64> {
    (first..first + count).map(|epoch| epoch as f64).collect()
}

fn epoch_axis() -> Axis {
    Axis { title: "Epoch".into(), ..Axis::default() }
}

fn line(name: String, x: Vec<f64>, y: Vec<f64>, colour: Colour, stroke: Stroke) -> Line {
    Line { name, x, y, spread: Vec::new(), colour, stroke }
}
