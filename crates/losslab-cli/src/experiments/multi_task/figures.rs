//! The figures of exercise 6, as data.

use super::{
    checks::EQUAL,
    methods::{Method, Recipe, SCALE_BOUND, Task, Units, automatic},
    results::{Results, TUNED, plain},
    settings::{Form, Settings},
    training::{Epoch, Material},
};
use crate::experiments::common::ByMethod;
use crate::outcome::{Axis, Bars, Colour, Figure, Line, Mark, Metric, Plot, Sheet, Stroke};

/// The colour that a method has in all figures; fixed weights share one.
fn colour(method: Method) -> Colour {
    Colour::Method(match method {
        Method::Normalised => 0,
        Method::Uncertainty(Form::Unscaled) => 1,
        Method::GradNorm => 2,
        Method::Dwa => 3,
        Method::PcGrad => 4,
        Method::Alone(_) | Method::Fixed(_) => 5,
        Method::Uncertainty(Form::PerLikelihood) => 6,
        Method::CaGrad => 7,
        Method::Mgda => 8,
        Method::Uncertainty(Form::Halved) => 9,
    })
}

/// Accuracy against squared error: the curve of the fixed weights, and where the other methods stand.
pub fn trade_off(settings: &Settings, results: &Results) -> Figure {
    let metric = |name: &str, metric: &str| results.metric(name, metric);
    let names: Vec<String> = settings.fixed().into_iter().map(|weight| Method::Fixed(weight).name()).collect();
    let curve = points("fixed weights", &names, Method::Fixed(1.0), Stroke::Marked, metric);
    let others = automatic(settings).into_iter().map(|method| {
        let name = method.name();
        points(&name, std::slice::from_ref(&name), method, Stroke::Points, metric)
    });
    let lines: Vec<Line> = std::iter::once(curve).chain(others).collect();

    let alone = |task: Task, metric: &str| {
        let row = results.row(&Method::Alone(task).name());
        row.metric(metric).expect("a task has its own metric").mean
    };
    let (accuracy, mse) = (alone(Task::Classify, "accuracy"), alone(Task::Reconstruct, "mse"));
    let ends =
        lines.iter().flat_map(|line| line.x.iter().copied()).fold([mse; 2], |[low, high], x| [low.min(x), high.max(x)]);
    let bound = Line {
        name: "classification alone".to_owned(),
        x: ends.to_vec(),
        y: vec![accuracy; 2],
        spread: Vec::new(),
        colour: colour(Method::Alone(Task::Classify)),
        stroke: Stroke::Dashed,
    };
    Figure {
        title: "The trade-off".to_owned(),
        caption: format!(
            "Test images; means over the seeds, bars: standard deviation of the accuracy. Better is up and to the \
             left. The line goes through the fixed weights: {} of the reconstruction loss for 1 of the \
             classification, from right to left as far as the weight does what it should. A mark on the line is a \
             method that did nothing which a fixed weight can't do. Dashed lines: networks that do one task only.",
            settings.fixed().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ),
        plot: Plot::Lines {
            x: Axis { title: "Squared error of a pixel".to_owned(), ..Axis::default() },
            y: Axis { title: "Accuracy".to_owned(), percent: true, ..Axis::default() },
            lines: lines.into_iter().chain([bound]).collect(),
            marks: vec![Mark { at: mse, name: "reconstruction alone".to_owned() }],
        },
    }
}

fn points<'a>(
    title: &str,
    names: &[String],
    method: Method,
    stroke: Stroke,
    metric: impl Fn(&str, &str) -> &'a Metric,
) -> Line {
    let all = |name: &str| names.iter().map(|row| metric(row, name)).collect::<Vec<&Metric>>();
    let (mse, accuracy) = (all("mse"), all("accuracy"));
    Line {
        name: title.to_owned(),
        x: mse.iter().map(|metric| metric.mean).collect(),
        y: accuracy.iter().map(|metric| metric.mean).collect(),
        spread: accuracy.iter().map(|metric| metric.std).collect(),
        colour: colour(method),
        stroke,
    }
}

/// What goes in, and what comes out of the network of each method, for the first seed.
pub fn reconstructions(settings: &Settings, results: &Results, material: &Material) -> Figure {
    let shown = &material.shown;
    let tuned = Method::Fixed(results.tuned[0]);
    let alone = Method::Alone(Task::Reconstruct);
    let named = [(alone.name(), alone), (TUNED.to_owned(), tuned), (EQUAL.to_owned(), Method::Fixed(1.0))];
    let named = named.into_iter().chain(automatic(settings).into_iter().map(|method| (method.name(), method)));
    let mut pixels: Vec<u8> = (0..shown.len()).flat_map(|image| shown.interleaved(image)).collect();
    let mut rows = vec![("input".to_owned(), (0..shown.len()).collect())];
    for (name, method) in named {
        let first = rows.len() * shown.len();
        pixels.extend(&results.trained(plain(method))[0].pictures);
        rows.push((name, (first..first + shown.len()).collect()));
    }
    let shape = shown.shape();
    Figure {
        title: "Reconstructions".to_owned(),
        caption: format!(
            "A test image of each class and what the network of the first seed makes of its code of {} numbers, \
             losses as they are. Where the code leaves doubt, a blur costs the least squared error.",
            settings.code
        ),
        plot: Plot::Pictures {
            rows,
            columns: (0..shown.len()).map(|image| shown.label(image).to_string()).collect(),
            pictures: Sheet { width: shape.width, height: shape.height, channels: shape.channels, pixels },
        },
    }
}

