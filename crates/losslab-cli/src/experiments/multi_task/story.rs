//! What a run of exercise 6 says: the result in a sentence, tables, and which figures stand where.

use super::{
    checks::{self, BALANCED, EQUAL, TOLERANCE, change},
    figures, lessons,
    methods::{Method, Task, Units, automatic},
    results::{Results, TUNED, adaptive},
    settings::Settings,
    training::Material,
};
use crate::{
    experiments::common::{self, Better, ByMethod, Column, Difference, verdict},
    outcome::{Cell, Check, Format, Row, Section, Story, Table},
    wording::{p_value, percent, signed},
};

const ACCURACY: Column =
    Column { metric: "accuracy", heading: "Accuracy", format: Format::Percent, better: Some(Better::Higher) };
const MSE: Column =
    Column { metric: "mse", heading: "Squared error", format: Format::Number(4), better: Some(Better::Lower) };
const JOINT: Column =
    Column { metric: "joint_error", heading: "Joint error", format: Format::Number(2), better: Some(Better::Lower) };

/// The checks and the story of a run.
pub fn tell(settings: &Settings, results: &Results, material: &Material, origin: &str) -> (Vec<Check>, Story) {
    let story = Story {
        number: 6,
        title: "Several losses, one network".to_owned(),
        question: "One encoder makes a short code of a handwritten digit. One head says from it which digit it is \
                   (cross-entropy), another draws the digit again (squared error of the pixels). What happens to \
                   both tasks when their losses are added with equal weights, with other fixed weights, or with \
                   weights that a method finds by itself? All methods start from the same weights and see the same \
                   batches."
            .to_owned(),
        notice: Vec::new(),
        headline: headline(settings, results),
        check_rule: format!(
            "Joint error: how many times as large as those of two networks with a task each the errors are, as the \
             geometric mean of the classification errors' ratio and the squared errors' ratio; 1 is as good as two \
             networks, and lower is better. “Tuned” is the fixed weight with the lowest joint error on the \
             validation part, for each seed anew. “Better” means a lower joint error, “worse” a lower accuracy or a \
             higher squared error, with p < 0.05 in a paired t-test over the seeds. Tasks are balanced where the \
             reconstruction has {:.0} to {:.0} % of the sum of both weighted gradient lengths. Units matter where \
             multiplying the reconstruction loss by {} changes the mean error of a task by more than {:.0} %.",
            100.0 * BALANCED,
            100.0 * (1.0 - BALANCED),
            settings.scale,
            100.0 * TOLERANCE
        ),
        sections: vec![
            trade_off(settings, results, material, origin),
            gradients(settings, results),
            units(settings, results),
        ],
        lessons: lessons::learn(settings, results, material),
    };
    (checks::checks(settings, results), story)
}

/// The adaptive method with the lowest joint error on the test part.
pub fn best_adaptive(settings: &Settings, results: &Results) -> String {
    let joint = |name: &String| results.metric(name, JOINT.metric).mean;
    let names = adaptive(settings).into_iter().map(Method::name);
    names.min_by(|a, b| joint(a).total_cmp(&joint(b))).expect("there are adaptive methods")
}

fn headline(settings: &Settings, results: &Results) -> String {
    let mean = |units: Units, name: &str, metric: &str| results.metric_in(units, name, metric).mean;
    let both = |name: &str| {
        let of = |metric| mean(Units::Plain, name, metric);
        format!(
            "{} right, squared error {:.4}, joint error {:.2}",
            percent(of("accuracy")),
            of("mse"),
            of("joint_error")
        )
    };
    let best = best_adaptive(settings, results);
    let difference = results.difference("joint_error", &best, TUNED);
    let judged = match (difference.test, difference.mean < 0.0) {
        (Some(test), true) if test.is_significant() => format!("beats it ({})", p_value(test.p)),
        (Some(test), false) if test.is_significant() => format!("stays behind it ({})", p_value(test.p)),
        (Some(test), _) => format!("is neither better nor worse beyond chance ({})", p_value(test.p)),
        (None, _) => "cannot be told from it, since one seed allows no test".to_owned(),
    };
    format!(
        "A fixed weight tuned on the validation part gets {}; {best}, the adaptive method with the lowest joint error \
         ({:.2}), {judged}. Equal weights have a joint error of {:.2}, and of {:.2} when the reconstruction loss is \
         multiplied by {}.",
        both(TUNED),
        mean(Units::Plain, &best, "joint_error"),
        mean(Units::Plain, EQUAL, "joint_error"),
        mean(Units::Times(settings.scale), EQUAL, "joint_error"),
        settings.scale
    )
}

