//! The figures, as data.

use super::{
    methods::{MOMENTUM, PIXELS, SCRATCH, SIMCLR, UNTRAINED, left_out, name_without, row_name},
    results::Results,
    story::Told,
};
use crate::{
    data::images::Parts,
    experiments::common::{self, ByMethod},
    outcome::{Axis, Bars, Colour, Figure, Line, Plot, Stroke},
    wording::given,
};

/// The colour that a way has in all figures.
fn colour(way: &str) -> Colour {
    let order = [SIMCLR, MOMENTUM, SCRATCH, UNTRAINED, PIXELS];
    Colour::Method(order.iter().position(|known| *known == way).unwrap_or(5))
}

/// Accuracy by the share of the labels.
pub fn by_labels(told: &Told, results: &Results) -> Figure {
    let shares = told.settings.shares();
    let line = |way: &&str| {
        let at = |share: &f64| results.metric(&row_name(way, *share), "accuracy");
        Line {
            name: (*way).to_owned(),
            x: shares.clone(),
            y: shares.iter().map(|share| at(share).mean).collect(),
            spread: shares.iter().map(|share| at(share).std).collect(),
            colour: colour(way),
            stroke: if *way == SCRATCH { Stroke::Dashed } else { Stroke::Marked },
        }
    };
    let ways = told.plain_ways(results);
    Figure {
        title: "What labels are worth".to_owned(),
        caption:
            "Test part: a linear classifier on features that stay as they are; from scratch (dashed): the network that \
                  learned from the same labels alone. Error bars: one standard deviation over the seeds."
                .to_owned(),
        plot: Plot::Lines {
            x: Axis { log: true, ..share_axis("Share of the labels") },
            y: share_axis("Accuracy"),
            lines: ways.iter().map(line).collect(),
            marks: Vec::new(),
        },
    }
}

/// The representation against what the loss sees.
pub fn head(told: &Told, results: &Results) -> Figure {
    let shares = told.settings.shares();
    let bars = |(name, metric, place): (&str, &str, usize)| {
        let of = |share: &f64| results.metric(&row_name(SIMCLR, *share), metric);
        Bars {
            name: name.to_owned(),
            heights: shares.iter().map(|share| of(share).mean).collect(),
            spread: shares.iter().map(|share| of(share).std).collect(),
            colour: Colour::Method(place),
        }
    };
    let series = [
        ("linear probe before the head", "accuracy", 0),
        ("linear probe after the head", "accuracy_of_head", 1),
        ("neighbours before the head", "knn", 2),
        ("neighbours after the head", "knn_of_head", 3),
    ];
    Figure {
        title: "Before and after the projection head".to_owned(),
        caption:
            "SimCLR on the test part. The loss makes what comes after the head forget what augmentations change; the \
                  representation before it keeps more. Error bars: one standard deviation over the seeds."
                .to_owned(),
        plot: Plot::Bars {
            categories: shares.iter().map(|share| format!("{} of the labels", given(*share))).collect(),
            y: Axis { range: Some((0.0, 1.0)), ..share_axis("Accuracy") },
            series: series.map(bars).to_vec(),
        },
    }
}

/// A sweep: the linear probe and neighbours with the middle share of the labels.
pub fn sweep(told: &Told, title: &str, axis: Axis, x: Vec<f64>, names: &[String]) -> Figure {
    let (results, share) = (&told.results[0], told.settings.middle());
    let line = |(metric, name, place): (&str, &str, usize)| {
        let at = |way: &String| results.metric(&row_name(way, share), metric);
        Line {
            name: name.to_owned(),
            x: x.clone(),
            y: names.iter().map(|way| at(way).mean).collect(),
            spread: names.iter().map(|way| at(way).std).collect(),
            colour: Colour::Method(place),
            stroke: Stroke::Marked,
        }
    };
    Figure {
        title: title.to_owned(),
        caption: format!(
            "{}, test part, {} of the labels. Error bars: one standard deviation over the seeds.",
            results.picked.pick.title(),
            given(share)
        ),
        plot: Plot::Lines {
            x: axis,
            y: share_axis("Accuracy"),
            lines: [("accuracy", "linear probe", 0), ("knn", "neighbours", 2)].map(line).to_vec(),
            marks: Vec::new(),
        },
    }
}

/// What leaving out an augmentation does.
pub fn ablation(told: &Told) -> Figure {
    let (results, share) = (&told.results[0], told.settings.middle());
    let kinds = left_out(told.settings, &results.picked.pick.policy());
    let names: Vec<String> =
        std::iter::once(SIMCLR.to_owned()).chain(kinds.iter().map(|kind| name_without(*kind))).collect();
    let bars = |(metric, name, place): (&str, &str, usize)| {
        let of = |way: &String| results.metric(&row_name(way, share), metric);
        Bars {
            name: name.to_owned(),
            heights: names.iter().map(|way| of(way).mean).collect(),
            spread: names.iter().map(|way| of(way).std).collect(),
            colour: Colour::Method(place),
        }
    };
    let categories =
        std::iter::once("all".to_owned()).chain(kinds.iter().map(|kind| format!("without {}", kind.name())));
    Figure {
        title: "Augmentations left out".to_owned(),
        caption: format!(
            "{}, test part, {} of the labels. Error bars: one standard deviation over the seeds.",
            results.picked.pick.title(),
            given(share)
        ),
        plot: Plot::Bars {
            categories: categories.collect(),
            y: Axis { range: Some((0.0, 1.0)), ..share_axis("Accuracy") },
            series: [("accuracy", "linear probe", 0), ("knn", "neighbours", 2)].map(bars).to_vec(),
        },
    }
}

/// The representations of test images before training and after it.
pub fn maps(results: &Results, first: &Parts, seed: u64) -> Vec<Figure> {
    let map = |(way, rows): &(String, &[f32])| {
        let shown: Vec<usize> = (0..super::MAPPED.min(first.test.len())).collect();
        let caption = format!(
            "t-SNE of the representations of {} test images, seed {seed}; a point shows its image, its colour a class that \
             the training never knew. Neighbours on the map are neighbours among the representations; the size of a cluster \
             and the distance of two mean nothing.",
            shown.len()
        );
        let title = format!("Representations: {way}");
        common::map(&title, &caption, rows, &first.test.select(&shown), &results.picked.set.classes, seed)
    };
    results.maps.iter().map(map).collect()
}

fn share_axis(title: &str) -> Axis {
    Axis { title: title.to_owned(), percent: true, range: None, log: false }
}
