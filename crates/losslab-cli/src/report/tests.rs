//! The page needs nothing from outside, and text stays text.

use super::*;
use crate::outcome::{
    Axis, Bars, Cell, Check, Cloud, Colour, Figure, Format, Lesson, Line, Mark, Plot, Relief, Row, Section, Sheet,
    Story, Stroke, Table,
};
use serde_json::{Value, json};
use std::time::Duration;

fn axis() -> Axis {
    Axis { title: "x".to_owned(), percent: true, range: Some((0.0, 1.0)), log: false }
}

fn line(name: &str) -> Line {
    Line {
        name: name.to_owned(),
        x: vec![0.0, 1.0],
        y: vec![0.5, f64::NAN],
        spread: vec![0.1, 0.1],
        colour: Colour::Method(2),
        stroke: Stroke::Marked,
    }
}

fn mark(at: f64, name: &str) -> Mark {
    Mark { at, name: name.to_owned() }
}

fn sheet() -> Sheet {
    Sheet { width: 2, height: 2, channels: 1, pixels: vec![7; 12] }
}

/// One of each kind.
fn plots() -> Vec<Plot> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    vec![
        Plot::Lines {
            x: axis(),
            y: axis(),
            lines: vec![line("</script>"), line("</script>")],
            marks: vec![mark(0.5, "margin")],
        },
        Plot::Stacks { y: axis(), bars: names(&["a"]), layers: vec![("l".to_owned(), vec![1.0])] },
        Plot::Heat {
            x: "x".to_owned(),
            y: "y".to_owned(),
            columns: names(&["1"]),
            rows: names(&["2"]),
            value: "v".to_owned(),
            cells: vec![vec![0.5]],
            format: Format::Number(2),
        },
        Plot::Histogram {
            x: axis(),
            y: axis(),
            edges: vec![0.0, 0.25, 1.0],
            series: vec![("same".to_owned(), vec![3.0, 1.0], Colour::Method(0))],
            marks: vec![mark(0.5, "margin"), mark(0.52, "threshold")],
        },
        Plot::Scatter {
            points: vec![Cloud {
                name: "seven".to_owned(),
                colour: Colour::Class(7),
                x: vec![1.0 / 3.0, 2.0],
                y: vec![1e-9, -2.0],
                texts: names(&["said <b>", "b"]),
                pictures: vec![2, 0],
            }],
            pictures: Some(sheet()),
        },
        Plot::Bars {
            categories: names(&["a", "b"]),
            y: axis(),
            series: vec![Bars {
                name: "n".to_owned(),
                heights: vec![0.5, 0.25],
                spread: vec![0.1, 0.0],
                colour: Colour::Method(1),
            }],
        },
        Plot::Pictures {
            rows: vec![("given <i>".to_owned(), vec![0, 1]), ("made".to_owned(), vec![2])],
            columns: names(&["left", "right"]),
            pictures: sheet(),
        },
    ]
}

fn outcome(experiment: &str, number: usize) -> Outcome {
    let figure = |plot| Figure { title: "f".to_owned(), caption: "c".to_owned(), plot };
    let section = Section {
        title: "A & B".to_owned(),
        text: vec!["5 % <b>".to_owned()],
        tables: vec![Table {
            title: "t".to_owned(),
            caption: "c".to_owned(),
            columns: vec!["Method".to_owned(), "Recall".to_owned()],
            rows: vec![vec![Cell::from("m".to_owned()), Cell { text: "1.0 ± 0.5".to_owned(), strong: true }]],
        }],
        figures: plots().into_iter().map(figure).collect(),
    };
    let metrics = vec![("recall".to_owned(), vec![0.25, 0.75].into())];
    Outcome {
        experiment: experiment.to_owned(),
        config: json!({"gamma": [0.0, 2.0], "label": "label"}),
        seeds: vec![1, 2],
        rows: vec![Row { name: "a/b".to_owned(), metrics }],
        checks: vec![
            Check { name: "n".to_owned(), expected: "e".to_owned(), measured: "m".to_owned(), holds: false },
            Check { name: "o".to_owned(), expected: "<e>".to_owned(), measured: "5 %".to_owned(), holds: true },
        ],
        story: Story {
            number,
            title: format!("T{number}"),
            notice: vec!["Run `losslab data fetch x`.".to_owned()],
            sections: vec![section],
            lessons: vec![Lesson {
                title: "l".to_owned(),
                lead: "lead".to_owned(),
                points: vec!["point".to_owned()],
                conclusion: String::new(),
            }],
            ..Story::default()
        },
    }
}