fn trade_off(settings: &Settings, results: &Results, material: &Material, origin: &str) -> Section {
    let alone = [Task::Classify, Task::Reconstruct].map(|task| Method::Alone(task).name());
    let fixed = settings.fixed().into_iter().map(|weight| Method::Fixed(weight).name());
    let names = alone
        .into_iter()
        .chain(fixed)
        .chain([TUNED.to_owned()])
        .chain(automatic(settings).into_iter().map(Method::name));
    let rows: Vec<&Row> = names.map(|name| results.row(&name)).collect();
    let number = |metric, heading, decimals| Column { metric, heading, format: Format::Number(decimals), better: None };
    let columns = [ACCURACY, MSE, JOINT, number("weight_ratio", "Weight", 1)];
    let caption = format!(
        "Test part, mean ± standard deviation over the seeds (number of them: {}), losses as they are; the best mean \
         of a column is bold. Squared error: mean over pixels between 0 and 1. Weight: that of the reconstruction \
         for 1 of the classification, mean over training. Tuned: the best of the {} fixed weights on the validation \
         part.",
        results.seeds(),
        settings.fixed().len()
    );
    let [train, valid, test] =
        [&material.parts.train, &material.parts.valid, &material.parts.test].map(|part| part.len());
    Section {
        title: "One encoder for two tasks".to_owned(),
        text: vec![format!(
            "From {origin}: {train} images for training, {valid} for validation, {test} for testing. The encoder is \
             784 → {} → {}; the classifier is one layer on the code, the decoder goes the way back. Adam with a step \
             size of {}, {} epochs, batches of {}.",
            settings.hidden, settings.code, settings.lr, settings.epochs, settings.batch
        )],
        tables: vec![common::table("All methods", &caption, "Method", &rows, &columns), differences(settings, results)],
        figures: vec![figures::trade_off(settings, results), figures::reconstructions(settings, results, material)],
    }
}

/// Every method minus the tuned weight.
fn differences(settings: &Settings, results: &Results) -> Table {
    let names = std::iter::once(EQUAL.to_owned()).chain(automatic(settings).into_iter().map(Method::name));
    let row = |name: String| {
        let of = |metric| results.difference(metric, &name, TUNED);
        let cell = |difference: Difference, text: String| Cell {
            text: format!("{text} ({})", verdict(difference.test)),
            strong: difference.is_significant(),
        };
        let (accuracy, mse, joint) = (of("accuracy"), of("mse"), of("joint_error"));
        vec![
            Cell::from(name.clone()),
            cell(accuracy, format!("{} points", signed(accuracy.mean))),
            cell(mse, change(mse.mean, 4)),
            cell(joint, change(joint.mean, 2)),
        ]
    };
    Table {
        title: "Against the tuned weight".to_owned(),
        caption:
            "Each method minus the fixed weight that was best on the validation part, paired by seed, losses as they \
                  are. Bold: p < 0.05 in a paired t-test; not corrected for the number of comparisons."
                .to_owned(),
        columns: ["Method", "Accuracy", "Squared error", "Joint error"].map(str::to_owned).to_vec(),
        rows: names.map(row).collect(),
    }
}

