//! Every branch of the tree, and what all advice must obey.

use super::questions::{Dialogue, complete};
use super::*;
use crate::data::labels::LabelCounts;
use crate::{losses, metrics};

/// The advice for answers that need no question.
fn advice(answers: Answers) -> Advice {
    let mut answers = answers;
    complete(&mut answers, None::<Dialogue<&[u8], Vec<u8>>>).unwrap();
    advise(&Situation::new(answers).unwrap())
}

fn of(task: Branch) -> Answers {
    Answers { task: Some(task), ..Answers::default() }
}

fn classes(task: Branch, classes: usize, rare_share: f64) -> Answers {
    Answers { classes: Some(classes), rare_share: Some(rare_share), ..of(task) }
}

fn supervised(supervision: Supervision) -> Answers {
    Answers { supervision: Some(supervision), ..of(Branch::Similarity) }
}

fn counted(rows: &[usize]) -> LabelCounts {
    let classes = rows.iter().enumerate().map(|(class, rows)| (class.to_string(), *rows)).collect();
    LabelCounts { source: "t.csv".to_owned(), classes }
}

/// Answers that lead to every leaf of the tree, with the loss that is there.
fn leaves() -> Vec<(Answers, &'static str)> {
    let measured = |rows: &[usize]| Answers { measured: Some(counted(rows)), ..Answers::default() };
    vec![
        (classes(Branch::Imbalanced, 2, 0.01), "focal-sigmoid"),
        (Answers { multi_label: Some(true), ..classes(Branch::Imbalanced, 20, 0.01) }, "focal-sigmoid"),
        (classes(Branch::Imbalanced, 5, 0.02), "focal"),
        (classes(Branch::Imbalanced, 2, 0.4), "cross-entropy"),
        (measured(&[980, 20]), "focal-sigmoid"),
        (measured(&[500, 480, 20]), "focal"),
        (measured(&[500; 40]), "cross-entropy"),
        (measured(&[[500; 30].as_slice(), &[20]].concat()), "focal"),
        (measured(&[500, 450]), "cross-entropy"),
        (classes(Branch::Classification, 10, 0.1), "cross-entropy"),
        (classes(Branch::Classification, 10, 0.001), "cross-entropy"),
        (classes(Branch::Calibration, 10, 0.1), "label-smoothing"),
        (classes(Branch::Calibration, 2, 0.01), "label-smoothing"),
        (supervised(Supervision::Labels), "triplet"),
        (Answers { measured: Some(counted(&[7, 8, 9])), ..supervised(Supervision::Labels) }, "triplet"),
        (Answers { samples_per_class: Some(1), ..supervised(Supervision::Labels) }, "info-nce"),
        (Answers { classes: Some(5000), ..supervised(Supervision::Labels) }, "arc-face"),
        (Answers { classes: Some(10), ..supervised(Supervision::Labels) }, "multi-similarity"),
        (supervised(Supervision::Pairs), "contrastive"),
        (supervised(Supervision::Triplets), "triplet-aligned"),
        (supervised(Supervision::Unlabelled), "dcl"),
        (Answers { batch: Some(256), ..supervised(Supervision::Unlabelled) }, "info-nce"),
        (Answers { shared_matches: Some(true), ..supervised(Supervision::Unlabelled) }, "vicreg"),
        (of(Branch::MultiModal), "info-nce"),
        (Answers { batch: Some(8192), ..of(Branch::MultiModal) }, "siglip"),
        (Answers { shared_matches: Some(true), batch: Some(8192), ..of(Branch::MultiModal) }, "info-nce"),
        (Answers { shared_matches: Some(true), batch: Some(16), ..of(Branch::MultiModal) }, "info-nce"),
        (Answers { tasks: Some(2), loss_ratio: Some(1.5), ..of(Branch::MultiTask) }, "weighted-sum"),
        (Answers { tasks: Some(3), regressions: Some(2), ..of(Branch::MultiTask) }, "uncertainty"),
        (of(Branch::Ranking), "lambda-loss"),
        (Answers { longest_list: Some(500), batch: Some(8), ..of(Branch::Ranking) }, "lambda-loss"),
        (Answers { longest_list: Some(50_000), ..of(Branch::Ranking) }, "rank-net"),
        (Answers { whole_order: Some(true), ..of(Branch::Ranking) }, "list-mle"),
    ]
}

