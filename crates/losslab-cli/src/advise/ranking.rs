//! The branch of the tree about ranked lists.

use super::hyperparameters::{Hyperparameter, choice};
use super::situation::{Branch, Ranking};
use super::snippets;
use super::{Advice, Batch, Named, metric};

/// Longer lists have more pairs than a step should go through.
const LONG: usize = 10_000;

/// Ranked lists: by the NDCG, by the whole order where it is known, by sorting where lists are very long.
pub fn ranking(facts: &Ranking) -> Advice {
    if facts.whole_order {
        whole_order(facts)
    } else if facts.longest_list.is_some_and(|longest| longest > LONG) {
        long_lists(facts)
    } else {
        grades(facts)
    }
}

fn grades(facts: &Ranking) -> Advice {
    Advice {
        loss: "lambda-loss",
        type_name: "LambdaLoss",
        why: vec![
            "What counts is the order within a list, and most of all at its top: LambdaRank weighs a pair by what its swap \
             changes in the NDCG, which is what such lists are judged by."
                .to_owned(),
            "Regression of the grades spends itself on telling good lists from bad ones, which changes no order.".to_owned(),
        ],
        hyperparameters: vec![
            choice("weighting", "w", "lambda-rank", "then ndcg-loss2-plus-plus, which also pulls at pairs far down"),
            choice("sigma", "σ", "1", "steeper: pairs in the right order stop to matter sooner"),
            choice("gain", "", "exponential", "linear where a grade counts as it is"),
        ],
        rust: snippets::with(snippets::LAMBDA_LOSS, &[]),
        ..common(facts)
    }
}

fn long_lists(facts: &Ranking) -> Advice {
    Advice {
        loss: "rank-net",
        type_name: "RankNetLoss",
        why: vec![
            "All pairs of a list this long are too many for a step. The hinge over all of them is exact by sorting, in \
             O(n log n)."
                .to_owned(),
            "If only the first ranks matter, rank the best few hundred again with LambdaRank.".to_owned(),
        ],
        hyperparameters: vec![
            choice("form", "", "hinge", "the logistic form and LambdaLoss go through all pairs"),
            choice("margin", "m", "1", "how far ahead the better item must be; the scale of the scores follows it"),
        ],
        rust: snippets::with(snippets::RANK_NET_HINGE, &[]),
        ..common(facts)
    }
}

fn whole_order(facts: &Ranking) -> Advice {
    let ties: Hyperparameter =
        choice("ties", "", "by-score", "by-order where the rows of equal relevance come in an order that is meant");
    Advice {
        loss: "list-mle",
        type_name: "ListMleLoss",
        why: vec![
            "The order of all items is known: ListMLE is its likelihood, if places are given one after the other."
                .to_owned(),
        ],
        hyperparameters: vec![ties],
        rust: snippets::with(snippets::LIST_MLE, &[]),
        ..common(facts)
    }
}

/// What holds for all of them.
fn common(facts: &Ranking) -> Advice {
    let known =
        if facts.whole_order { "lists of which the whole order is known" } else { "lists of items with grades" };
    let longest = facts.longest_list.map(|longest| format!("; the longest has {longest} items")).unwrap_or_default();
    Advice {
        task: Branch::Ranking,
        facts: vec![format!("{known}{longest}")],
        loss: "",
        type_name: "",
        why: vec![],
        hyperparameters: vec![],
        batch: Batch {
            size: Some(facts.batch),
            text: vec![
                format!("{} whole lists, of any length: a pair is never cut (`QueryLists`).", facts.batch),
                "A list without a relevant item teaches nothing; it may stay in.".to_owned(),
            ],
            ..Batch::default()
        },
        baseline: vec![
            "Pointwise regression of the grade with the same network, and the order of the best single feature."
                .to_owned(),
            "Boosted trees (LightGBM's lambdarank): on tables of features they are hard to beat; \
             compare/ranking.py puts them beside."
                .to_owned(),
        ],
        metrics: vec![
            metric("ndcg", "k = 10, or as many as users see: graded relevance, the top counts most"),
            metric("map", "where relevance is yes or no"),
            Named {
                name: None,
                why: "grades from clicks have the position in them: judge by lists shown in random order, or by people"
                    .to_owned(),
            },
        ],
        watch: vec![],
        rust: String::new(),
    }
}
