//! What a run of the curriculum says: checks, tables, and the result in a sentence.

use super::{
    Settings,
    checks::{checks, epochs},
    figures, lessons,
    methods::{CURRICULA, Method},
    results::Results,
};
use crate::{
    experiments::common::{ByMethod, spread},
    outcome::{Cell, Check, Format, Section, Story, Table},
    wording::{list, percent},
};

/// The checks and the story of a run.
pub fn tell(settings: &Settings, results: &[Results]) -> (Vec<Check>, Story) {
    let Settings { first, last, .. } = settings;
    let story = Story {
        number: 7,
        title: "Focal loss with a curriculum".to_owned(),
        question: format!(
            "Focal loss takes weight from easy examples. At the start there are none: then (1 − p_t)^γ only makes all \
             gradients smaller. A curriculum starts with γ = {first} and raises it to {last}, along a line, a cosine, in \
             steps, or with the share of easy examples. Does it get to a good ranking of the rare class sooner than \
             γ = {last} from the start, and does it end as well as either fixed γ?"
        ),
        notice: Vec::new(),
        headline: results.first().map_or(String::new(), |results| headline(results, settings)),
        check_rule: "The handout asks for γ that starts at 0 and rises, and to compare the speed of convergence: the \
                     expectation is that this is faster than the final γ from the start, and no worse at the end. \
                     “Fewer” and “worse” need a paired t-test over the seeds with p < 0.05."
            .to_owned(),
        sections: results.iter().map(|results| section(results, settings)).collect(),
        lessons: lessons::learn(settings, results),
    };
    (results.iter().flat_map(|results| checks(results, settings)).collect(), story)
}

fn headline(results: &Results, settings: &Settings) -> String {
    let (first, last) = (Method::Fixed(settings.first), Method::Fixed(settings.last));
    let against = |baseline: Method, holds: fn(crate::experiments::common::Difference) -> bool| -> Vec<String> {
        let is_it = |method: &Method| holds(results.difference("epochs_to_target", *method, baseline));
        CURRICULA.into_iter().filter(is_it).map(Method::title).collect()
    };
    let or_none = |names: &[String]| if names.is_empty() { "no curriculum".to_owned() } else { list(names) };
    let [faster_than_last, faster_than_first] =
        [last, first].map(|baseline| against(baseline, |difference| difference.is_loss()));
    let linear = |metric: &str| results.mean(Method::Linear, metric);
    format!(
        "{}: significantly sooner at the target than {} is {}, than {} {}. Linear γ needs {:.1} epochs, fixed γ = {} \
         {:.1} and fixed γ = {} {:.1}; at the end they have an AUPRC of {}, {} and {}.",
        results.set.title,
        last.title(),
        or_none(&faster_than_last),
        first.title(),
        or_none(&faster_than_first),
        linear("epochs_to_target"),
        settings.first,
        results.mean(first, "epochs_to_target"),
        settings.last,
        results.mean(last, "epochs_to_target"),
        percent(linear("auprc")),
        percent(results.mean(first, "auprc")),
        percent(results.mean(last, "auprc")),
    )
}

fn section(results: &Results, settings: &Settings) -> Section {
    let share = results.studies.iter().map(|study| study.rare_share).sum::<f64>() / results.studies.len() as f64;
    Section {
        title: results.set.title.clone(),
        text: vec![
            format!("{} Share of the rare class in the training part: {}.", results.set.about, percent(share)),
            format!(
                "The target of a seed is {} of the median over the methods of the highest AUPRC that each has on the \
                 validation part: {} over the seeds. What is timed is when the test part gets there.",
                percent(settings.target),
                spread(&results.target(), Format::Percent)
            ),
        ],
        tables: vec![scores(results, settings), differences(results, settings)],
        figures: figures::of(results, settings),
    }
}

fn scores(results: &Results, settings: &Settings) -> Table {
    let methods = Method::all(settings);
    let best = |metric: &str, pick: fn(f64, f64) -> f64| {
        methods.iter().map(|method| results.mean(*method, metric)).reduce(pick).unwrap_or(f64::NAN)
    };
    let columns = [
        ("epochs_to_target", Format::Number(2), best("epochs_to_target", f64::min)),
        ("auprc", Format::Percent, best("auprc", f64::max)),
        ("mean_auprc", Format::Percent, best("mean_auprc", f64::max)),
        ("first_epoch_auprc", Format::Percent, best("first_epoch_auprc", f64::max)),
    ];
    let seeds = results.studies.len();
    let row = |method: &Method| -> Vec<Cell> {
        let numbers = columns.iter().map(|(metric, format, best)| {
            let metric = results.metric(*method, metric);
            Cell { text: spread(metric, *format), strong: metric.mean == *best }
        });
        let mut numbers: Vec<Cell> = numbers.collect();
        let reached = format!("{} of {seeds}", results.reached(*method));
        let median = results
            .median_epochs(*method)
            .map_or(format!("above {}", settings.epochs), |epochs| format!("{epochs:.2}"));
        numbers.splice(1..1, [Cell::from(median), Cell::from(reached)]);
        let lr = results.metric(*method, "lr");
        let of_choice = [
            format!("{:.2}", results.mean(*method, "last_gamma")),
            format!("{:.4}", lr.mean).trim_end_matches('0').to_owned(),
        ];
        std::iter::once(Cell::from(method.title())).chain(numbers).chain(of_choice.map(Cell::from)).collect()
    };
    let headings = [
        "γ",
        "Epochs to target",
        "Median",
        "Reached",
        "AUPRC at the end",
        "Mean over the epochs",
        "After one epoch",
        "Last γ",
        "Step size",
    ];
    Table {
        title: "Speed and end".to_owned(),
        caption: format!(
            "On the test part, mean ± standard deviation over {seeds} seeds; the best mean of a column is bold. A seed \
             that doesn't reach the target counts with all of its {} epochs in the mean (a restricted mean, which is a \
             lower bound) and as later than that in the median. Step size: mean over the seeds of what was chosen on the \
             validation part, for each method and seed by the mean AUPRC over the epochs.",
            settings.epochs
        ),
        columns: headings.map(str::to_owned).to_vec(),
        rows: methods.iter().map(row).collect(),
    }
}

fn differences(results: &Results, settings: &Settings) -> Table {
    let (first, last) = (Method::Fixed(settings.first), Method::Fixed(settings.last));
    let row = |method: Method| -> Vec<Cell> {
        let speed = |baseline: Method| {
            let difference = results.difference("epochs_to_target", method, baseline);
            Cell { text: epochs(difference), strong: difference.is_significant() }
        };
        let end = |baseline: Method| {
            let difference = results.difference("auprc", method, baseline);
            Cell { text: difference.text(), strong: difference.is_significant() }
        };
        vec![method.title().into(), speed(first), speed(last), end(first), end(last)]
    };
    let minus = |what: &str, baseline: Method| format!("{what} minus {}", baseline.title());
    Table {
        title: "Against fixed γ".to_owned(),
        caption: "Differences paired by seed, with the p of a paired t-test; bold where p < 0.05. Anything else is no \
                  significant difference. Negative epochs are faster."
            .to_owned(),
        columns: vec![
            "Curriculum".to_owned(),
            minus("Epochs", first),
            minus("Epochs", last),
            minus("AUPRC", first),
            minus("AUPRC", last),
        ],
        rows: CURRICULA.into_iter().map(row).collect(),
    }
}