/// A page of these outcomes, without plotly's own code, which names addresses (maps, licences) that it is never asked
/// to open.
fn page_of(outcomes: &[Outcome]) -> String {
    let info = RunInfo::new("losslab run focal --data 'a b'".to_owned(), 3, Duration::from_secs(1));
    let tell = |(at, outcome)| Told { outcome, info: &info, label: format!("run {at}") };
    let page = page(&outcomes.iter().enumerate().map(tell).collect::<Vec<_>>());
    assert!(page.contains(&plotly_script()));
    page.replace(&plotly_script(), "")
}

fn single() -> String {
    page_of(&[outcome("focal", 1)])
}

fn several() -> String {
    page_of(&[outcome("triplet", 3), outcome("focal", 1), outcome("contrastive", 2)])
}

/// What the script of a page draws.
fn drawn(page: &str) -> Value {
    let (_, rest) = page.split_once("id=figures>").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

fn draw(at: usize) -> Value {
    figure::plotly(&outcome("focal", 1).story.sections[0].figures[at]).unwrap()
}

#[test]
fn plotly_is_inside_and_mathjax_is_not() {
    let script = plotly_script();
    assert!(script.starts_with("<script") && script.ends_with("</script>"));
    assert!(script.contains("plotly.js v") && !script.contains("MathJax.loader"));
}

#[test]
fn nothing_is_fetched_from_outside() {
    for page in [single(), several()] {
        for outside in ["http:", "https:", "//cdn", "src=", "@import", "url(", "<link", "fetch("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("default-src 'none'"));
    }
}

#[test]
fn text_is_escaped_wherever_it_goes() {
    for page in [single(), several()] {
        assert!(page.contains("A &amp; B") && page.contains("5\u{a0}% &lt;b&gt;") && page.contains("given &lt;i&gt;"));
        // The figures and the page's own script: a name in a figure ends none of them.
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(page.contains("\\u003c/script>") && page.contains("<code>losslab data fetch x</code>"));
        assert!(!page.contains("<e>") && !page.contains("<i>"));
    }
}

#[test]
fn every_figure_is_drawn_and_every_picture_is_there_once() {
    let all = several();
    let drawn = drawn(&all);
    assert_eq!((drawn["plots"].as_array().unwrap().len(), drawn["sheets"].as_array().unwrap().len()), (18, 1));
    assert_eq!(all.matches("class=\"plot").count(), 18);
    assert_eq!(all.matches("<canvas class=picture").count(), 9);
    assert_eq!(drawn["plots"][4]["sheet"], 0);
    assert!(drawn["sheets"][0]["uri"].as_str().unwrap().starts_with("data:image/png;base64,"));
}

#[test]
fn lines_of_one_name_share_a_place_in_the_legend() {
    let drawn = draw(0);
    assert_eq!([&drawn["data"][0]["showlegend"], &drawn["data"][1]["showlegend"]], [true, false]);
    assert_eq!(drawn["data"][0]["error_y"]["array"], json!([0.1, 0.1]));
    assert_eq!(drawn["data"][0]["y"], json!([0.5, null]));
    assert_eq!(drawn["layout"]["xaxis"]["tickformat"], ".0%");
}

#[test]
fn names_of_close_marks_stand_above_each_other() {
    let drawn = draw(3);
    let names = drawn["layout"]["annotations"].as_array().unwrap();
    assert_eq!([&names[0]["yshift"], &names[1]["yshift"]], [0, 16]);
    assert_eq!(drawn["layout"]["shapes"][1]["x0"], 0.52);
    assert_eq!((&drawn["data"][0]["x"], &drawn["data"][0]["width"]), (&json!([0.125, 0.625]), &json!([0.25, 0.75])));
}

#[test]
fn points_have_pictures_and_marks_of_their_class() {
    let cloud = &drawn(&single())["plots"][4]["data"][0];
    assert_eq!((&cloud["pictures"], &cloud["x"]), (&json!([2, 0]), &json!([0.333333, 2.0])));
    assert_eq!((&cloud["marker"]["symbol"], &cloud["marker"]["color"]), (&json!("star"), &json!("class:7")));
}

#[test]
fn a_logarithmic_axis_has_its_ends_as_powers() {
    let plot = Plot::Lines {
        x: Axis { log: true, range: Some((0.01, 1.0)), ..axis() },
        y: axis(),
        lines: vec![line("l")],
        marks: vec![mark(0.1, "tenth")],
    };
    let drawn = figure::plotly(&Figure { title: String::new(), caption: String::new(), plot }).unwrap();
    assert_eq!(drawn["layout"]["xaxis"]["range"], json!([-2.04, 0.04]));
    assert_eq!(
        (&drawn["layout"]["shapes"][0]["x0"], &drawn["layout"]["annotations"][0]["x"]),
        (&json!(0.1), &json!(-1.0))
    );
}

#[test]
fn a_surface_turns_with_a_button_and_a_contour_has_its_path() {
    let relief = Relief {
        x: axis(),
        y: axis(),
        z: Axis { title: "loss".to_owned(), log: true, ..Axis::default() },
        columns: vec![-1.0, 1.0],
        rows: vec![0.0],
        heights: vec![vec![100.0, f64::NAN]],
    };
    let figure = |plot| Figure { title: "<f>".to_owned(), caption: String::new(), plot };
    let surface = figure(Plot::Surface(relief.clone()));
    let drawn = figure::plotly(&surface).unwrap();
    assert_eq!((&drawn["turns"], &drawn["data"][0]["z"]), (&json!(true), &json!([[2.0, null]])));
    assert_eq!(drawn["layout"]["scene"]["zaxis"]["title"]["text"], "log₁₀ of loss");
    let mut outcome = outcome("focal", 1);
    outcome.story.sections[0].figures = vec![surface];
    let page = page_of(&[outcome]);
    assert!(page.contains("<button class=turn type=button hidden>") && page.contains("prefers-reduced-motion: reduce"));

    let contour = figure::plotly(&figure(Plot::Contour { relief, lines: vec![line("path")] })).unwrap();
    assert_eq!((&contour["data"][0]["type"], &contour["data"][1]["name"]), (&json!("contour"), &json!("path")));
    assert_eq!(
        (&contour["data"][0]["customdata"], &contour["layout"]["xaxis"]["range"]),
        (&json!([[100.0, null]]), &json!([-1.0, 1.0]))
    );
}

#[test]
fn a_band_goes_around_the_points_that_are_there_and_lies_behind_all_lines() {
    let banded = Line {
        x: vec![0.0, 1.0, 2.0],
        y: vec![0.5, 0.25, f64::NAN],
        spread: vec![0.25, 0.125, 0.0],
        stroke: Stroke::Banded,
        ..line("b")
    };
    let plot = Plot::Lines { x: axis(), y: axis(), lines: vec![line("a"), banded], marks: Vec::new() };
    let drawn = figure::plotly(&Figure { title: String::new(), caption: String::new(), plot }).unwrap();
    let band = &drawn["data"][0];
    assert_eq!((&band["x"], &band["y"]), (&json!([0.0, 1.0, 1.0, 0.0]), &json!([0.75, 0.375, 0.125, 0.25])));
    assert_eq!((&band["fill"], &band["legendgroup"]), (&json!("toself"), &json!("b")));
    let line = &drawn["data"][2];
    assert!(line["name"] == "b" && line.get("error_y").is_none() && drawn["data"][1]["name"] == "a");
}

#[test]
fn every_part_of_the_run_is_there() {
    for page in [single(), several()] {
        for part in ["losslab run focal --data 'a b'", "<code>gamma</code>", "0.0, 2.0", "1, 2", "✗", "<li>point</li>"]
        {
            assert!(page.contains(part), "{part}");
        }
    }
}

#[test]
fn a_single_exercise_needs_no_overview() {
    let page = single();
    assert!(!page.contains("id=overview") && page.contains("<h1 class=title>T1</h1>") && !page.contains("Exercise 1"));
}

#[test]
fn several_exercises_come_in_their_order_after_an_overview() {
    let page = several();
    let at = |part: &str| page.find(part).unwrap_or_else(|| panic!("{part} is missing"));
    let order = ["id=overview", "id=all-checks", "id=focal>", "id=contrastive>", "id=triplet>"].map(at);
    assert!(order.is_sorted(), "{order:?}");
    assert!(page.contains("3 of 6 expectations") && !page.contains("side by side"));
    for (anchor, _) in page.split("href=\"#").skip(1).filter_map(|rest| rest.split_once('"')) {
        let targets = [">", " "].map(|end| page.matches(&format!("id={anchor}{end}")).count());
        assert_eq!(targets.iter().sum::<usize>(), 1, "{anchor}");
    }
    assert_eq!(page.matches("<h1").count(), 1);
}

#[test]
fn runs_of_one_experiment_stand_side_by_side() {
    let mut other = outcome("focal", 1);
    other.config["gamma"] = json!([5.0]);
    other.checks[0].measured = "changed".to_owned();
    let page = page_of(&[outcome("focal", 1), other]);
    for part in [
        "T1 side by side",
        "<th scope=col>run 0</th><th scope=col>run 1</th>",
        "<td>0.0, 2.0</td><td>5.0</td>",
        "<td>m <span class=\"mark no\">✗</span></td><td>changed <span class=\"mark no\">✗</span></td>",
        "a/b: recall</th><td>0.5000 ± 0.3536</td>",
        "id=focal-0>",
        "id=focal-1>",
        "Exercise 1 · run 1",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<th scope=row>label</th>"));
}
