//! What to learn from a run, written from its numbers.

use super::{METHODS, Method, checks::change, results::Results};
use crate::{
    experiments::common::ByMethod,
    outcome::Lesson,
    wording::{list, percent, significant},
};

/// The lessons of a run.
pub fn learn(results: &Results, seeds: usize) -> Vec<Lesson> {
    vec![yardstick(results), few_directions(results), path(results), flat_or_good(results), trust(results, seeds)]
}

fn lesson(title: &str, lead: &str, points: Vec<String>, conclusion: String) -> Lesson {
    Lesson { title: title.to_owned(), lead: lead.to_owned(), points, conclusion }
}

fn yardstick(results: &Results) -> Lesson {
    let judged = [Method::Focal, Method::LabelSmoothing].map(|method| {
        let own = results.difference("top_eigenvalue", method, Method::CrossEntropy);
        let shared = results.difference("cross_entropy_top_eigenvalue", method, Method::CrossEntropy);
        (method, own, shared)
    });
    let points = judged.iter().map(|(method, own, shared)| {
        format!(
            "{} minus cross-entropy: {} by its own loss, {} by cross-entropy at the same place.",
            method.title(),
            change(*own),
            change(*shared)
        )
    });
    let turned: Vec<String> = judged
        .iter()
        .filter(|(_, own, shared)| own.is_loss() != shared.is_loss() || own.is_gain() != shared.is_gain())
        .map(|(method, ..)| method.title().to_owned())
        .collect();
    lesson(
        "A flatter loss is not a flatter place",
        "Curvature has the unit of the loss. A loss that is smaller everywhere curves less everywhere, wherever its network \
         ended. So the largest eigenvalue is shown twice:",
        points.collect(),
        match turned.len() {
            0 => "Both yardsticks agree here.".to_owned(),
            _ => format!(
                "For {} the two yardsticks do not agree: what one would call flat or steep is partly the loss itself.",
                list(&turned)
            ),
        },
    )
}

fn few_directions(results: &Results) -> Lesson {
    let count = results.settings.eigenvalues;
    let points = METHODS.into_iter().map(|method| {
        let share = results.mean(method, "top_share_of_trace");
        format!(
            "{}: the {count} largest eigenvalues make up {} of the trace; the most negative one is {} of the largest in \
             size.",
            method.title(),
            percent(share),
            percent(results.mean(method, "negative_share"))
        )
    });
    let shares: Vec<f64> = METHODS.into_iter().map(|method| results.mean(method, "top_share_of_trace")).collect();
    let least = shares.iter().copied().fold(f64::INFINITY, f64::min);
    lesson(
        "A few steep directions",
        "A Hessian has as many eigenvalues as the network has parameters, and the trace is their sum:",
        points.collect(),
        if least >= 0.5 {
            "For every loss a handful of directions carries most of the curvature; along nearly all others the surface is \
             flat. A random slice hardly meets the steep ones, so its picture shows less than the eigenvalues do."
                .to_owned()
        } else {
            format!(
                "Not for every loss do these {count} carry most of it: the smallest share is {}. Negative eigenvalues \
                 count against the trace, and many small ones add up.",
                percent(least)
            )
        },
    )
}

fn path(results: &Results) -> Lesson {
    let points = METHODS.into_iter().map(|method| {
        let explained = results.pictures(method).map_or(String::new(), |pictures| {
            format!("; in the first seed {} along the first direction", percent(pictures.explained[0]))
        });
        format!(
            "{}: {} of the variance of its path{explained}.",
            method.title(),
            percent(results.mean(method, "path_in_plane"))
        )
    });
    lesson(
        "The path is nearly flat",
        "Between its start and its end the optimiser could turn in any of thousands of directions. In the plane of the two \
         in which it spreads most lie:",
        points.collect(),
        "That is why a contour of two dimensions can show a training at all, and why it must be this plane: in a random \
         one the path would be a dot."
            .to_owned(),
    )
}

fn flat_or_good(results: &Results) -> Lesson {
    let with_logits: Vec<Method> = METHODS.into_iter().filter(|method| method.has_logits()).collect();
    let ends = |metric: &str, sign: f64| {
        let value = |method: &&Method| sign * results.mean(**method, metric);
        with_logits.iter().max_by(|a, b| value(a).total_cmp(&value(b))).copied().unwrap_or(Method::CrossEntropy)
    };
    let (best, flattest) = (ends("accuracy", 1.0), ends("cross_entropy_top_eigenvalue", -1.0));
    let points = with_logits.iter().map(|method| {
        let against = match method {
            Method::CrossEntropy => String::new(),
            other => format!(
                ", {} against cross-entropy",
                results.difference("accuracy", *other, Method::CrossEntropy).text()
            ),
        };
        format!(
            "{}: largest eigenvalue of cross-entropy {:.1}, test accuracy {}{against}.",
            method.title(),
            results.mean(*method, "cross_entropy_top_eigenvalue"),
            percent(results.mean(*method, "accuracy"))
        )
    });
    let significant_gain = results.difference("accuracy", flattest, Method::CrossEntropy).is_gain();
    let conclusion = if flattest == Method::CrossEntropy {
        format!("The flattest place is cross-entropy's, and {} has the best mean accuracy.", best.title())
    } else if significant_gain {
        format!("{} is the flattest, and significantly better than cross-entropy on the test part.", flattest.title())
    } else {
        format!(
            "{} is the flattest, and not significantly better than cross-entropy on the test part: here flatness doesn't \
             tell which network to take.",
            flattest.title()
        )
    };
    lesson("Is the flatter network the better one?", "By one yardstick:", points.collect(), conclusion)
}

fn trust(results: &Results, seeds: usize) -> Lesson {
    let points = METHODS.into_iter().map(|method| {
        let relative = |part: &str, whole: &str| results.mean(method, part) / results.mean(method, whole).abs();
        format!(
            "{}: error bounds of the eigenvalues up to {} % of the largest; standard error of the trace {} % of it.",
            method.title(),
            significant((100.0 * relative("eigenvalue_error", "top_eigenvalue")).max(1e-9)),
            significant((100.0 * relative("trace_standard_error", "trace")).max(1e-9))
        )
    });
    lesson(
        "How far to trust these numbers",
        &format!(
            "A seed draws the training images, those on which the loss is measured, the first weights, the batches and the \
             random vectors; all losses share them, and {seeds} seeds tell large differences from chance and no small ones. \
             All losses have one step size, chosen for none of them. A surface is a slice of two dimensions, of the loss \
             on {} images. The estimates themselves:",
            results.settings.measured
        ),
        points.collect(),
        "Sharpness comes from ascents, so the true maximum is at least as high. Scaling a layer up and the next one down \
         changes eigenvalues and trace but not the network: compare networks of one kind, trained alike, as here."
            .to_owned(),
    )
}