#[test]
fn the_tree_leads_to_the_loss() {
    for (answers, loss) in leaves() {
        let shown = format!("{answers:?}");
        assert_eq!(advice(answers).loss, loss, "{shown}");
    }
}

#[test]
fn advice_names_what_there_is() {
    for (answers, _) in leaves() {
        let advice = advice(answers);
        let loss = losses::find(advice.loss).unwrap();
        for metric in advice.metrics.iter().filter_map(|metric| metric.name) {
            metrics::find(metric).unwrap();
        }
        assert!(advice.rust.contains(&format!("{}Config", advice.type_name)), "{}", loss.name);
        let parts = [&advice.facts, &advice.why, &advice.baseline, &advice.batch.text];
        assert!(parts.iter().all(|part| !part.is_empty()), "{}", loss.name);
        assert!(!advice.metrics.is_empty() && !advice.hyperparameters.is_empty(), "{}", loss.name);
        for known in advice.hyperparameters.iter().filter(|known| known.range.is_some()) {
            let [low, high] = known.range.unwrap();
            let start = known.start.parse::<f64>().unwrap();
            assert!((low..=high).contains(&start), "{} {}", loss.name, known.name);
            assert!(
                loss.hyperparameters.iter().any(|of_loss| of_loss.name == known.name),
                "{} {}",
                loss.name,
                known.name
            );
        }
    }
}

/// A snippet without the values of its constants, which are checked to be literals of their types.
fn without_values(code: &str) -> String {
    let line = |line: &str| {
        let Some(rest) = line.strip_prefix("const ") else { return line.to_owned() };
        let (head, tail) = rest.split_once(" = ").unwrap();
        let (value, comment) = tail.split_once(';').unwrap();
        let (_, kind) = head.split_once(": ").unwrap();
        let is_float = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite) && text.contains(['.', 'e']);
        let fits = match kind {
            "f64" => is_float(value),
            "usize" => value.parse::<usize>().is_ok(),
            "bool" => value.parse::<bool>().is_ok(),
            "Option<&[f32]>" => {
                value == "None" || {
                    let items = value.strip_prefix("Some(&[").and_then(|rest| rest.strip_suffix("])")).unwrap();
                    items.split(", ").all(is_float)
                }
            }
            other => panic!("a constant of type {other}"),
        };
        assert!(fits, "{line}");
        format!("const {head} = _;{comment}")
    };
    code.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_printed_snippet_is_a_compiled_file_but_for_values_of_its_constants() {
    let mut printed = Vec::new();
    for (answers, loss) in leaves() {
        let code = without_values(&advice(answers).rust);
        let file = snippets::FILES.iter().find(|(_, source)| without_values(source) == code);
        printed.push(file.unwrap_or_else(|| panic!("{loss}: no file has this snippet:\n{code}")).0);
    }
    // And the leaves print all of them; tests/snippets.rs compiles and runs every file of the folder.
    for (file, _) in snippets::FILES {
        assert!(printed.contains(file), "{file} is never printed");
    }
}

#[test]
fn measured_labels_decide_by_their_balance() {
    let focal = advice(Answers { measured: Some(counted(&[900, 100, 100])), ..Answers::default() });
    assert_eq!(focal.task, Branch::Imbalanced);
    assert!(focal.facts[0].contains("1100 rows, 3 classes"), "{:?}", focal.facts);
    assert!(focal.rust.contains("Some(&[0.43, 1.29, 1.29])"), "{}", focal.rust);
    let even = advice(Answers { measured: Some(counted(&[900, 800])), ..Answers::default() });
    assert_eq!(even.task, Branch::Classification);
}

#[test]
fn no_class_gets_the_weight_0() {
    let found = advice(Answers { measured: Some(counted(&[100_000_000, 10, 10])), ..Answers::default() });
    assert!(found.rust.contains("Some(&[0.00047, 1.50, 1.50])"), "{}", found.rust);
}

#[test]
fn smoothing_never_gives_a_class_more_than_it_has() {
    for (count, share) in [(2, 0.01), (2, 0.049), (10, 0.001), (1000, 1e-5), (2, 1e-7)] {
        let found = advice(classes(Branch::Calibration, count, share));
        let start = found.hyperparameters[0].start.parse::<f64>().unwrap();
        assert!(start > 0.0 && start / count as f64 <= share, "{start} for {share}");
        assert!(found.rust.contains(&format!("SMOOTHING: f64 = {start:?};")));
    }
}

