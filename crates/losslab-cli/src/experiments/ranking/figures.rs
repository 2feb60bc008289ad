//! The figures of the experiment, as data.

use super::{Way, measures::MEASURES, results::Results, settings::Settings};
use crate::{
    experiments::common::ByMethod,
    outcome::{Axis, Bars, Colour, Figure, Format, Line, Plot, Stroke},
};

/// All figures of a data set.
pub fn of(results: &Results, settings: &Settings) -> Vec<Figure> {
    vec![by_measure(results), over_the_epochs(results, settings), choice_of_step(results, settings)]
}

/// The ways that were trained.
fn trained(results: &Results) -> Vec<Way> {
    let ways = results.tested.iter().map(|(way, _)| *way);
    ways.filter(|way| matches!(way, Way::Trained(_) | Way::OnTruth)).collect()
}

fn by_measure(results: &Results) -> Figure {
    let ways: Vec<Way> = results.tested.iter().map(|(way, _)| *way).collect();
    let bars = |(at, (metric, name)): (usize, &(&str, &str))| Bars {
        name: (*name).to_owned(),
        heights: ways.iter().map(|way| results.mean(*way, metric)).collect(),
        spread: ways.iter().map(|way| results.metric(*way, metric).std).collect(),
        colour: Colour::Method(at),
    };
    Figure {
        title: "How well each one ranks".to_owned(),
        caption:
            "Means over the seeds on the test part, over its queries with a relevant item; error bars: one standard \
                  deviation."
                .to_owned(),
        plot: Plot::Bars {
            categories: ways.iter().map(|way| way.title().to_owned()).collect(),
            y: Axis { title: "NDCG".to_owned(), percent: true, range: Some((0.0, 1.0)), log: false },
            // The first rank and the first ten: more bars could not be told apart.
            series: [MEASURES[0], MEASURES[2]].iter().enumerate().map(bars).collect(),
        },
    }
}

fn over_the_epochs(results: &Results, settings: &Settings) -> Figure {
    let epochs: Vec<f64> = (1..=settings.epochs).map(|epoch| epoch as f64).collect();
    let line = |(at, way): (usize, Way)| Line {
        name: way.title().to_owned(),
        x: epochs.clone(),
        y: (0..settings.epochs).map(|epoch| results.mean_of(way, |tested| tested.by_epoch[epoch])).collect(),
        spread: Vec::new(),
        colour: Colour::Method(at),
        stroke: if way == Way::OnTruth { Stroke::Dashed } else { Stroke::Solid },
    };
    let grades = match results.set.is_of_clicks() {
        true => " Grades of the validation part are from clicks, but for the dashed line.",
        false => "",
    };
    Figure {
        title: "NDCG@10 on the validation part over the epochs".to_owned(),
        caption: format!(
            "With the step size that each seed chose, mean over the seeds. The epoch with the best value is the one that \
             is tested.{grades}"
        ),
        plot: Plot::Lines {
            x: Axis { title: "Epoch".to_owned(), ..Axis::default() },
            y: Axis { title: "NDCG@10, validation part".to_owned(), percent: true, ..Axis::default() },
            lines: trained(results).into_iter().enumerate().map(line).collect(),
            marks: Vec::new(),
        },
    }
}

fn choice_of_step(results: &Results, settings: &Settings) -> Figure {
    let ways = trained(results);
    let cells = ways.iter().map(|way| {
        (0..settings.lr.len()).map(|at| results.mean_of(*way, |tested| tested.by_lr[at])).collect::<Vec<f64>>()
    });
    Figure {
        title: "Which step size suits which loss".to_owned(),
        caption:
            "The best NDCG@10 over the epochs on the validation part, mean over the seeds. Each seed takes the best \
                  of its row; the test part has no say in it."
                .to_owned(),
        plot: Plot::Heat {
            x: "Step size of Adam".to_owned(),
            y: "Loss".to_owned(),
            columns: settings.lr.iter().map(ToString::to_string).collect(),
            rows: ways.iter().map(|way| way.title().to_owned()).collect(),
            value: "NDCG@10".to_owned(),
            cells: cells.collect(),
            format: Format::Percent,
        },
    }
}
