//! What to learn from a run, written from its numbers.

use super::{
    Way,
    measures::{FIRST, MEASURES},
    methods::Method,
    results::Results,
    settings::Settings,
    story::best,
};
use crate::{
    experiments::common::ByMethod,
    outcome::Lesson,
    statistics::LEVEL,
    wording::{list, percent},
};

/// The lessons of a run.
pub fn learn(settings: &Settings, results: &[Results]) -> Vec<Lesson> {
    let lessons = [
        lists_or_items(results),
        which_loss(results),
        weights(results),
        clicks(settings, results),
        Some(trust(results)),
    ];
    lessons.into_iter().flatten().collect()
}

/// A lesson with a point for each data set that has something to say.
fn lesson(
    title: &str,
    lead: String,
    results: &[Results],
    point: impl Fn(&Results) -> Option<String>,
    conclusion: String,
) -> Option<Lesson> {
    let point = |results: &Results| Some(format!("{}: {}", results.set.title, point(results)?));
    let points: Vec<String> = results.iter().filter_map(point).collect();
    (!points.is_empty()).then(|| Lesson { title: title.to_owned(), lead, points, conclusion })
}

fn titles(methods: &[Method]) -> String {
    match methods.is_empty() {
        true => "none".to_owned(),
        false => list(&methods.iter().map(|method| method.title().to_owned()).collect::<Vec<_>>()),
    }
}

fn lists_or_items(results: &[Results]) -> Option<Lesson> {
    let split = |results: &Results| -> Option<[Vec<Method>; 2]> {
        let gain = |method: &Method| results.difference(FIRST, Way::Trained(*method), Way::Trained(Method::Regression));
        results.has(Method::Regression).then(|| {
            let losses = results.ranking_losses();
            [
                losses.iter().copied().filter(|loss| gain(loss).is_gain()).collect(),
                losses.into_iter().filter(|loss| gain(loss).is_loss()).collect(),
            ]
        })
    };
    let won = results.iter().filter_map(split).map(|[better, _]| better.len()).sum::<usize>();
    let of = results.iter().filter(|results| results.has(Method::Regression));
    let of = of.map(|results| results.ranking_losses().len()).sum::<usize>();
    lesson(
        "Lists or single items",
        "A query whose items are all good, or all clicked on more, moves what regression must hit, and no ranking. Losses \
         over lists that beat pointwise regression in NDCG@10 by more than chance, and that lose to it:"
            .to_owned(),
        results,
        |results| {
            let [better, worse] = split(results)?;
            Some(format!("better: {}; worse: {}.", titles(&better), titles(&worse)))
        },
        match won {
            0 => "In this run nothing is gained by looking at lists.".to_owned(),
            all if all == of => "Every comparison is a gain.".to_owned(),
            some => format!("{some} of {of} comparisons are a gain beyond chance; the others leave it open or lose."),
        },
    )
}

fn which_loss(results: &[Results]) -> Option<Lesson> {
    lesson(
        "Which loss over lists",
        "The highest mean NDCG@10 among them, and those from which it doesn't differ by more than chance:".to_owned(),
        results,
        |results| {
            let (first, beside) = best(results)?;
            let mean = percent(results.mean(Way::Trained(first), FIRST));
            Some(format!("{} with {mean}; beside it: {}.", first.title(), titles(&beside)))
        },
        "A loss that is beside the best one here is as good a choice; take the one whose assumptions fit the data."
            .to_owned(),
    )
}

/// What the weights of LambdaRank change against RankNet, at each cut.
fn weights(results: &[Results]) -> Option<Lesson> {
    let difference = |results: &Results<'_>, metric: &str| {
        results.difference(metric, Way::Trained(Method::LambdaRank), Way::Trained(Method::RankNet))
    };
    let has_both = |results: &&Results| results.has(Method::LambdaRank) && results.has(Method::RankNet);
    let with_both: Vec<&Results> = results.iter().filter(has_both).collect();
    let differs = |results: &&&Results| MEASURES.iter().any(|(metric, _)| difference(results, metric).is_significant());
    let beyond = with_both.iter().filter(differs).count();
    lesson(
        "What the weights of LambdaRank change",
        "LambdaRank is RankNet whose pairs are weighted by what their swap changes in the NDCG. LambdaRank minus RankNet:"
            .to_owned(),
        results,
        |results| {
            has_both(&results).then(|| {
                let part = |(metric, name): &(&str, &str)| format!("{name} {}", difference(results, metric).text());
                MEASURES.iter().map(part).collect::<Vec<_>>().join("; ") + "."
            })
        },
        match beyond {
            0 => "None of this is beyond chance.".to_owned(),
            _ => format!("Beyond chance in some measure on {beyond} of {} data sets.", with_both.len()),
        },
    )
}

/// What learning from clicks costs.
fn clicks(settings: &Settings, results: &[Results]) -> Option<Lesson> {
    lesson(
        "Clicks are not relevance",
        format!(
            "Users look at rank r with probability r^−{}, so that clicks tell where an item stood as well. The same network \
             with the same loss, LambdaRank, taught by clicks and by the true grades, both tested on the true ones:",
            settings.bias
        ),
        results,
        |results| {
            if !results.set.is_of_clicks() || !results.has(Method::LambdaRank) {
                return None;
            }
            let on_clicks = Way::Trained(Method::LambdaRank);
            let cost = results.difference(FIRST, on_clicks, Way::OnTruth);
            let shown = results.difference(FIRST, on_clicks, Way::Shown);
            Some(format!(
                "NDCG@10 {} by clicks, {} by true grades: {}. Against the order in which users saw the items: {}.",
                percent(results.mean(on_clicks, FIRST)),
                percent(results.mean(Way::OnTruth, FIRST)),
                cost.text(),
                shown.text()
            ))
        },
        "No loss here corrects for the position, and the validation part, which has clicks too, doesn't show it."
            .to_owned(),
    )
}

fn trust(results: &[Results]) -> Lesson {
    let comparisons: usize = results.iter().map(|results| results.ranking_losses().len() * MEASURES.len()).sum();
    let points = results.iter().map(|results| {
        let trained = |way: &Way| matches!(way, Way::Trained(_));
        let way = results.tested.iter().map(|(way, _)| *way).find(trained).unwrap_or(Way::OneFeature);
        let error = results.mean_of(way, |tested| tested.error_of_queries);
        let drawn = match results.set.is_fixed() {
            true => "the parts are the same for every seed, so that the spread over the seeds is that of weights and batches \
                     alone, and a significant difference holds for these queries, not for others",
            false => "each seed draws its own queries, so that the spread over the seeds has that of the queries in it",
        };
        format!("{}: the queries of one test part leave ± {:.1} points open in the NDCG@10 of {} (one standard error); {drawn}.", results.set.title, 100.0 * error, way.title())
    });
    Lesson {
        title: "How far to trust these numbers".to_owned(),
        lead: format!(
            "All losses of a seed share the data, the first weights and the order of the batches, which is why differences \
             are tested in pairs. Of the {comparisons} differences from regression in the tables about {:.0} would look \
             significant by chance alone.",
            comparisons as f64 * LEVEL
        ),
        points: points.collect(),
        conclusion: String::new(),
    }
}
