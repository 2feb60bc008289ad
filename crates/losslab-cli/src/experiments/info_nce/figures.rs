//! The figures of exercise 5, as data.

use super::{
    emoji::{EmojiStudy, Styles},
    methods::{self, REFERENCE},
    results::{RECALL, Results, SEEN, UNSEEN},
    zero_shot::{Show, Study, World},
};
use crate::{
    data::{
        captions::Captioned,
        shapes::{self, CLASSES, COLOURS, HeldOut, SHAPES},
    },
    experiments::common::{ByMethod, sheet},
    outcome::{Axis, Colour, Figure, Format, Line, Mark, Plot, Stroke},
};

const BLUE: Colour = Colour::Method(0);
const GREEN: Colour = Colour::Method(1);
const RED: Colour = Colour::Method(2);
const PURPLE: Colour = Colour::Method(3);

/// Training pairs that are shown.
const EXAMPLES: usize = 8;

/// Pictures of the training with their captions.
pub fn examples(world: &World) -> Figure {
    let pairs = &world.material.pairs;
    let shown: Vec<usize> = (0..EXAMPLES.min(pairs.len())).collect();
    let rows = shown.iter().map(|index| (format!("“{}”", pairs.captions[*index]), vec![*index])).collect();
    Figure {
        title: "Pairs of the training".into(),
        caption:
            "The first pairs that seed 1 draws. A training caption may leave out size and place and chooses among \
                  synonyms; a test caption says everything."
                .into(),
        plot: Plot::Pictures { rows, columns: Vec::new(), pictures: sheet(&pairs.images.select(&shown)) },
    }
}

/// One picture of every combination of colour and shape.
pub fn combinations(world: &World) -> Figure {
    let pictures = world.test.all().and(&world.valid.unseen).images;
    let of_class = |class: usize| (0..pictures.len()).find(|index| pictures.label(*index) == class);
    let found: Vec<Option<usize>> = (0..CLASSES).map(of_class).collect();
    let shown: Vec<usize> = found.iter().flatten().copied().collect();
    // Shapes of a colour that no part happens to have are left out of its row.
    let row = |colour: usize| {
        let places = (0..SHAPES).filter_map(|shape| found[colour * SHAPES + shape]);
        let places = places.filter_map(|index| shown.iter().position(|other| *other == index)).collect();
        let of = |classes: &[usize]| {
            let own = classes.iter().find(|class| **class / SHAPES == colour).expect("one of each colour");
            shapes::class_name(*own)
        };
        let HeldOut { valid, test } = &world.held_out;
        (format!("{}; validation only: {}", of(test), of(valid)), places)
    };
    Figure {
        title: "Colours and shapes".into(),
        caption: "A row a colour: circle, square, triangle, star, cross. Each row names the combination that seed 1 \
                  keeps for the test part, then the one for validation; training has neither. Other seeds keep out \
                  others, and five seeds test each of the 30 once."
            .into(),
        plot: Plot::Pictures {
            rows: (0..COLOURS).map(row).collect(),
            columns: Vec::new(),
            pictures: sheet(&pictures.select(&shown)),
        },
    }
}

/// Captions with the pictures that they find.
pub fn retrieved(title: &str, caption: &str, pairs: &Captioned, found: &[(usize, Vec<usize>)]) -> Figure {
    let mut shown = Vec::new();
    let row = |(query, pictures): &(usize, Vec<usize>)| {
        let start = shown.len();
        shown.extend(pictures);
        let right = pictures.iter().filter(|picture| pairs.meanings[**picture] == pairs.meanings[*query]).count();
        let there = pairs.meanings.iter().filter(|meaning| **meaning == pairs.meanings[*query]).count();
        let name = shortened(&pairs.captions[*query]);
        (format!("“{name}” ({right} right, {there} there)"), (start..shown.len()).collect())
    };
    let rows: Vec<(String, Vec<usize>)> = found.iter().map(row).collect();
    let columns = (1..=found.first().map_or(0, |(_, pictures)| pictures.len())).map(|rank| rank.to_string()).collect();
    Figure {
        title: title.to_owned(),
        caption: caption.to_owned(),
        plot: Plot::Pictures { rows, columns, pictures: sheet(&pairs.images.select(&shown)) },
    }
}

/// A caption without the keywords that follow its name.
fn shortened(caption: &str) -> &str {
    caption.split(':').next().unwrap_or(caption)
}