#[test]
fn batches_follow_the_classes_there_are() {
    let of = |classes, samples_per_class, batch| {
        let answers = Answers { classes, samples_per_class, batch, ..supervised(Supervision::Labels) };
        let Batch { classes, samples_per_class, .. } = advice(answers).batch;
        (classes.unwrap(), samples_per_class.unwrap())
    };
    assert_eq!(of(None, None, None), (32, 4));
    assert_eq!(of(Some(10), None, Some(64)), (10, 6));
    assert_eq!(of(Some(500), Some(3), Some(96)), (32, 3));
}

/// Asks with the given lines as answers; what was asked comes back too.
fn asked(answers: Answers, lines: &str) -> (anyhow::Result<Advice>, String) {
    let (mut answers, mut shown) = (answers, Vec::new());
    let done = complete(&mut answers, Some(Dialogue { input: lines.as_bytes(), output: &mut shown }));
    let advice = done.and_then(|()| Ok(advise(&Situation::new(answers)?)));
    (advice, String::from_utf8(shown).unwrap())
}

#[test]
fn questions_lead_to_the_same_advice_as_flags() {
    let (found, shown) = asked(Answers::default(), "1\n2\n0.01\n\n64\n");
    let by_flags = advice(Answers { batch: Some(64), ..classes(Branch::Imbalanced, 2, 0.01) });
    assert_eq!(page::text(&found.unwrap()), page::text(&by_flags));
    for text in ["What is the network to do?", "  1  tell classes apart, some of them rare", "[2] > ", "[1] > "] {
        assert!(shown.contains(text), "{text} in\n{shown}");
    }
    let (found, _) = asked(Answers::default(), "2\n1\n10\n\n\n");
    assert_eq!(found.unwrap().batch.classes, Some(10));
    let (found, shown) = asked(of(Branch::MultiTask), "\n1\n\n");
    assert_eq!(found.unwrap().loss, "uncertainty");
    assert!(shown.contains("[don't know] > "), "{shown}");
}

#[test]
fn only_what_is_open_is_asked() {
    let (found, shown) = asked(Answers { regressions: Some(0), ..of(Branch::MultiTask) }, "3\n2\n");
    assert_eq!((found.unwrap().loss, shown.matches('?').count()), ("weighted-sum", 2));
    // Nothing at all where nothing is needed.
    let (found, shown) = asked(Answers { tasks: Some(3), ..of(Branch::MultiTask) }, "");
    assert_eq!((found.unwrap().loss, shown.as_str()), ("uncertainty", ""));
    let (found, shown) = asked(Answers { batch: Some(64), ..supervised(Supervision::Pairs) }, "");
    assert_eq!((found.unwrap().loss, shown.as_str()), ("contrastive", ""));
}

#[test]
fn wrong_answers_are_asked_again_and_the_end_of_input_is_an_error() {
    let (found, shown) = asked(of(Branch::Imbalanced), "two\n2\n0.9\n0.1\n3\n1\n\n");
    assert_eq!(found.unwrap().loss, "focal-sigmoid");
    assert_eq!(shown.matches("please answer with a fitting number").count(), 2);
    assert!(shown.contains("Please answer with a number from 1 to 2."), "{shown}");
    let (found, _) = asked(Answers::default(), "1\n");
    assert_eq!(found.unwrap_err().to_string(), "advise: the input ended before the questions did");
}

#[test]
fn small_batches_and_one_threshold_are_told_of() {
    let labels = Answers { batch: Some(16), ..supervised(Supervision::Labels) };
    let advice_of_labels = advice(labels);
    assert!(advice_of_labels.why.iter().any(|why| why.contains("`QuadrupletLoss`")));
    assert!(advice_of_labels.batch.text.iter().any(|text| text.contains("`MemoryBank`")));
    let large = Answers { batch: Some(128), ..supervised(Supervision::Labels) };
    assert!(!advice(large).batch.text.iter().any(|text| text.contains("`MemoryBank`")));
    let pairs = advice(Answers { batch: Some(16), ..of(Branch::MultiModal) });
    assert!(pairs.batch.text.iter().any(|text| text.contains("`GradientCache`")));
    assert!(pairs.batch.text.iter().any(|text| text.contains("`MemoryBank`")));
}
