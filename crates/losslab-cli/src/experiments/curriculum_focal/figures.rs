//! The figures of the curriculum, as data.

use super::{Curve, Method, Settings, results::Results};
use crate::{
    experiments::common::ByMethod,
    outcome::{Axis, Bars, Colour, Figure, Line, Metric, Plot, Stroke},
};

/// All figures of a data set.
pub fn of(results: &Results, settings: &Settings) -> Vec<Figure> {
    vec![auprc(results, settings), gamma(results, settings), speed(results, settings)]
}

/// The baselines are dashed; a method has its colour in all figures.
fn line(place: usize, method: Method, x: &[f64], values: &[Metric]) -> Line {
    Line {
        name: method.title(),
        x: x.to_vec(),
        y: values.iter().map(|metric| metric.mean).collect(),
        spread: values.iter().map(|metric| metric.std).collect(),
        colour: Colour::Method(place),
        stroke: Stroke::Banded,
    }
}

fn lines(results: &Results, settings: &Settings, x: &[f64], values: impl Fn(&Curve) -> &[f64]) -> Vec<Line> {
    let methods = Method::all(settings).into_iter().enumerate();
    methods.map(|(place, method)| line(place, method, x, &results.over_the_epochs(method, &values))).collect()
}

fn auprc(results: &Results, settings: &Settings) -> Figure {
    let epochs: Vec<f64> = (0..=settings.epochs).map(|epoch| epoch as f64).collect();
    let target = results.target();
    let mut lines = lines(results, settings, &epochs, |curve| curve.test.as_slice());
    lines.push(Line {
        name: "target".to_owned(),
        x: vec![0.0, settings.epochs as f64],
        y: vec![target.mean; 2],
        spread: Vec::new(),
        colour: Colour::Method(lines.len()),
        stroke: Stroke::Dashed,
    });
    Figure {
        title: "AUPRC over the epochs".to_owned(),
        caption: format!(
            "On the test part, before the first and after every epoch. Lines: mean over {} seeds; bands: one standard \
             deviation. The target differs from seed to seed; dashed is its mean.",
            results.studies.len()
        ),
        plot: Plot::Lines {
            x: Axis { title: "Epoch".into(), ..Axis::default() },
            y: Axis { title: "AUPRC".into(), percent: true, ..Axis::default() },
            lines,
            marks: Vec::new(),
        },
    }
}

fn gamma(results: &Results, settings: &Settings) -> Figure {
    let epochs: Vec<f64> = (1..=settings.epochs).map(|epoch| epoch as f64).collect();
    Figure {
        title: "γ over the epochs".to_owned(),
        caption: format!(
            "Mean over the steps of each epoch. Adaptive γ depends on the seed: its band is one standard deviation. An \
             example is easy for it from a probability of {} of its true class on.",
            settings.easy
        ),
        plot: Plot::Lines {
            x: Axis { title: "Epoch".into(), ..Axis::default() },
            y: Axis { title: "Focusing parameter γ".into(), ..Axis::default() },
            lines: lines(results, settings, &epochs, |curve| curve.gamma.as_slice()),
            marks: Vec::new(),
        },
    }
}

fn speed(results: &Results, settings: &Settings) -> Figure {
    let methods = Method::all(settings);
    let all = |pick: fn(&Metric) -> f64| {
        methods.iter().map(|method| pick(results.metric(*method, "epochs_to_target"))).collect::<Vec<f64>>()
    };
    Figure {
        title: "Epochs to the target".to_owned(),
        caption: format!(
            "Lower is better. A training that doesn't get there counts with its {} epochs, so its bar is a lower bound. \
             Error bars: one standard deviation over the seeds.",
            settings.epochs
        ),
        plot: Plot::Bars {
            categories: methods.iter().map(|method| method.title()).collect(),
            y: Axis { title: "Epochs".into(), ..Axis::default() },
            series: vec![Bars {
                name: "epochs to the target".to_owned(),
                heights: all(|metric| metric.mean),
                spread: all(|metric| metric.std),
                colour: Colour::Method(0),
            }],
        },
    }
}
