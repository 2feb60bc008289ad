//! The figures of the landscapes, as data.

use super::{
    METHODS, Method,
    measures::{Pictures, Surface},
    results::Results,
};
use crate::{
    outcome::{Axis, Colour, Figure, Line, Plot, Relief, Stroke},
    wording::percent,
};

/// The largest eigenvalues of all losses.
pub fn spectra(results: &Results, seeds: usize) -> Figure {
    let ranks: Vec<f64> = (1..=results.settings.eigenvalues).map(|rank| rank as f64).collect();
    let line = |(place, method): (usize, Method)| {
        let largest = results.largest(method);
        Line {
            name: method.title().to_owned(),
            x: ranks.clone(),
            y: largest.iter().map(|metric| metric.mean).collect(),
            spread: largest.iter().map(|metric| metric.std).collect(),
            colour: Colour::Method(place),
            stroke: Stroke::Marked,
        }
    };
    Figure {
        title: "The largest eigenvalues of the Hessian".to_owned(),
        caption: format!(
            "Of each loss at its own solution: how steeply the loss curves in its steepest directions. Mean and standard \
             deviation over {seeds} seeds."
        ),
        plot: Plot::Lines {
            x: Axis { title: "Rank".into(), ..Axis::default() },
            y: Axis { title: "Eigenvalue".into(), log: true, ..Axis::default() },
            lines: METHODS.into_iter().enumerate().map(line).collect(),
            marks: Vec::new(),
        },
    }
}

/// The two surfaces of a loss.
pub fn of(method: Method, pictures: &Pictures, seed: u64) -> Vec<Figure> {
    let Pictures { random, under_path, path, explained } = pictures;
    let name = method.title();
    let column = |axis: usize| path.iter().map(|place| place[axis]).collect::<Vec<f64>>();
    let path = |x: Vec<f64>, y: Vec<f64>, name: &str, stroke: Stroke| Line {
        name: name.to_owned(),
        x,
        y,
        spread: Vec::new(),
        colour: Colour::Method(5),
        stroke,
    };
    vec![
        Figure {
            title: format!("{name}: the surface around the solution"),
            caption: format!(
                "The loss on a fixed part of the training images, along two filter-normalised random directions; the \
                 solution of seed {seed} is at (0, 0). At 1, every filter has been changed by as much as it is long. The \
                 height is logarithmic. Drag to turn it by hand."
            ),
            plot: Plot::Surface(relief(random, ["First direction", "Second direction"])),
        },
        Figure {
            title: format!("{name}: the path of the optimiser"),
            caption: format!(
                "The same loss on the plane in which the parameters of seed {seed} moved most during training: {} and {} \
                 of the variance of the path lie along its directions. Marks: the start and the states until the \
                 solution at (0, 0). What of the path lies beside the plane doesn't show, so a mark may stand on a loss \
                 that the network never had.",
                percent(explained[0]),
                percent(explained[1])
            ),
            plot: Plot::Contour {
                relief: relief(under_path, ["First principal direction", "Second principal direction"]),
                lines: vec![
                    path(column(0), column(1), "path", Stroke::Marked),
                    path(vec![0.0], vec![0.0], "solution", Stroke::Points),
                ],
            },
        },
    ]
}

fn relief(surface: &Surface, [x, y]: [&str; 2]) -> Relief {
    let axis = |title: &str| Axis { title: title.to_owned(), ..Axis::default() };
    Relief {
        x: axis(x),
        y: axis(y),
        z: Axis { title: "loss".to_owned(), log: true, ..Axis::default() },
        columns: surface.columns.clone(),
        rows: surface.rows.clone(),
        heights: surface.losses.clone(),
    }
}