/// The retrieval grid of the generated pairs.
pub fn found_shapes(world: &World, show: &Show) -> Figure {
    let caption = "Test captions of seed 1, the last ones of combinations that training never had, and the test \
                   pictures nearest to each, from the nearest. In brackets: how many of those shown fit the whole \
                   caption, and how many such pictures the test part has.";
    retrieved("What captions find", caption, &world.test.all(), &show.found)
}

/// The retrieval grid of the emoji.
pub fn found_emoji(styles: &Styles, found: &[(usize, Vec<usize>)]) -> Figure {
    let caption = "Names of things that training never had, and the pictures nearest to each among all such things, in \
                   a style that training never had. One picture fits each name.";
    retrieved("What names of unseen emoji find", caption, &styles.unseen, found)
}

/// How similar pictures and prompts of unseen combinations are.
pub fn similarity(world: &World, show: &Show) -> Figure {
    let names: Vec<String> = world.held_out.test.iter().map(|class| shapes::class_name(*class)).collect();
    Figure {
        title: "Unseen combinations: pictures against prompts".into(),
        caption: "Mean cosine of the test pictures of a combination (row) and the prompts of one (column), seed 1, \
                  reference. None of these combinations occurs in training. A diagonal that stands out means that pictures \
                  meet their prompt."
            .into(),
        plot: Plot::Heat {
            x: "Prompt".into(),
            y: "Pictures".into(),
            columns: names.clone(),
            rows: names,
            value: "mean cosine".into(),
            cells: show.similarity.clone(),
            format: Format::Number(2),
        },
    }
}

/// Retrieval and zero-shot over the fixed temperatures.
pub fn over_temperatures(results: &Results<Study>) -> Figure {
    let settings = results.settings;
    let points: Vec<(f64, String)> =
        sorted(&settings.temperature).into_iter().map(|value| (value, methods::fixed(settings, value))).collect();
    Figure {
        title: "Temperature".into(),
        caption: format!(
            "Test part. Everything but the temperature is the same. Error bars: one standard deviation over {} seeds.",
            results.seeds()
        ),
        plot: Plot::Lines {
            x: Axis { title: "Temperature τ".into(), log: true, ..Axis::default() },
            y: shares("Share of the test part"),
            lines: sweep(results, &points),
            marks: Vec::new(),
        },
    }
}

/// Retrieval and zero-shot over the batch sizes.
pub fn over_batches(results: &Results<Study>) -> Figure {
    Figure {
        title: "Batch size".into(),
        caption: format!(
            "Test part. All sizes see as many pairs, so a larger batch takes fewer steps, of the same step size. Error \
             bars: one standard deviation over {} seeds.",
            results.seeds()
        ),
        plot: Plot::Lines {
            x: Axis { title: "Batch size B (pairs)".into(), log: true, ..Axis::default() },
            y: shares("Share of the test part"),
            lines: sweep(results, &batch_points(results)),
            marks: Vec::new(),
        },
    }
}

fn sweep(results: &Results<Study>, points: &[(f64, String)]) -> Vec<Line> {
    let curve = |name: &str, metric: &str, colour: Colour| {
        let at = |(_, method): &(f64, String)| results.metric(method, metric);
        Line {
            name: name.to_owned(),
            x: points.iter().map(|(x, _)| *x).collect(),
            y: points.iter().map(|point| at(point).mean).collect(),
            spread: points.iter().map(|point| at(point).std).collect(),
            colour,
            stroke: Stroke::Marked,
        }
    };
    vec![
        curve("zero-shot, seen combinations", SEEN, GREEN),
        curve("zero-shot, unseen combinations", UNSEEN, RED),
        curve("Recall@1, both directions", RECALL, BLUE),
    ]
}

