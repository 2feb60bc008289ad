//! Task 6, the maps, and the other figures of exercise 3, as data.

use super::{
    COLLAPSING, PIXELS, RAW, REFERENCE, REMEDIES, UNTRAINED,
    batches::{Draws, chance_of_none, name},
    results::Results,
    settings::Settings,
};
use crate::{
    data::images::Images,
    experiments::common::{self, ByMethod},
    outcome::{Axis, Bars, Colour, Figure, Line, Mark, Plot, Stroke},
};

/// Numbers of classes for which the chance of a batch without triplets is drawn.
const CLASSES: [usize; 3] = [10, 100, 1000];

/// The colour that a way to embed has in all figures.
fn colour(name: &str) -> Colour {
    let order = ["random", "batch-all", "batch-hard", REFERENCE, "offline", UNTRAINED, PIXELS, RAW];
    let place = order.iter().position(|known| *known == name);
    // What isn't among the strategies appears beside few others: these places are free there.
    Colour::Method(place.unwrap_or_else(|| match name {
        COLLAPSING => 2,
        _ => [0, 1, 3][REMEDIES.iter().position(|remedy| *remedy == name).unwrap_or(0)],
    }))
}

/// The embedding space before and after training, for the first seed.
pub fn maps(results: &Results, images: &Images, seed: u64) -> Vec<Figure> {
    let map = |(name, title): (&str, &str)| {
        let embeddings = &results.of(name).first()?.map;
        let caption = format!(
            "t-SNE of the embeddings of {} test images, seed {seed}; a point shows its image. Neighbours on the map are \
             neighbours in the embedding space; the size of a cluster and the distance of two mean nothing.",
            images.len()
        );
        Some(common::map(title, &caption, embeddings, images, &results.set.images.classes, seed))
    };
    let both = [(UNTRAINED, "Before training"), (REFERENCE, "After training with semi-hard triplets")];
    both.into_iter().filter_map(map).collect()
}

/// Retrieval by strategy.
pub fn retrieval(results: &Results, names: &[&str]) -> Figure {
    let metrics = [("recall_at_1", "Recall@1"), ("p_at_1", "P@1"), ("map_at_r", "MAP@R")];
    let bars = |name: &&str| Bars {
        name: (*name).to_owned(),
        heights: metrics.iter().map(|(metric, _)| results.metric(name, metric).mean).collect(),
        spread: metrics.iter().map(|(metric, _)| results.metric(name, metric).std).collect(),
        colour: colour(name),
    };
    Figure {
        title: "Retrieval on the test part".to_owned(),
        caption: format!(
            "Higher is better. Error bars: one standard deviation over {} seeds. Recall@1 looks only at the nearest test \
             image and P@1 at the nearest training image, MAP@R at as many as the class has: it says how well whole \
             classes hold together.",
            results.tested[0].1.len()
        ),
        plot: Plot::Bars {
            categories: metrics.map(|(_, title)| title.to_owned()).to_vec(),
            y: share_axis("Share"),
            series: names.iter().map(bars).collect(),
        },
    }
}

/// What is left to learn, by strategy: triplets of the probe that still cost something.
pub fn left_to_learn(results: &Results, names: &[&str]) -> Figure {
    let lines = names.iter().map(|name| {
        let y = results.over_the_epochs(name, |probe| 1.0 - probe.shares[0]);
        line(name, (0..y.len()).map(|epoch| epoch as f64).collect(), y, Stroke::Marked)
    });
    Figure {
        title: "Triplets that still cost something".to_owned(),
        caption: "All valid triplets of the same validation images, before the first and after every epoch, mean over \
                  the seeds: the share that is not easy. The lower, the less is left to learn."
            .to_owned(),
        plot: Plot::Lines {
            x: epoch_axis(),
            y: Axis { range: None, log: true, ..share_axis("Share that costs something") },
            lines: lines.collect(),
            marks: Vec::new(),
        },
    }
}

