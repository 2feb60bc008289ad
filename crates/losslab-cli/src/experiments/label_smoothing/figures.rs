//! The figures of exercise 4, as data.

use super::{
    clusters::MAPPED,
    results::{Method, Pooled, Results},
};
use crate::{
    experiments::common::{self, ByMethod},
    outcome::{Axis, Colour, Figure, Line, Mark, Plot, Stroke},
};

/// Bins with fewer answers, over all seeds, say more about chance than about the network.
const FEWEST: f64 = 20.0;

/// The methods that figures compare, each with its colour.
fn compared(results: &Results) -> Vec<(Method, Colour)> {
    let largest = Method::smoothed(results.settings.largest());
    let mut methods = vec![Method::PLAIN, Method::SCALED, results.reference()];
    if largest != results.reference() {
        methods.push(largest);
    }
    methods.into_iter().zip([0, 3, 2, 4].map(Colour::Method)).collect()
}

/// Figures of calibration and confidence.
pub fn of_confidence(results: &Results) -> Vec<Figure> {
    vec![
        reliability(results),
        confidence(results, true),
        confidence(results, false),
        errors_by_smoothing(results),
        temperatures(results),
    ]
}

fn reliability(results: &Results) -> Figure {
    let curve = |(method, colour): (Method, Colour)| {
        let bins: Vec<Pooled> = results.pooled(method).into_iter().filter(|bin| bin.count >= FEWEST).collect();
        let accuracy = |bin: &Pooled| bin.right / bin.count;
        let chance = |bin: &Pooled| (accuracy(bin) * (1.0 - accuracy(bin)) / bin.count).sqrt();
        Line {
            spread: bins.iter().map(chance).collect(),
            ..line(
                method.title(),
                bins.iter().map(|bin| bin.confidence / bin.count).collect(),
                bins.iter().map(accuracy).collect(),
                colour,
                Stroke::Marked,
            )
        }
    };
    let perfect =
        line("perfectly calibrated".into(), vec![0.0, 1.0], vec![0.0, 1.0], Colour::Method(1), Stroke::Dashed);
    Figure {
        title: "Reliability".into(),
        caption: format!(
            "Test answers by their confidence, in bins of equal width over all seeds: how many of them are right. Below \
             the dashed line a network is overconfident, above it underconfident. Error bars: one standard error of a \
             share of so many answers. Bins with fewer than {FEWEST} answers are left out."
        ),
        plot: Plot::Lines {
            x: share_axis("Mean confidence of the bin"),
            y: share_axis("Right answers"),
            lines: compared(results).into_iter().map(curve).chain([perfect]).collect(),
            marks: Vec::new(),
        },
    }
}

fn confidence(results: &Results, is_right: bool) -> Figure {
    let which = if is_right { "right" } else { "wrong" };
    // Two, so that bars over each other can be told apart.
    let shown = [(Method::PLAIN, Colour::Method(0)), (results.reference(), Colour::Method(2))];
    let series = shown.map(|(method, colour)| {
        let bins = results.pooled(method);
        let wanted = |bin: &Pooled| if is_right { bin.right } else { bin.count - bin.right };
        let total: f64 = bins.iter().map(wanted).sum::<f64>().max(1.0);
        (method.title(), bins.iter().map(|bin| wanted(bin) / total).collect(), colour)
    });
    let [asked, _] = results.reference().recipe.targets(results.data.classes());
    Figure {
        title: format!("Confidence of {which} answers"),
        caption: format!(
            "How the {which} answers on the test part, over all seeds, spread over the probability that the network gives \
             its answer. The mark: what the loss with ε = {} asks for. {}",
            results.settings.reference(),
            if is_right {
                "The further right, the surer."
            } else {
                "The further left the better: a wrong answer given with confidence misleads."
            }
        ),
        plot: Plot::Histogram {
            x: share_axis("Confidence"),
            y: Axis { title: format!("Share of the {which} answers"), percent: true, ..Axis::default() },
            edges: results.edges(),
            series: series.into(),
            marks: vec![Mark { at: asked, name: "target".into() }],
        },
    }
}