/// The loss at the end beside that of guessing.
pub fn loss_by_batch(results: &Results<Study>) -> Figure {
    let points = batch_points(results);
    let x: Vec<f64> = points.iter().map(|(size, _)| *size).collect();
    let curve = |name: &str, y: Vec<f64>, colour, stroke| Line {
        name: name.to_owned(),
        x: x.clone(),
        y,
        spread: Vec::new(),
        colour,
        stroke,
    };
    let epoch = |last: bool| -> Vec<f64> {
        let losses = |method: &str| -> Vec<f64> {
            let of_seed = |study: &Study| {
                let losses = &study.course.losses;
                if last { losses.last().copied() } else { losses.first().copied() }
            };
            results.of(method).filter_map(of_seed).collect()
        };
        points.iter().map(|(_, method)| crate::statistics::mean(&losses(method))).collect()
    };
    Figure {
        title: "The loss and the loss of guessing".into(),
        caption: "Mean loss over the batches of the first and of the last epoch. An untrained network that finds all \
                  captions equally likely has ln B. A lower loss of a smaller batch is no merit: its question has fewer \
                  answers. Where several captions of a batch match, 0 is out of reach: they share the probability."
            .into(),
        plot: Plot::Lines {
            x: Axis { title: "Batch size B (pairs)".into(), log: true, ..Axis::default() },
            y: Axis { title: "Loss (nats)".into(), ..Axis::default() },
            lines: vec![
                curve("guessing: ln B", x.iter().map(|size| size.ln()).collect(), PURPLE, Stroke::Dashed),
                curve("first epoch", epoch(false), GREEN, Stroke::Marked),
                curve("last epoch", epoch(true), BLUE, Stroke::Marked),
            ],
            marks: Vec::new(),
        },
    }
}

/// Learned temperatures over the steps.
pub fn learning_temperature(results: &Results<Study>) -> Figure {
    let path = |(index, start): (usize, &f64)| {
        let method = methods::learned(*start);
        let paths: Vec<&[f64]> = results.of(&method).map(|study| study.course.temperatures.as_slice()).collect();
        let steps = paths.first().map_or(0, |path| path.len());
        let mean = |step: usize| paths.iter().map(|path| path[step]).sum::<f64>() / paths.len() as f64;
        Line {
            name: format!("from {start}"),
            x: (0..steps).map(|step| step as f64).collect(),
            y: (0..steps).map(mean).collect(),
            spread: Vec::new(),
            colour: Colour::Method(index),
            stroke: Stroke::Solid,
        }
    };
    Figure {
        title: "A learned temperature".into(),
        caption:
            "The temperature after each step, mean over the seeds. It is trained with the towers, as ln(1/τ) and with \
                  the same step size, and may not fall below 0.01."
                .into(),
        plot: Plot::Lines {
            x: Axis { title: "Step".into(), ..Axis::default() },
            y: Axis { title: "Temperature τ".into(), log: true, ..Axis::default() },
            lines: results.settings.learned.iter().enumerate().map(path).collect(),
            marks: Vec::<Mark>::new(),
        },
    }
}

/// Where the temperatures stand between alignment and uniformity.
pub fn alignment_and_uniformity(results: &Results<Study>) -> Figure {
    let settings = results.settings;
    let values = sorted(&settings.temperature);
    let last = values.len().saturating_sub(1).max(1) as f64;
    let point = |(index, value): (usize, &f64)| {
        let method = methods::fixed(settings, *value);
        let at = |metric| vec![results.mean(&method, metric)];
        Line {
            name: format!("τ = {value}"),
            x: at("uniformity"),
            y: at("alignment"),
            spread: Vec::new(),
            colour: Colour::Scale(index as f64 / last),
            stroke: Stroke::Points,
        }
    };
    Figure {
        title: "Alignment and uniformity".into(),
        caption:
            "Test part, means over the seeds. To the left: embeddings cover the sphere more evenly. Further down: \
                  pictures lie closer to their captions. Both at once is what the loss asks for (Wang and Isola 2020)."
                .into(),
        plot: Plot::Lines {
            x: Axis { title: "Uniformity (lower is more even)".into(), ..Axis::default() },
            y: Axis { title: "Alignment: squared distance of pairs".into(), ..Axis::default() },
            lines: values.iter().enumerate().map(point).collect(),
            marks: Vec::new(),
        },
    }
}

/// The retrieval grid of the first seed, where there is one.
pub fn emoji(results: &Results<EmojiStudy>, styles: &Styles) -> Vec<Figure> {
    let found = results.of(REFERENCE).find(|study| !study.found.is_empty());
    found.map(|study| found_emoji(styles, &study.found)).into_iter().collect()
}

fn batch_points(results: &Results<Study>) -> Vec<(f64, String)> {
    let mut sizes = results.settings.batch.clone();
    sizes.sort_unstable();
    sizes.into_iter().map(|size| (size as f64, methods::batch(results.settings, size))).collect()
}

/// In ascending order.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

fn shares(title: &str) -> Axis {
    Axis { title: title.to_owned(), percent: true, range: Some((0.0, 1.0)), log: false }
}
