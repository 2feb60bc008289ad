//! The figures, as data.

use super::{methods::Method, results::Results, story::Told};
use crate::{
    data::images::Parts,
    experiments::common::{self, ByMethod},
    outcome::{Axis, Bars, Colour, Figure, Line, Plot, Stroke},
};

/// The colour that a loss has in all figures.
fn colour(method: Method) -> Colour {
    Colour::Method(match method {
        Method::CrossEntropy => 5,
        Method::Triplet => 1,
        Method::Outside => 0,
        Method::Inside => 2,
    })
}

/// The losses without wrong labels.
pub fn compared(results: &Results, methods: &[Method]) -> Figure {
    let metrics = [
        ("accuracy", "Linear probe"),
        ("recall_at_1", "Recall@1"),
        ("recall_at_1_of_head", "Recall@1 after the head"),
        ("map_at_r", "MAP@R"),
    ];
    let bars = |method: &Method| {
        let metric = |name| results.metric(&results.name(*method, 0.0), name);
        Bars {
            name: method.name().to_owned(),
            heights: metrics.iter().map(|(name, _)| metric(name).mean).collect(),
            spread: metrics.iter().map(|(name, _)| metric(name).std).collect(),
            colour: colour(*method),
        }
    };
    Figure {
        title: "The losses".to_owned(),
        caption:
            "Test part, right labels; higher is better. Error bars: one standard deviation over the seeds. All but \
                  the third are of representations; after the head is what the loss itself saw, logits in the case of \
                  cross-entropy."
                .to_owned(),
        plot: Plot::Bars {
            categories: metrics.map(|(_, title)| title.to_owned()).to_vec(),
            y: share_axis("Share", Some((0.0, 1.0))),
            series: methods.iter().map(bars).collect(),
        },
    }
}

/// A metric by the share of wrong labels.
pub fn by_noise(told: &Told, results: &Results, metric: &str, title: &str, axis: &str) -> Figure {
    let mut shares = told.settings.label_noise.clone();
    shares.sort_by(f64::total_cmp);
    let line = |method: &Method| {
        let at = |share: &f64| results.metric(&results.name(*method, *share), metric);
        Line {
            name: method.name().to_owned(),
            x: shares.clone(),
            y: shares.iter().map(|share| at(share).mean).collect(),
            spread: shares.iter().map(|share| at(share).std).collect(),
            colour: colour(*method),
            stroke: Stroke::Marked,
        }
    };
    Figure {
        title: title.to_owned(),
        caption: "Test part, whose labels are right. Error bars: one standard deviation over the seeds. The flatter a \
                  line, the less wrong labels do."
            .to_owned(),
        plot: Plot::Lines {
            x: share_axis("Wrong labels among those for training", None),
            y: share_axis(axis, None),
            lines: told.settings.methods.iter().map(line).collect(),
            marks: Vec::new(),
        },
    }
}

/// L_out by the number of views.
pub fn by_views(results: &Results, views: &[usize]) -> Figure {
    let metrics = [("accuracy", "Linear probe", 0), ("recall_at_1", "Recall@1", 3), ("map_at_r", "MAP@R", 4)];
    let line = |(metric, title, place): (&str, &str, usize)| {
        let at = |views: &usize| results.metric(&results.name_of_views(*views), metric);
        Line {
            name: title.to_owned(),
            x: views.iter().map(|views| *views as f64).collect(),
            y: views.iter().map(|views| at(views).mean).collect(),
            spread: views.iter().map(|views| at(views).std).collect(),
            colour: Colour::Method(place),
            stroke: Stroke::Marked,
        }
    };
    Figure {
        title: "L_out by the number of views".to_owned(),
        caption: "Test part. All batches hold as many views and all trainings look at as many: with more views of an \
                  image, a batch holds fewer images. Error bars: one standard deviation over the seeds."
            .to_owned(),
        plot: Plot::Lines {
            x: Axis { title: "Views of an image in a batch".to_owned(), ..Axis::default() },
            y: share_axis("Share", None),
            lines: metrics.map(line).to_vec(),
            marks: Vec::new(),
        },
    }
}

/// The representations of cross-entropy and of L_out as maps.
pub fn maps(results: &Results, first: &Parts, seed: u64) -> Vec<Figure> {
    let map = |method: Method| {
        let rows = results.map(method)?;
        let shown: Vec<usize> = (0..super::MAPPED.min(first.test.len())).collect();
        let caption = format!(
            "t-SNE of the representations of {} test images, seed {seed}; a point shows its image. Neighbours on the map \
             are neighbours among the representations; the size of a cluster and the distance of two mean nothing.",
            shown.len()
        );
        let title = format!("Representations by {}", method.name());
        let images = first.test.select(&shown);
        Some(common::map(&title, &caption, rows, &images, &results.picked.set.classes, seed))
    };
    [Method::CrossEntropy, Method::Outside].into_iter().filter_map(map).collect()
}

fn share_axis(title: &str, range: Option<(f64, f64)>) -> Axis {
    Axis { title: title.to_owned(), percent: true, range, log: false }
}
