//! What a run says: checks, tables, and the result in a sentence.

use super::{
    Way, checks, figures, lessons,
    measures::{FIRST, MEASURES},
    methods::Method,
    results::Results,
    settings::Settings,
};
use crate::{
    experiments::common::{Better, ByMethod, Column, table},
    outcome::{Cell, Check, Format, Section, Story, Table},
    wording::{list, percent, signed},
};

/// The checks and the story of a run.
pub fn tell(settings: &Settings, results: &[Results]) -> (Vec<Check>, Story) {
    let names: Vec<String> = settings.losses.iter().map(|method| method.title().to_owned()).collect();
    let notice = match results {
        [only] if only.set.is_of_clicks() => vec![
            "MQ2008 is not here: only the generated searches are. Put fold 1 (train, vali and test) into a folder \
             mq2008-fold1 and name the folder above it by --data-dir to see it as well."
                .to_owned(),
        ],
        _ => vec![],
    };
    let story = Story {
        number: 12,
        title: "Losses for ranked lists".to_owned(),
        question: format!(
            "Does it pay to train on lists instead of single items? The same network with one hidden layer is trained with \
             {} on the same batches of {} queries from the same first weights. Each loss takes the step size and the epoch \
             with the best NDCG@10 on the validation part.",
            list(&names),
            settings.batch
        ),
        notice,
        headline: results.last().map_or(String::new(), headline),
        check_rule: "What the papers of the losses let expect, in NDCG@10 on the test part. “Better” needs a paired \
                     t-test over the seeds with p < 0.05; “no significant difference” is its absence."
            .to_owned(),
        sections: results.iter().map(|results| section(results, settings)).collect(),
        lessons: lessons::learn(settings, results),
    };
    (results.iter().flat_map(checks::checks).collect(), story)
}

/// The best ranking loss by its mean, and the others that are no worse by more than chance.
pub fn best(results: &Results) -> Option<(Method, Vec<Method>)> {
    let losses = results.ranking_losses();
    let mean = |method: Method| results.mean(Way::Trained(method), FIRST);
    let best = losses.iter().copied().reduce(|best, next| if mean(next) > mean(best) { next } else { best })?;
    let is_beside = |other: &Method| {
        *other != best && !results.difference(FIRST, Way::Trained(best), Way::Trained(*other)).is_significant()
    };
    Some((best, losses.into_iter().filter(is_beside).collect()))
}

fn headline(results: &Results) -> String {
    let Some((best, _)) = best(results) else {
        return format!("{}: no loss over lists was asked for.", results.set.title);
    };
    let ndcg = |method: Method| percent(results.mean(Way::Trained(method), FIRST));
    let first =
        format!("{}: of the losses over lists {} ranks best, NDCG@10 {}", results.set.title, best.title(), ndcg(best));
    if !results.has(Method::Regression) {
        return format!("{first}.");
    }
    let gain = results.difference(FIRST, Way::Trained(best), Way::Trained(Method::Regression));
    format!("{first}, against {} of pointwise regression: {}.", ndcg(Method::Regression), gain.text())
}

fn section(results: &Results, settings: &Settings) -> Section {
    Section {
        title: results.set.title.clone(),
        text: vec![results.set.about.clone()],
        tables: vec![scores(results), differences(results)],
        figures: figures::of(results, settings),
    }
}

fn scores(results: &Results) -> Table {
    let column = |metric, heading, format, better| Column { metric, heading, format, better };
    let measured = MEASURES.map(|(metric, heading)| column(metric, heading, Format::Percent, Some(Better::Higher)));
    let chosen =
        [column("lr", "Step size", Format::Number(4), None), column("epoch", "Epoch", Format::Number(0), None)];
    let rows: Vec<_> = results.rows.iter().collect();
    let mut table = table(
        "Results on the test part",
        "Mean ± standard deviation over the seeds; the best mean of a column is bold. Step size and epoch are chosen for \
         each seed on the validation part. Equal scores count by the mean over their orders.",
        "Ranked by",
        &rows,
        &[measured.as_slice(), &chosen].concat(),
    );
    for (row, (way, _)) in table.rows.iter_mut().zip(&results.tested) {
        row[0] = way.title().to_owned().into();
    }
    table
}

/// Every loss over lists minus pointwise regression.
fn differences(results: &Results) -> Table {
    let has_regression = results.has(Method::Regression);
    let row = |method: Method| -> Vec<Cell> {
        let cells = MEASURES.iter().map(|(metric, _)| {
            let difference = results.difference(metric, Way::Trained(method), Way::Trained(Method::Regression));
            let margin = difference.test.map_or(String::new(), |test| format!(" ± {:.1}", 100.0 * test.margin));
            let star = if difference.is_significant() { " *" } else { "" };
            Cell { text: format!("{}{margin}{star}", signed(difference.mean)), strong: difference.is_significant() }
        });
        std::iter::once(Cell::from(method.title().to_owned())).chain(cells).collect()
    };
    Table {
        title: "Losses over lists minus pointwise regression".to_owned(),
        caption:
            "Differences in percentage points with their 95 % confidence interval, paired by seed. Bold with a star: \
                  p < 0.05 in a paired t-test. Anything else is no significant difference."
                .to_owned(),
        columns: std::iter::once("Loss").chain(MEASURES.map(|(_, name)| name)).map(str::to_owned).collect(),
        rows: if has_regression { results.ranking_losses().into_iter().map(row).collect() } else { vec![] },
    }
}
