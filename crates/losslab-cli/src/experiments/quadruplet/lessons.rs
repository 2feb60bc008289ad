//! What to learn from a run of the quadruplet experiment, written from its numbers.

use super::{
    HELD_OUT, SEEN,
    methods::Method,
    story::{EXPECTED, Told, is_better, measured},
};
use crate::{
    experiments::common::{Better, ByMethod},
    outcome::Lesson,
    statistics::LEVEL,
    wording::{list, percent},
};

/// The lessons of a run.
pub fn learn(told: &Told) -> Vec<Lesson> {
    let compared = !told.pairs().is_empty();
    compared.then(|| gain(told)).into_iter().chain(compared.then(|| second_hinge(told))).chain([trust(told)]).collect()
}

fn lesson(title: &str, lead: &str, points: Vec<String>, conclusion: String) -> Lesson {
    Lesson { title: title.to_owned(), lead: lead.to_owned(), points, conclusion }
}

fn worse(better: Better) -> Better {
    if better == Better::Higher { Better::Lower } else { Better::Higher }
}

/// What the quadruplet loss wins over its triplet loss.
fn gain(told: &Told) -> Lesson {
    let point = |(pair, part): ((Method, Method), &'static str)| {
        let gaps =
            EXPECTED.map(|(metric, title, _)| format!("{title} {}", measured(metric, told.gap(part, metric, pair))));
        format!("{part}, {} minus {}: {}.", pair.0.name(), pair.1.name(), list(&gaps))
    };
    let all = || told.pairs().into_iter().flat_map(|pair| [SEEN, HELD_OUT].map(|part| (pair, part)));
    let count = |of: &dyn Fn(Better) -> Better| {
        let meets = |(pair, part): ((Method, Method), &str)| {
            EXPECTED.iter().filter(|(metric, _, better)| is_better(told.gap(part, metric, pair), of(*better))).count()
        };
        all().map(meets).sum::<usize>()
    };
    let (gains, losses, compared) = (count(&|better| better), count(&worse), all().count() * EXPECTED.len());
    let conclusion = match (gains, losses) {
        (0, 0) => format!(
            "None of the {compared} differences is significant: on these images the second hinge neither helps nor harms."
        ),
        (gains, 0) => {
            format!("{gains} of the {compared} differences are significant, all in favour of the quadruplet loss.")
        }
        (0, losses) => format!(
            "{losses} of the {compared} differences are significant, all against the quadruplet loss: what it asks for \
             beyond the triplets costs more here than it gives."
        ),
        (gains, losses) => format!(
            "{gains} of the {compared} differences are significant in favour of the quadruplet loss, {losses} against it."
        ),
    };
    lesson(
        "What the second hinge changes",
        "Each quadruplet loss beside the triplet loss with the same mining, same weights at the start, same images:",
        all().map(point).collect(),
        conclusion,
    )
}

/// What triplet losses leave of the quadruplets, and the ratio of distances.
fn second_hinge(told: &Told) -> Lesson {
    let last = |method: Method, metric: &str| told.mean((SEEN, method.name()), metric);
    let point = |(method, rival): &(Method, Method)| {
        let ratio = |method: &Method| told.mean((HELD_OUT, method.name()), "distance_ratio");
        format!(
            "After the last epoch {} leaves {} of the validation quadruplets active and {} leaves {}; of the triplets {} \
             and {}. Within over between classes on held-out images: {:.3} and {:.3}.",
            method.name(),
            percent(last(*method, "active_quadruplets")),
            rival.name(),
            percent(last(*rival, "active_quadruplets")),
            percent(last(*method, "active_triplets")),
            percent(last(*rival, "active_triplets")),
            ratio(method),
            ratio(rival)
        )
    };
    let halves = |(_, rival): &&(Method, Method)| {
        let (_, tested) = told.by_way.iter().find(|(name, _)| *name == rival.name()).expect("the rival is there");
        let before = tested.iter().map(|tested| tested.notes.probes[0].quadruplets).sum::<f64>() / tested.len() as f64;
        last(*rival, "active_quadruplets") < 0.5 * before
    };
    let (with, without): (Vec<_>, Vec<_>) = told.pairs().into_iter().partition(|pair| halves(&pair));
    let names = |pairs: &[(Method, Method)]| {
        list(&pairs.iter().map(|(_, rival)| format!("“{}”", rival.name())).collect::<Vec<String>>())
    };
    let mut conclusion = Vec::new();
    if !with.is_empty() {
        conclusion.push(format!(
            "Without looking at quadruplets, {} leaves less than half of those that were active before training: where every \
             anchor has its own class near and the others far, pairs of different anchors mostly are in order too, and the \
             second hinge can win only what remains.",
            names(&with)
        ));
    }
    if !without.is_empty() {
        conclusion.push(format!(
            "{} leaves more than half of them: the second hinge asks for something that these triplets haven't given by \
             the last epoch.",
            names(&without)
        ));
    }
    lesson(
        "What triplets leave of the quadruplets",
        "Active shares are by each method's own margins.",
        told.pairs().iter().map(point).collect(),
        conclusion.join(" "),
    )
}

fn trust(told: &Told) -> Lesson {
    let compared = told.pairs().len() * 2 * EXPECTED.len();
    let by_chance = match compared {
        0 => String::new(),
        _ => format!(
            " Of the {compared} differences between the losses about {:.1} would look significant by chance alone.",
            compared as f64 * LEVEL
        ),
    };
    let lead = format!(
        "{} seeds decide first weights, batches and which images are used; all methods share them, which is why \
         differences are tested in pairs. With so few seeds only clear differences become significant, and one that isn't \
         is no proof of equality.{by_chance}",
        told.seeds.len()
    );
    lesson(
        "How far to trust these numbers",
        &lead,
        Vec::new(),
        format!(
            "The first margin was chosen for each method on validation images of trained classes; the second one was \
             {} of it throughout, and the step size was the same for all.",
            told.settings.pair_share
        ),
    )
}
