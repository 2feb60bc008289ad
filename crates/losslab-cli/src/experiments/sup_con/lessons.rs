//! What to learn from a run, written from its numbers.

use super::{checks::best, methods::Method, results::Results, story::Told};
use crate::{
    experiments::common::ByMethod,
    outcome::Lesson,
    statistics::LEVEL,
    wording::{given, list, percent, points},
};

/// The lessons of a run.
pub fn learn(told: &Told) -> Vec<Lesson> {
    let mut lessons = Vec::new();
    let clean = told.methods_with(0.0);
    if clean.len() > 1 {
        lessons.push(which(told, &clean));
    }
    if clean.contains(&Method::Outside) && clean.contains(&Method::Inside) {
        lessons.push(inside_or_outside(told));
    }
    if clean.len() > 1 && !told.wrong().is_empty() {
        lessons.push(wrong_labels(told, &clean));
    }
    if told.views().len() > 1 {
        lessons.push(views(told));
    }
    lessons.push(trust(told));
    lessons
}

fn lesson(title: &str, lead: &str, points: Vec<String>, conclusion: String) -> Lesson {
    Lesson { title: title.to_owned(), lead: lead.to_owned(), points, conclusion }
}

/// Losses against each other.
fn which(told: &Told, methods: &[Method]) -> Lesson {
    let point = |results: &Results| {
        let score = |method: &Method, metric: &str| results.mean(&results.name(*method, 0.0), metric);
        let mut ranked = methods.to_vec();
        ranked.sort_by(|a, b| score(b, "accuracy").total_cmp(&score(a, "accuracy")));
        let scores = |metric: &str| {
            let one = |method: &Method| format!("{} {}", method.name(), percent(score(method, metric)));
            list(&ranked.iter().map(one).collect::<Vec<_>>())
        };
        format!(
            "{}: linear probe {}; Recall@1 {}.",
            results.picked.pick.title(),
            scores("accuracy"),
            scores("recall_at_1")
        )
    };
    let both = methods.contains(&Method::Outside) && methods.contains(&Method::CrossEntropy);
    let verdicts = told.results.iter().filter(|_| both).map(|results| {
        let [outside, other] = [Method::Outside, Method::CrossEntropy].map(|method| results.name(method, 0.0));
        let by = |metric: &str, what: &str| {
            let difference = results.difference(metric, &outside, &other);
            let word = match (difference.is_gain(), difference.is_loss()) {
                (true, _) => "significantly better",
                (_, true) => "significantly worse",
                _ => "not significantly different",
            };
            format!("{word} by {what} ({})", points(difference.mean))
        };
        let (probe, recall) = (by("accuracy", "the linear probe"), by("recall_at_1", "Recall@1"));
        format!("{}: L_out is {probe} and {recall}", results.picked.pick.title())
    });
    let conclusion = match verdicts.collect::<Vec<_>>().join(". ") {
        none if none.is_empty() => none,
        said => format!("Against cross-entropy, which the paper beats on ImageNet with hundreds of epochs: {said}."),
    };
    lesson(
        "Which loss to learn labels with",
        "Every loss starts from the same encoder and looks at the same views of the same images.",
        told.results.iter().map(point).collect(),
        conclusion,
    )
}

/// The two forms.
fn inside_or_outside(told: &Told) -> Lesson {
    let difference = |results: &Results, metric: &str| {
        let [outside, inside] = [Method::Outside, Method::Inside].map(|method| results.name(method, 0.0));
        results.difference(metric, &outside, &inside)
    };
    let point = |results: &Results| {
        format!(
            "{}: L_out minus L_in, linear probe {}, MAP@R {}.",
            results.picked.pick.title(),
            difference(results, "accuracy").text(),
            difference(results, "map_at_r").text()
        )
    };
    let all = |holds: &dyn Fn(&Results) -> bool| told.results.iter().all(holds);
    let gains = |results: &Results| difference(results, "accuracy").is_gain();
    let conclusion = if all(&gains) {
        "As in the paper, the positives belong outside of the logarithm."
    } else if told.results.iter().any(|results| difference(results, "accuracy").is_loss()) {
        "Against the paper, L_in is significantly better on at least one set here."
    } else if told.results.iter().any(gains) {
        "L_out is significantly better on some sets and nowhere worse."
    } else {
        "The paper's large gap between the two doesn't show in the linear probe here. It comes from weights: L_in pulls \
         hardest at the positives that are near already, and a short training of few classes leaves little of that to \
         see."
    };
    lesson(
        "Positives outside or inside of the logarithm",
        "L_out sums logarithms over the positives, so that every positive must come near. L_in takes the logarithm of \
         their mean, which one near positive satisfies.",
        told.results.iter().map(point).collect(),
        conclusion.to_owned(),
    )
}

