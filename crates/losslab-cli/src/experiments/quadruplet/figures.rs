//! The figures of the quadruplet experiment, as data.

use super::{HELD_OUT, SEEN, UNTRAINED, methods::Method, story::Told};
use crate::{
    experiments::common::{self, ByMethod},
    outcome::{Axis, Bars, Colour, Figure, Line, Plot, Stroke},
};

/// The colour of a way to embed in all figures.
fn colour(name: &str) -> Colour {
    Colour::Method(Method::ALL.iter().position(|method| method.name() == name).unwrap_or(5))
}

/// Retrieval and verification of a part, by method.
pub fn retrieval(told: &Told, part: &'static str) -> Figure {
    let metrics = [("recall_at_1", "Recall@1"), ("map_at_r", "MAP@R"), ("eer", "EER")];
    let bars = |name: &&str| Bars {
        name: (*name).to_owned(),
        heights: metrics.iter().map(|(metric, _)| told.mean((part, name), metric)).collect(),
        spread: metrics.iter().map(|(metric, _)| told.metric((part, name), metric).std).collect(),
        colour: colour(name),
    };
    let axis = Axis { title: "Share".to_owned(), percent: true, range: Some((0.0, 1.0)), log: false };
    Figure {
        title: format!("Retrieval and verification, {part}"),
        caption: format!(
            "Recall@1 and MAP@R: higher is better. EER, the error rate of one distance as threshold for all pairs: lower \
             is better. Error bars: one standard deviation over {} seeds.",
            told.seeds.len()
        ),
        plot: Plot::Bars {
            categories: metrics.map(|(_, title)| title.to_owned()).to_vec(),
            y: axis,
            series: told.ways().iter().map(bars).collect(),
        },
    }
}

/// Distances within and between classes, of both parts.
pub fn distances(told: &Told) -> Figure {
    let categories = [
        (SEEN, "intra_class_distance", "within, trained"),
        (SEEN, "inter_class_distance", "between, trained"),
        (HELD_OUT, "intra_class_distance", "within, held out"),
        (HELD_OUT, "inter_class_distance", "between, held out"),
    ];
    let bars = |name: &&str| Bars {
        name: (*name).to_owned(),
        heights: categories.iter().map(|(part, metric, _)| told.mean((part, name), metric)).collect(),
        spread: categories.iter().map(|(part, metric, _)| told.metric((part, name), metric).std).collect(),
        colour: colour(name),
    };
    Figure {
        title: "Distances within and between classes".to_owned(),
        caption:
            "Mean distance of two test images of one class, and of two classes, with embeddings at length 1 (at most \
                  2). Error bars: one standard deviation over the seeds."
                .to_owned(),
        plot: Plot::Bars {
            categories: categories.map(|(_, _, title)| title.to_owned()).to_vec(),
            y: Axis { title: "Mean distance".to_owned(), range: Some((0.0, 1.6)), ..Axis::default() },
            series: told.ways().iter().map(bars).collect(),
        },
    }
}

/// What each loss leaves to learn: triplets or quadruplets of the validation images.
pub fn left_to_learn(told: &Told, quadruplets: bool) -> Figure {
    let line = |(name, tested): &(&str, &[super::Tested])| {
        let epochs = tested.iter().map(|tested| tested.notes.probes.len()).min().unwrap_or(0);
        let share = |epoch: usize| {
            let of_seed = |tested: &super::Tested| {
                let probe = tested.notes.probes[epoch];
                if quadruplets { probe.quadruplets } else { probe.triplets }
            };
            tested.iter().map(of_seed).sum::<f64>() / tested.len() as f64
        };
        Line {
            name: (*name).to_owned(),
            x: (0..epochs).map(|epoch| epoch as f64).collect(),
            y: (0..epochs).map(share).collect(),
            spread: Vec::new(),
            colour: colour(name),
            stroke: Stroke::Marked,
        }
    };
    let kind = if quadruplets { "quadruplets" } else { "triplets" };
    Figure {
        title: format!("Validation {kind} that cost something"),
        caption: format!(
            "All {kind} of the validation images by the margins of each method, before the first and after every epoch, \
             mean over the seeds. Triplet losses don't look at quadruplets, but leave fewer of them as well."
        ),
        plot: Plot::Lines {
            x: Axis { title: "Epoch".to_owned(), ..Axis::default() },
            y: Axis { title: format!("Share of all {kind}"), percent: true, range: None, log: true },
            lines: told.by_way.iter().filter(|(name, _)| *name != UNTRAINED).map(line).collect(),
            marks: Vec::new(),
        },
    }
}

/// The held-out classes as each loss sees them, for the first seed.
pub fn maps(told: &Told) -> Vec<Figure> {
    let map = |(name, tested): &(&str, &[super::Tested])| {
        let caption = format!(
            "t-SNE of the embeddings of {} test images of classes that no training saw, seed {}; a point shows its image. \
             Neighbours on the map are neighbours in the embedding space; the distance of two clusters means nothing.",
            told.mapped.len(),
            told.seeds[0]
        );
        common::map(
            &format!("Held-out classes: {name}"),
            &caption,
            &tested[0].map,
            told.mapped,
            &told.set.classes,
            told.seeds[0],
        )
    };
    let is_batch_all = |name: &str| name.ends_with("batch-all");
    told.by_way.iter().filter(|(name, _)| is_batch_all(name)).map(map).collect()
}