fn gradients(settings: &Settings, results: &Results) -> Section {
    let names =
        [EQUAL.to_owned(), TUNED.to_owned()].into_iter().chain(automatic(settings).into_iter().map(Method::name));
    let rows: Vec<&Row> = names.map(|name| results.row(&name)).collect();
    let column = |metric, heading, format| Column { metric, heading, format, better: None };
    let columns = [
        column("reconstruction_share", "Reconstruction's part", Format::Percent),
        column("length_ratio", "Length ratio", Format::Number(1)),
        column("cosine", "Cosine", Format::Number(2)),
        column("conflicts", "Conflicting", Format::Percent),
    ];
    let caption = format!(
        "On {} batches of every epoch, mean over training ± standard deviation over the seeds. Reconstruction's \
         part: its share in the sum of both weighted gradient lengths. Length ratio: how many times as long as the \
         reconstruction's the classification's gradient is, before any weight. Conflicting: share of these steps in \
         which the cosine is below 0.",
        settings.probes
    );
    Section {
        title: "The gradients of the two tasks".to_owned(),
        text: vec![
            "What a weight does is seen in the parameters that both tasks share, which are those of the encoder. A \
             head belongs to one task, and Adam divides every gradient by its usual size: a weight that doesn't \
             change cannot slow a head down. It only decides whom the encoder listens to."
                .to_owned(),
            "PCGrad, CAGrad and MGDA combine the gradients instead. UPGrad isn't among them, as it is the same as PCGrad \
             where there are two tasks."
                .to_owned(),
        ],
        tables: vec![common::table("Lengths and directions", &caption, "Method", &rows, &columns)],
        figures: figures::gradients(settings, results),
    }
}

fn units(settings: &Settings, results: &Results) -> Section {
    let scaled = Units::Times(settings.scale);
    let row = |method: Method| {
        let name = method.name();
        let cell = |units: Units, column: Column| {
            Cell::from(common::spread(results.metric_in(units, &name, column.metric), column.format))
        };
        let joint = |units| results.metric_in(units, &name, JOINT.metric).mean;
        let moved = Cell {
            text: format!("{:.2} → {:.2}", joint(Units::Plain), joint(scaled)),
            strong: !checks::is_robust(&name, settings, results),
        };
        let [before, after] = [Units::Plain, scaled].map(|units| [cell(units, ACCURACY), cell(units, MSE)]);
        let [[a, b], [c, d]] = [before, after];
        vec![Cell::from(name.clone()), a, c, b, d, moved]
    };
    let methods = std::iter::once(Method::Fixed(1.0)).chain(automatic(settings));
    let headings = ["Method", "Accuracy", "Accuracy, scaled", "Squared error", "Squared error, scaled", "Joint error"];
    let normalised: Vec<&Row> =
        super::methods::SCALE_BOUND.iter().map(|method| results.in_units(Units::Normalised, &method.name())).collect();
    Section {
        title: "The units of a loss".to_owned(),
        text: vec![format!(
            "Whether pixels are counted from 0 to 1 or from 0 to 10, and whether their errors are averaged or \
             summed, is a matter of taste, and changes the reconstruction loss by a factor. Here it is multiplied by \
             {}, and nothing else is changed; squared errors are still reported as before. With fixed weights that \
             is the same as another weight.",
            settings.scale
        )],
        tables: vec![
            Table {
                title: format!("Losses as they are, and the reconstruction loss times {}", settings.scale),
                caption: format!(
                    "Test part, mean ± standard deviation over the seeds. “Scaled”: with the multiplied loss. Last \
                     column: the joint error without and with it; bold where the error of a task changes by more \
                     than {:.0} %.",
                    100.0 * TOLERANCE
                ),
                columns: headings.map(str::to_owned).to_vec(),
                rows: methods.map(row).collect(),
            },
            common::table(
                "Normalised first",
                "Methods that start from the losses as they come, on losses that were divided by their values at the \
                 start.",
                "Method",
                &normalised,
                &[ACCURACY, MSE, JOINT],
            ),
        ],
        figures: figures::units(settings, results),
    }
}