/// How much of what a strategy chose was of use.
pub fn of_use(results: &Results, names: &[&str]) -> Figure {
    let lines = names.iter().map(|name| {
        let tested = results.of(name);
        let epochs = tested.iter().map(|tested| tested.notes.active.len()).min().unwrap_or(0);
        let mean = |epoch| tested.iter().map(|tested| tested.notes.active[epoch]).sum::<f64>() / tested.len() as f64;
        line(name, (1..=epochs).map(|epoch| epoch as f64).collect(), (0..epochs).map(mean).collect(), Stroke::Marked)
    });
    Figure {
        title: "Chosen triplets that cost something".to_owned(),
        caption: "During each epoch, mean over its batches and over the seeds: the share of the triplets a strategy \
                  chose that had a loss above 0. The rest was computed for nothing."
            .to_owned(),
        plot: Plot::Lines {
            x: epoch_axis(),
            y: share_axis("Share with a loss above 0"),
            lines: lines.collect(),
            marks: Vec::new(),
        },
    }
}

/// Easy, semi-hard and hard triplets over the epochs of a strategy.
pub fn kinds(results: &Results, strategy: &str) -> Figure {
    let layer =
        |(at, name): (usize, &str)| (name.to_owned(), results.over_the_epochs(strategy, |probe| probe.shares[at]));
    let layers: Vec<_> = [(2, "hard"), (1, "semi-hard"), (0, "easy")].map(layer).to_vec();
    let bars = (0..layers[0].1.len()).map(|epoch| match epoch {
        0 => "untrained".to_owned(),
        epoch => format!("epoch {epoch}"),
    });
    Figure {
        title: format!("Kinds of triplets over the epochs, {strategy}"),
        caption:
            "All valid triplets of the same validation images, mean over the seeds. Hard: the negative is at least \
                  as near as the positive. Semi-hard: it is farther, but by less than the margin. Easy: no loss."
                .to_owned(),
        plot: Plot::Stacks { y: share_axis("Share of all triplets"), bars: bars.collect(), layers },
    }
}

/// Results by the size of the batch.
pub fn sizes(results: &Results, settings: &Settings) -> Figure {
    let metrics = [("recall_at_1", "Recall@1", 0), ("map_at_r", "MAP@R", 3)];
    let lines = metrics.map(|(metric, title, place)| {
        let at = |size: &usize| results.metric(&name(settings, *size), metric);
        Line {
            name: title.to_owned(),
            x: settings.batch.iter().map(|size| *size as f64).collect(),
            y: settings.batch.iter().map(|size| at(size).mean).collect(),
            spread: settings.batch.iter().map(|size| at(size).std).collect(),
            colour: Colour::Method(place),
            stroke: Stroke::Marked,
        }
    });
    Figure {
        title: "Retrieval by the size of the batch".to_owned(),
        caption: "Semi-hard mining in P × K batches; all networks saw the same number of images. Error bars: one \
                  standard deviation over the seeds."
            .to_owned(),
        plot: Plot::Lines {
            x: Axis { title: "Images in a batch".to_owned(), log: true, ..Axis::default() },
            y: Axis { range: None, ..share_axis("Test part") },
            lines: lines.to_vec(),
            marks: Vec::new(),
        },
    }
}

/// The chance of a batch without a valid triplet, and what was counted.
pub fn without_triplets(draws: &[Draws]) -> Figure {
    let sizes: Vec<usize> = (2..=9).map(|power| 1 << power).collect();
    let curve = |(at, classes): (usize, usize)| Line {
        name: format!("{classes} classes"),
        x: sizes.iter().map(|size| *size as f64).collect(),
        y: sizes.iter().map(|size| chance_of_none(*size, classes)).collect(),
        spread: Vec::new(),
        colour: Colour::Method(at),
        stroke: Stroke::Marked,
    };
    let counted = Line {
        name: "counted here".to_owned(),
        x: draws.iter().map(|draws| draws.size as f64).collect(),
        y: draws
            .iter()
            .map(|draws| {
                draws.at_random.iter().map(|counts| counts.without).sum::<f64>() / draws.at_random.len() as f64
            })
            .collect(),
        spread: Vec::new(),
        colour: Colour::Method(5),
        stroke: Stroke::Points,
    };
    Figure {
        title: "Batches without a valid triplet".to_owned(),
        caption:
            "Lines: the chance that a batch drawn at random has none, if all classes are equally frequent. Points: \
                  counted on the digits. Batches of P × K with K ≥ 2 always have some."
                .to_owned(),
        plot: Plot::Lines {
            x: Axis { title: "Images in a batch".to_owned(), log: true, ..Axis::default() },
            y: share_axis("Share of batches without a triplet"),
            lines: CLASSES.into_iter().enumerate().map(curve).chain([counted]).collect(),
            marks: Vec::new(),
        },
    }
}