/// The errors of each method in each unit of the losses.
pub fn units(settings: &Settings, results: &Results) -> Vec<Figure> {
    let methods: Vec<Method> = std::iter::once(Method::Fixed(1.0)).chain(automatic(settings)).collect();
    let kinds = [
        ("losses as they are".to_owned(), Units::Plain, 0.0),
        (format!("reconstruction × {}", settings.scale), Units::Times(settings.scale), 0.35),
        ("both normalised first".to_owned(), Units::Normalised, 1.0),
    ];
    let figure = |title: &str, y: Axis, metric: &str, error: fn(f64) -> f64| {
        let series = |(name, units, place): &(String, Units, f64)| {
            let of = |method: &Method| {
                let is_there = *units != Units::Normalised || SCALE_BOUND.contains(method);
                is_there.then(|| results.metric_in(*units, &method.name(), metric))
            };
            let heights = |number: &dyn Fn(&Metric) -> f64| {
                methods.iter().map(|method| of(method).map_or(f64::NAN, number)).collect::<Vec<f64>>()
            };
            Bars {
                name: name.clone(),
                heights: heights(&|metric| error(metric.mean)),
                spread: heights(&|metric| metric.std),
                colour: Colour::Scale(*place),
            }
        };
        Figure {
            title: title.to_owned(),
            caption: "Test part, mean and standard deviation over the seeds; lower is better. First and second bar \
                      of one height: the method doesn't mind the units. The third bar is there for methods that \
                      start from the losses as they come."
                .to_owned(),
            plot: Plot::Bars {
                categories: methods.iter().map(|method| method.name()).collect(),
                y,
                series: kinds.iter().map(series).collect(),
            },
        }
    };
    let share = Axis { title: "Wrong classes".to_owned(), percent: true, ..Axis::default() };
    let squares = Axis { title: "Squared error of a pixel".to_owned(), ..Axis::default() };
    vec![
        figure("Units and the classification", share, "accuracy", |accuracy| 1.0 - accuracy),
        figure("Units and the reconstruction", squares, "mse", |mse| mse),
    ]
}

/// The figures of the gradients.
pub fn gradients(settings: &Settings, results: &Results) -> Vec<Figure> {
    let methods: Vec<Method> = std::iter::once(Method::Fixed(1.0)).chain(automatic(settings)).collect();
    let lines = |number: fn(&Epoch) -> f64| -> Vec<Line> {
        let one =
            |method: &Method| line(method.name(), results, plain(*method), colour(*method), Stroke::Solid, number);
        methods.iter().map(one).collect()
    };
    let plot = |y: Axis, lines: Vec<Line>| Plot::Lines {
        x: Axis { title: "Epoch".to_owned(), ..Axis::default() },
        y,
        lines,
        marks: Vec::new(),
    };
    let lengths = [(Method::Fixed(1.0), Stroke::Solid), (Method::GradNorm, Stroke::Dashed)].into_iter().flat_map(
        |(method, stroke)| {
            let of = |task: &str, shade: usize, number: fn(&Epoch) -> f64| {
                line(format!("{task}, {}", method.name()), results, plain(method), Colour::Class(shade), stroke, number)
            };
            [of("classification", 0, |epoch| epoch.norms[0]), of("reconstruction", 6, |epoch| epoch.norms[1])]
        },
    );
    let over = "Means over the probes of an epoch and over the seeds, losses as they are.";
    let log = |title: &str| Axis { title: title.to_owned(), log: true, ..Axis::default() };
    vec![
        Figure {
            title: "Gradient lengths".to_owned(),
            caption: format!(
                "Length of each task's gradient in the shared parameters before any weight. {over} Where one line is \
                 far above the other, that task decides for both."
            ),
            plot: plot(log("Length of the gradient"), lengths.collect()),
        },
        Figure {
            title: "Who steers the encoder".to_owned(),
            caption: format!(
                "The reconstruction's part in the sum of both weighted lengths. {over} At 50 % both tasks pull \
                 equally; near 0 % or 100 % one of them is along for the ride."
            ),
            plot: plot(
                Axis {
                    title: "Part of the reconstruction".to_owned(),
                    percent: true,
                    range: Some((0.0, 1.0)),
                    ..Axis::default()
                },
                lines(|epoch| epoch.share),
            ),
        },
        Figure {
            title: "Weights over time".to_owned(),
            caption: format!(
                "What the reconstruction loss counts for in the shared parameters, for 1 of the classification loss. \
                 {over} Equal weights are at 1. For PCGrad, CAGrad and MGDA it is the weight that their \
                 combination amounts to; MGDA's line has a gap where the classification has no weight."
            ),
            plot: plot(log("Weight of the reconstruction"), lines(|epoch| epoch.weights[1] / epoch.weights[0])),
        },
        Figure {
            title: "Do the tasks agree?".to_owned(),
            caption: format!(
                "Cosine of the two gradients in the shared parameters. {over} Above 0 a step for one task helps the \
                 other, below 0 it harms it, at 0 they don't touch each other."
            ),
            plot: plot(Axis { title: "Cosine".to_owned(), ..Axis::default() }, lines(|epoch| epoch.cosine)),
        },
    ]
}

fn line(
    name: String,
    results: &Results,
    recipe: Recipe,
    colour: Colour,
    stroke: Stroke,
    number: fn(&Epoch) -> f64,
) -> Line {
    let y = results.over_the_epochs(recipe, number);
    Line { name, x: (1..=y.len()).map(|epoch| epoch as f64).collect(), y, spread: Vec::new(), colour, stroke }
}