fn errors_by_smoothing(results: &Results) -> Figure {
    let curve = |name: &str, metric: &str, of: &dyn Fn(f64) -> Method, colour: usize, stroke: Stroke| {
        by_smoothing(results, name, metric, of, Colour::Method(colour), stroke)
    };
    Figure {
        title: "Calibration error by ε".into(),
        caption: format!(
            "Expected calibration error on the test part in 15 bins of equal width, as the network is and with its \
             temperature, which is fitted on the validation part. Dashed: what perfectly calibrated probabilities would \
             have by chance, with these confidences and this number of test images. Error bars: one standard deviation \
             over {} seeds.",
            results.seeds.len()
        ),
        plot: Plot::Lines {
            x: Axis { title: "Smoothing ε (ε/K for every class)".into(), ..Axis::default() },
            y: Axis { title: "Calibration error".into(), percent: true, ..Axis::default() },
            lines: vec![
                curve("as it is", "ece", &Method::smoothed, 2, Stroke::Marked),
                curve("scaled", "ece", &|smoothing| Method::smoothed(smoothing).scaled(), 3, Stroke::Marked),
                Line {
                    spread: Vec::new(),
                    ..curve("by chance, as it is", "ece_by_chance", &Method::smoothed, 1, Stroke::Dashed)
                },
            ],
            marks: Vec::new(),
        },
    }
}

fn temperatures(results: &Results) -> Figure {
    let wanted =
        by_smoothing(results, "temperature", "best_temperature", &Method::smoothed, Colour::Method(2), Stroke::Marked);
    let ends = [0.0, results.settings.largest()];
    let as_it_is = line("as it is".into(), ends.to_vec(), vec![1.0; 2], Colour::Method(1), Stroke::Dashed);
    Figure {
        title: "The temperature that each network wants".into(),
        caption: "What the logits have to be divided by so that the likelihood of the validation part is highest. Above 1 \
                  the network was too sure of itself, below 1 not sure enough: smoothing and scaling are two ways to the \
                  same place, and smoothing can go too far."
            .into(),
        plot: Plot::Lines {
            x: Axis { title: "Smoothing ε (ε/K for every class)".into(), ..Axis::default() },
            y: Axis { title: "Temperature".into(), ..Axis::default() },
            lines: vec![wanted, as_it_is],
            marks: Vec::new(),
        },
    }
}

/// Maps of the layer before the logits, without and with smoothing.
pub fn of_clusters(results: &Results) -> Vec<Figure> {
    let seed = results.seeds[0];
    let test = results.data.parts(seed).test;
    let shown = test.select(&(0..MAPPED.min(test.len())).collect::<Vec<_>>());
    let map = |method: Method| {
        let caption = format!(
            "The layer before the logits of {} test images as points by t-SNE, coloured by their true class; seed {seed}. \
             Distances between clusters and their sizes mean nothing: the ratios in the table do.",
            shown.len()
        );
        let title = format!("Penultimate layer, {}", method.title());
        common::map(&title, &caption, results.map(method.recipe), &shown, &results.data.set.classes, seed)
    };
    [Method::PLAIN, results.reference()].map(map).into()
}

/// A metric over all ε, in their order on the axis.
fn by_smoothing(
    results: &Results,
    name: &str,
    metric: &str,
    method: &dyn Fn(f64) -> Method,
    colour: Colour,
    stroke: Stroke,
) -> Line {
    let mut smoothing = results.settings.smoothing.clone();
    smoothing.sort_by(f64::total_cmp);
    let at = |smoothing: &f64| results.metric(method(*smoothing), metric);
    Line {
        spread: smoothing.iter().map(|smoothing| at(smoothing).std).collect(),
        ..line(
            name.to_owned(),
            smoothing.clone(),
            smoothing.iter().map(|smoothing| at(smoothing).mean).collect(),
            colour,
            stroke,
        )
    }
}

fn share_axis(title: &str) -> Axis {
    Axis { title: title.to_owned(), percent: true, range: Some((0.0, 1.0)), log: false }
}

fn line(name: String, x: Vec<f64>, y: Vec<f64>, colour: Colour, stroke: Stroke) -> Line {
    Line { name, x, y, spread: Vec::new(), colour, stroke }
}