/// The scale of embeddings against the margin.
pub fn scale(results: &Results) -> Figure {
    let lines = [REFERENCE, RAW].map(|name| {
        let y = results.over_the_epochs(name, |probe| probe.distance_over_margin);
        line(name, (0..y.len()).map(|epoch| epoch as f64).collect(), y, Stroke::Marked)
    });
    Figure {
        title: "What the margin is worth".to_owned(),
        caption:
            "The mean distance of two validation images in units of the margin, mean over the seeds. On unit length \
                  it can't grow; raw embeddings may outgrow a margin by becoming longer, without becoming better."
                .to_owned(),
        plot: Plot::Lines {
            x: epoch_axis(),
            y: Axis { title: "Mean distance / margin".to_owned(), log: true, ..Axis::default() },
            lines: lines.to_vec(),
            marks: Vec::new(),
        },
    }
}

/// The loss in a collapse, and distances in it.
pub fn collapse(results: &Results) -> [Figure; 2] {
    let names: Vec<&str> = std::iter::once(COLLAPSING).chain(REMEDIES).collect();
    let figure = |title: &str, caption: &str, axis: &str, loss: bool| {
        let lines = names.iter().map(|name| {
            let y = results.over_the_epochs(name, |probe| match loss {
                true => probe.loss_over_margin,
                false => probe.distance_over_margin,
            });
            line(name, (0..y.len()).map(|epoch| epoch as f64).collect(), y, Stroke::Marked)
        });
        let lines: Vec<Line> = lines.collect();
        let end = lines[0].x.last().copied().unwrap_or(0.0);
        let at_margin = Line {
            name: "the margin".to_owned(),
            x: vec![0.0, end],
            y: vec![1.0; 2],
            spread: Vec::new(),
            colour: Colour::Method(5),
            stroke: Stroke::Dashed,
        };
        Figure {
            title: title.to_owned(),
            caption: caption.to_owned(),
            plot: Plot::Lines {
                x: epoch_axis(),
                y: Axis { title: axis.to_owned(), log: true, ..Axis::default() },
                lines: lines.into_iter().chain(loss.then_some(at_margin)).collect(),
                marks: Vec::<Mark>::new(),
            },
        }
    };
    [
        figure(
            "The loss of a collapse",
            "Batch-hard loss of the validation images in units of the margin, mean over the seeds. Where all embeddings \
             are one point, both distances are 0 and the loss is the margin itself: a loss that stays at 1 has given up.",
            "Batch-hard loss / margin",
            true,
        ),
        figure(
            "The distances in a collapse",
            "The mean distance of two validation images in units of the margin, mean over the seeds.",
            "Mean distance / margin",
            false,
        ),
    ]
}

fn line(name: &str, x: Vec<f64>, y: Vec<f64>, stroke: Stroke) -> Line {
    Line { name: name.to_owned(), x, y, spread: Vec::new(), colour: colour(name), stroke }
}

fn epoch_axis() -> Axis {
    Axis { title: "Epoch".to_owned(), ..Axis::default() }
}

fn share_axis(title: &str) -> Axis {
    Axis { title: title.to_owned(), percent: true, range: Some((0.0, 1.0)), log: false }
}