/// Wrong labels.
fn wrong_labels(told: &Told, methods: &[Method]) -> Lesson {
    let point = |results: &Results, noise: f64| {
        let there: Vec<Method> =
            methods.iter().copied().filter(|method| told.has(results, &[*method], noise)).collect();
        let mut ranked = there.clone();
        let lost = |method: &Method| results.lost("accuracy", *method, noise).mean;
        ranked.sort_by(|a, b| lost(a).total_cmp(&lost(b)));
        let one = |method: &Method| {
            let with = results.mean(&results.name(*method, noise), "accuracy");
            format!("{} {} (to {})", method.name(), points(-lost(method)), percent(with))
        };
        let costs = list(&ranked.iter().map(one).collect::<Vec<_>>());
        format!("{}, {} wrong labels, change of the linear probe: {costs}.", results.picked.pick.title(), given(noise))
    };
    let points =
        told.results.iter().flat_map(|results| told.wrong().into_iter().map(move |noise| point(results, noise)));
    let both = [Method::Outside, Method::CrossEntropy];
    let worst = *told.wrong().last().expect("there are wrong labels");
    let is_there = |results: &&Results| told.has(results, &both, worst) && told.has(results, &both, 0.0);
    let verdict = |results: &Results| {
        let difference = results.lost_more("accuracy", Method::CrossEntropy, Method::Outside, worst);
        let word = match (difference.is_gain(), difference.is_loss()) {
            (true, _) => "cross-entropy loses significantly more than L_out",
            (_, true) => "L_out loses significantly more than cross-entropy",
            _ => "what cross-entropy loses more than L_out is no significant difference",
        };
        format!("on {} {word} ({})", results.picked.pick.title(), difference.text())
    };
    let said: Vec<String> = told.results.iter().filter(is_there).map(verdict).collect();
    let conclusion = if said.is_empty() {
        String::new()
    } else {
        format!(
            "With {} wrong labels {}. The paper shows robustness to corrupted images and to hyperparameters. Wrong labels \
             are another matter: one of them makes a wrong positive of every image of its class in the batch.",
            given(worst),
            list(&said)
        )
    };
    lesson(
        "What wrong labels cost",
        "The linear classifier learns from the same wrong labels as the encoder; test labels are right.",
        points.collect(),
        conclusion,
    )
}

/// The number of views.
fn views(told: &Told) -> Lesson {
    let views = told.views();
    let (few, many) = (views[0], views[views.len() - 1]);
    let there =
        told.results.iter().filter(|results| views.iter().all(|views| results.has(&results.name_of_views(*views))));
    let there: Vec<&Results> = there.collect();
    let point = |results: &&Results| {
        let one =
            |views: &usize| format!("{views}: {}", percent(results.mean(&results.name_of_views(*views), "accuracy")));
        let difference = results.difference("accuracy", &results.name_of_views(many), &results.name_of_views(few));
        format!(
            "{}: linear probe by views {}; {many} minus {few}: {}.",
            results.picked.pick.title(),
            list(&views.iter().map(one).collect::<Vec<_>>()),
            difference.text()
        )
    };
    let change =
        |results: &&Results| results.difference("accuracy", &results.name_of_views(many), &results.name_of_views(few));
    let conclusion = match (
        there.iter().any(|one| change(one).is_gain()),
        there.iter().any(|one| change(one).is_loss()),
    ) {
        (true, false) => "More views of fewer images help here, at the same number of views in all.",
        (false, true) => {
            "At the same number of views in all, more views of fewer images hurt here: labels give every image positives \
             anyhow, and other images of a class say more than one more view of the same."
        }
        (true, true) => "Whether more views help depends on the data.",
        (false, false) => {
            "At the same number of views in all, it makes no significant difference how many are of the same image: labels \
             give every image positives anyhow."
        }
    };
    lesson(
        "Several views",
        "All batches hold as many views: more of each image means fewer images.",
        there.iter().map(point).collect(),
        conclusion.to_owned(),
    )
}

fn trust(told: &Told) -> Lesson {
    let comparisons = told.checks().len();
    let tuned = match told.settings.lr.as_slice() {
        [one] => format!(
            "All losses take steps of {one}; temperature and margin weren't tuned to any of the data sets. With other values \
             the order may change."
        ),
        _ => {
            let best =
                told.results.iter().filter_map(|results| best(results, &told.methods_with(0.0), "valid_accuracy"));
            let names: Vec<&str> = best.map(Method::name).collect();
            format!(
                "Each row has the step size that is best on validation images, where {} leads. Temperature and margin weren't \
                 tuned.",
                list(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
            )
        }
    };
    lesson(
        "How far to trust these numbers",
        &format!(
            "{} seeds decide first weights, views, order, wrong labels and which images are used; differences are tested in \
             pairs. With so few seeds only clear differences become significant. Of the {comparisons} checks about {:.1} would \
             hold by chance if there were no differences at all.",
            told.seeds.len(),
            comparisons as f64 * LEVEL / 2.0
        ),
        Vec::new(),
        tuned,
    )
}
