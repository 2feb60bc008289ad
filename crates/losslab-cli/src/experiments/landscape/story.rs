//! What a run of the landscape says: checks, tables, and the result in a sentence.

use super::{METHODS, Method, checks, figures, lessons, results::Results};
use crate::{
    experiments::common::{Better, ByMethod, Column, table},
    outcome::{Check, Format, Section, Story, Table},
    wording::percent,
};

const COLUMNS: [Column; 8] = [
    column("accuracy", "Test accuracy", Format::Percent, Some(Better::Higher)),
    column("loss", "Own loss", Format::Number(4), None),
    column("top_eigenvalue", "Largest eigenvalue", Format::Number(1), None),
    column("cross_entropy_top_eigenvalue", "The same of cross-entropy", Format::Number(1), Some(Better::Lower)),
    column("negative_share", "Most negative / largest", Format::Percent, None),
    column("trace", "Trace", Format::Number(1), None),
    column("trace_standard_error", "Its standard error", Format::Number(1), None),
    column("sharpness", "Sharpness", Format::Number(2), None),
];

const fn column(metric: &'static str, heading: &'static str, format: Format, better: Option<Better>) -> Column {
    Column { metric, heading, format, better }
}

/// The checks and the story of a run.
pub fn tell(results: &Results, seeds: &[u64], origin: &str) -> (Vec<Check>, Story) {
    let settings = results.settings;
    let pictures = METHODS.into_iter().filter_map(|method| Some((method, results.pictures(method)?)));
    let surfaces = pictures.map(|(method, pictures)| Section {
        title: uppercase(method.title()),
        text: Vec::new(),
        tables: Vec::new(),
        figures: figures::of(method, pictures, seeds[0]),
    });
    let curvature = Section {
        title: "Curvature and sharpness".to_owned(),
        text: vec![format!(
            "Data: {origin}; {} for training, their middle 20 × 20 pixels. A small convolutional network with ten \
             outputs: logits for the first three losses, an embedding for SupCon. Every number below is of the loss over \
             {} training images, the same of each class, computed in 64 bits. The network has no batch normalisation, so \
             no running statistics have to be chosen.",
            settings.images, settings.measured
        )],
        tables: vec![numbers(results, seeds.len())],
        figures: vec![figures::spectra(results, seeds.len())],
    };
    let story = Story {
        number: 11,
        title: "The landscape of a loss".to_owned(),
        question: format!(
            "Training walks down a surface over thousands of parameters. What does it look like around the place where \
             it ends, and does that depend on the loss? One network is trained with cross-entropy, focal loss (γ = {}), \
             label smoothing (ε = {}) and the supervised contrastive loss, on the same batches from the same first \
             weights. Then the loss is measured around each solution.",
            settings.gamma, settings.smoothing
        ),
        notice: Vec::new(),
        headline: headline(results),
        check_rule: "Li et al. (2018) found 40 to 90 % of the variation of a path in two directions, and solutions of \
                     small networks where the surface is nearly convex: the most negative eigenvalue is small beside the \
                     largest. That focal loss and label smoothing end in flatter places than cross-entropy is commonly \
                     said. “Lower” needs a paired t-test over the seeds with p < 0.05."
            .to_owned(),
        sections: std::iter::once(curvature).chain(surfaces).collect(),
        lessons: lessons::learn(results, seeds.len()),
    };
    (checks::checks(results), story)
}

fn uppercase(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn headline(results: &Results) -> String {
    let own = |method: Method| results.mean(method, "top_eigenvalue");
    let shared = |method: Method| results.mean(method, "cross_entropy_top_eigenvalue");
    let judged = |metric: &str, method: Method| {
        let difference = results.difference(metric, method, Method::CrossEntropy);
        match (difference.is_loss(), difference.is_gain()) {
            (true, _) => "lower",
            (_, true) => "higher",
            _ => "no significant difference",
        }
    };
    let (focal, smooth) = (Method::Focal, Method::LabelSmoothing);
    format!(
        "The steepest curvature at the solution is {:.1} for cross-entropy, {:.1} for focal loss ({}) and {:.1} for label \
         smoothing ({}). Measured with one yardstick, cross-entropy's own Hessian, it is {:.1}, {:.1} ({}) and {:.1} ({}). \
         {} of the variance of cross-entropy's path lies in a plane.",
        own(Method::CrossEntropy),
        own(focal),
        judged("top_eigenvalue", focal),
        own(smooth),
        judged("top_eigenvalue", smooth),
        shared(Method::CrossEntropy),
        shared(focal),
        judged("cross_entropy_top_eigenvalue", focal),
        shared(smooth),
        judged("cross_entropy_top_eigenvalue", smooth),
        percent(results.mean(Method::CrossEntropy, "path_in_plane"))
    )
}

fn numbers(results: &Results, seeds: usize) -> Table {
    let rows: Vec<_> = METHODS.into_iter().map(|method| results.row(method)).collect();
    table(
        "Around the solutions",
        &format!(
            "Mean ± standard deviation over {seeds} seeds; the best accuracy and the flattest place by one yardstick are \
             bold. Eigenvalues and trace are of the Hessian of each loss at its own solution, by Lanczos' method with at \
             most {} products and by Hutchinson's with {} random vectors. The same of cross-entropy: the largest eigenvalue \
             of cross-entropy's Hessian there; an embedding has none. Sharpness: the highest rise of the loss that an ascent \
             found within {} of the length of the parameters. Test accuracy of SupCon: by the nearest mean direction of a \
             class.",
            results.settings.steps,
            results.settings.vectors,
            percent(results.settings.radius)
        ),
        "Loss",
        &rows,
        &COLUMNS,
    )
}
