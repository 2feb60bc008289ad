//! The page needs nothing from outside, and text stays text.

use super::*;
use crate::outcome::{Axis, Cell, Colour, Line, Plot, Row, Story, Stroke};
use std::time::Duration;

fn outcome() -> Outcome {
    let line = |name: &str| Line {
        name: name.to_owned(),
        x: vec![0.0, 1.0],
        y: vec![0.5, 0.25],
        spread: vec![0.1, 0.1],
        colour: Colour::Method(2),
        stroke: Stroke::Marked,
    };
    let axis = Axis { title: "x".to_owned(), percent: true, range: Some((0.0, 1.0)), log: false };
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
        figures: vec![
            figure(Plot::Lines { x: axis.clone(), y: axis.clone(), lines: vec![line("</script>"), line("</script>")] }),
            figure(Plot::Stacks { y: axis, bars: vec!["a".to_owned()], layers: vec![("l".to_owned(), vec![1.0])] }),
            figure(Plot::Heat {
                x: "x".to_owned(),
                y: "y".to_owned(),
                columns: vec!["1".to_owned()],
                rows: vec!["2".to_owned()],
                value: "v".to_owned(),
                cells: vec![vec![0.5]],
            }),
        ],
    };
    Outcome {
        experiment: "focal".to_owned(),
        config: serde_json::json!({"gamma": [0.0, 2.0], "label": "label"}),
        seeds: vec![1, 2],
        rows: vec![Row { name: "a/b".to_owned(), metrics: Vec::new() }],
        checks: vec![Check { name: "n".to_owned(), expected: "e".to_owned(), measured: "m".to_owned(), holds: false }],
        story: Story {
            title: "T".to_owned(),
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

fn whole_page() -> String {
    page(&outcome(), &RunInfo::new("losslab run focal --data 'a b'".to_owned(), 3, Duration::from_secs(1)))
}

/// The page without plotly's own code, which names addresses (maps, licences) that it is never asked to open.
fn without_plotly() -> String {
    whole_page().replace(&plotly_script(), "")
}

#[test]
fn plotly_is_inside_and_mathjax_is_not() {
    let script = plotly_script();
    assert!(script.starts_with("<script") && script.ends_with("</script>"));
    assert!(script.contains("plotly.js v") && !script.contains("MathJax.loader"));
    assert!(whole_page().contains(&script));
}

#[test]
fn nothing_is_fetched_from_outside() {
    let page = without_plotly();
    for outside in ["http:", "https:", "//cdn", "src=", "@import", "url(", "<link", "fetch("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn text_is_escaped_wherever_it_goes() {
    let page = without_plotly();
    assert!(page.contains("A &amp; B") && page.contains("5\u{a0}% &lt;b&gt;"));
    // The style's script, the figures and the page's own script: a name in a figure ends none of them.
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(page.contains("\\u003c/script>"));
}

#[test]
fn lines_of_one_name_share_a_place_in_the_legend() {
    let drawn = figure::plotly(&outcome().story.sections[0].figures[0]);
    assert_eq!([&drawn["data"][0]["showlegend"], &drawn["data"][1]["showlegend"]], [true, false]);
    assert_eq!(drawn["data"][0]["error_y"]["array"], serde_json::json!([0.1, 0.1]));
    assert_eq!(drawn["layout"]["xaxis"]["tickformat"], ".0%");
}

#[test]
fn every_part_of_the_run_is_there() {
    let page = without_plotly();
    for part in ["losslab run focal --data 'a b'", "<code>gamma</code>", "0.0, 2.0", "1, 2", "✗", "<li>point</li>"] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(page.matches("class=plot ").count(), 3);
}
