//! What the advice follows from: answers as they came, and facts that are complete and checked.

use crate::data::labels::LabelCounts;
use crate::wording::share as percent;
use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use serde::Serialize;

/// The branches of the decision tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Branch {
    /// Classes of which some are rare.
    Imbalanced,
    /// Which things are alike: retrieval, verification.
    Similarity,
    /// Probabilities that mean what they say.
    Calibration,
    /// Two modalities or views that belong together.
    MultiModal,
    /// Several objectives with one network.
    MultiTask,
    /// Classes of similar size.
    Classification,
    /// The order of the items of a list, such as the results of a search.
    Ranking,
}

/// What says which things are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Supervision {
    /// A class for each sample.
    Labels,
    /// Pairs that are alike or not.
    Pairs,
    /// Anchor, positive, negative.
    Triplets,
    /// Nothing: two views of each sample.
    Unlabelled,
}

/// A question, which is also a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    Task,
    Classes,
    RareShare,
    MultiLabel,
    Supervision,
    SamplesPerClass,
    SharedMatches,
    Tasks,
    Regressions,
    LossRatio,
    WholeOrder,
    LongestList,
    Batch,
}

impl Question {
    /// The flags that answer it.
    pub fn flag(self) -> &'static str {
        match self {
            Question::Task => "--task imbalanced|similarity|calibration|multi-modal|multi-task|classification|ranking",
            Question::Classes => "--classes N",
            Question::RareShare => "--rare-share SHARE",
            Question::MultiLabel => "--multi-label",
            Question::Supervision => "--labels|--pairs|--triplets|--unlabelled",
            Question::SamplesPerClass => "--samples-per-class N",
            Question::SharedMatches => "--shared-matches",
            Question::Tasks => "--tasks N",
            Question::Regressions => "--regressions N",
            Question::LossRatio => "--loss-ratio RATIO",
            Question::WholeOrder => "--whole-order",
            Question::LongestList => "--longest-list N",
            Question::Batch => "--batch N",
        }
    }
}

/// What flags, files and questions gave.
#[derive(Debug, Default)]
pub struct Answers {
    pub task: Option<Branch>,
    pub measured: Option<LabelCounts>,
    pub classes: Option<usize>,
    pub rare_share: Option<f64>,
    pub multi_label: Option<bool>,
    pub supervision: Option<Supervision>,
    pub samples_per_class: Option<usize>,
    pub shared_matches: Option<bool>,
    pub tasks: Option<usize>,
    pub regressions: Option<usize>,
    pub loss_ratio: Option<f64>,
    pub whole_order: Option<bool>,
    pub longest_list: Option<usize>,
    pub batch: Option<usize>,
}

impl Answers {
    /// What must be answered, and what has a default, for the task as far as it is known.
    pub fn questions(&self) -> (Vec<Question>, Vec<Question>) {
        use Question::*;
        let Some(task) = self.task else { return (vec![Task], vec![]) };
        let (mut needed, mut optional) = match task {
            self::Branch::Imbalanced => (vec![Classes, RareShare], vec![MultiLabel, Batch]),
            self::Branch::Similarity => (vec![Supervision], vec![Classes, SamplesPerClass, Batch]),
            self::Branch::Calibration => (vec![Classes], vec![RareShare]),
            self::Branch::MultiModal => (vec![], vec![SharedMatches, Batch]),
            self::Branch::MultiTask => (vec![Tasks], vec![Regressions, LossRatio]),
            self::Branch::Classification => (vec![Classes], vec![RareShare, Batch]),
            self::Branch::Ranking => (vec![], vec![WholeOrder, LongestList, Batch]),
        };
        if task == self::Branch::Similarity {
            match self.supervision {
                Some(self::Supervision::Labels) | None => {}
                Some(self::Supervision::Unlabelled) => optional = vec![SharedMatches, Batch],
                Some(_) => optional = vec![Batch],
            }
        }
        if self.measured.is_some() {
            for questions in [&mut needed, &mut optional] {
                questions.retain(|question| !matches!(question, Classes | RareShare | SamplesPerClass));
            }
        }
        (needed, optional)
    }

    /// Whether a question has an answer.
    pub fn has(&self, question: Question) -> bool {
        match question {
            Question::Task => self.task.is_some(),
            Question::Classes => self.classes.is_some(),
            Question::RareShare => self.rare_share.is_some(),
            Question::MultiLabel => self.multi_label.is_some(),
            Question::Supervision => self.supervision.is_some(),
            Question::SamplesPerClass => self.samples_per_class.is_some(),
            Question::SharedMatches => self.shared_matches.is_some(),
            Question::Tasks => self.tasks.is_some(),
            Question::Regressions => self.regressions.is_some(),
            Question::LossRatio => self.loss_ratio.is_some(),
            Question::WholeOrder => self.whole_order.is_some(),
            Question::LongestList => self.longest_list.is_some(),
            Question::Batch => self.batch.is_some(),
        }
    }

    /// The task that measured labels speak for, where none was named: they can only tell rare classes from others.
    pub fn infer_task(&mut self) {
        if let (None, Some(counts)) = (self.task, &self.measured) {
            let balance = counts.rare_share() * counts.classes.len() as f64;
            self.task = Some(if balance < MILD { Branch::Imbalanced } else { Branch::Classification });
        }
    }

    /// Refuses answers that have no meaning for the task.
    pub fn check_relevant(&self) -> Result<()> {
        const ALL: [Question; 12] = [
            Question::Classes,
            Question::RareShare,
            Question::MultiLabel,
            Question::Supervision,
            Question::SamplesPerClass,
            Question::SharedMatches,
            Question::Tasks,
            Question::Regressions,
            Question::LossRatio,
            Question::WholeOrder,
            Question::LongestList,
            Question::Batch,
        ];
        let Some(task) = self.task else { return Ok(()) };
        let name = task.to_possible_value().expect("no task is hidden").get_name().to_owned();
        let (needed, optional) = self.questions();
        let known = [needed, optional].concat();
        if self.measured.is_some() && matches!(task, Branch::MultiModal | Branch::MultiTask | Branch::Ranking) {
            bail!("advise: the labels of a file say nothing about the task {name}");
        }
        if let Some(other) = ALL.into_iter().find(|question| self.has(*question) && !known.contains(question)) {
            let flags = known.iter().map(|question| question.flag()).collect::<Vec<_>>().join(", ");
            bail!("advise: {} has no meaning here; for {name} there are: {flags}", other.flag());
        }
        Ok(())
    }
}

/// Classes at least this share of their fair share are not rare: 25 % of two classes, for instance.
pub const MILD: f64 = 0.5;

/// Facts about classes.
#[derive(Clone, Debug)]
pub struct Classes {
    pub classes: usize,
    /// The share of the rarest.
    pub rare_share: Option<f64>,
    /// Whether a sample may have several labels.
    pub multi_label: bool,
    pub batch: usize,
    pub measured: Option<LabelCounts>,
}

/// Facts about what is alike.
#[derive(Clone, Debug)]
pub struct Similarity {
    pub supervision: Supervision,
    pub classes: Option<usize>,
    pub samples_per_class: Option<usize>,
    /// Whether other samples of a batch may be alike too, without labels.
    pub shared_matches: bool,
    pub batch: usize,
    pub measured: Option<LabelCounts>,
}

/// Facts about two modalities.
#[derive(Clone, Debug)]
pub struct MultiModal {
    /// Whether several keys match a query, or several queries a key.
    pub shared_matches: bool,
    pub batch: usize,
}

/// Facts about several tasks.
#[derive(Clone, Debug)]
pub struct MultiTask {
    pub tasks: usize,
    pub regressions: usize,
    /// The largest task loss at the start over the smallest.
    pub loss_ratio: Option<f64>,
}

/// Facts about lists to be ranked.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// Whether the order of all items of a list is known, not only grades.
    pub whole_order: bool,
    /// The items of the longest list.
    pub longest_list: Option<usize>,
    /// Lists in a batch.
    pub batch: usize,
}

/// Complete facts.
#[derive(Clone, Debug)]
pub enum Situation {
    Imbalanced(Classes),
    Similarity(Similarity),
    Calibration(Classes),
    MultiModal(MultiModal),
    MultiTask(MultiTask),
    Classification(Classes),
    Ranking(Ranking),
}

impl Situation {
    /// From answers to all that is needed; what has a default gets it.
    pub fn new(answers: Answers) -> Result<Self> {
        let Some(task) = answers.task else { bail!("advise: there is no task") };
        Ok(match task {
            Branch::Imbalanced => Self::Imbalanced(Classes::new(answers)?),
            Branch::Calibration => Self::Calibration(Classes::new(answers)?),
            Branch::Classification => Self::Classification(Classes::new(answers)?),
            Branch::Similarity => Self::Similarity(Similarity::new(answers)?),
            Branch::MultiModal => {
                let batch = answers.batch.unwrap_or(256);
                ensure!(batch >= 2, "advise: --batch {batch}: a pair has no negative in a batch of one");
                Self::MultiModal(MultiModal { shared_matches: answers.shared_matches.unwrap_or(false), batch })
            }
            Branch::Ranking => {
                let (longest_list, batch) = (answers.longest_list, answers.batch.unwrap_or(32));
                ensure!(batch >= 1, "advise: --batch 0: it must be at least 1");
                ensure!(
                    longest_list.is_none_or(|longest| longest >= 2),
                    "advise: --longest-list {}: there is nothing to rank in lists of fewer than 2",
                    longest_list.unwrap_or_default()
                );
                Self::Ranking(Ranking { whole_order: answers.whole_order.unwrap_or(false), longest_list, batch })
            }
            Branch::MultiTask => {
                let (tasks, regressions) = (answers.tasks.unwrap_or(0), answers.regressions.unwrap_or(0));
                ensure!((2..=1000).contains(&tasks), "advise: --tasks {tasks}: it must be from 2 to 1000");
                ensure!(regressions <= tasks, "advise: --regressions {regressions}: there are only {tasks} tasks");
                if let Some(ratio) = answers.loss_ratio {
                    let is_ratio = ratio.is_finite() && ratio >= 1.0;
                    ensure!(is_ratio, "advise: --loss-ratio {ratio}: the largest over the smallest is at least 1");
                }
                Self::MultiTask(MultiTask { tasks, regressions, loss_ratio: answers.loss_ratio })
            }
        })
    }
}

impl Classes {
    fn new(answers: Answers) -> Result<Self> {
        let multi_label = answers.multi_label.unwrap_or(false);
        let measured = answers.measured;
        let classes = measured.as_ref().map_or(answers.classes.unwrap_or(0), |counts| counts.classes.len());
        let fewest = if multi_label { 1 } else { 2 };
        ensure!(classes >= fewest, "advise: --classes {classes}: it must be at least {fewest}");
        let rare_share = measured.as_ref().map(LabelCounts::rare_share).or(answers.rare_share);
        if let (Some(share), None) = (rare_share, &measured) {
            let most = if multi_label { 0.5 } else { 1.0 / classes as f64 };
            // 0.33 of three classes is meant to be a third, and so is 0.3334.
            let is_share = share > 0.0 && share <= most + 1e-3;
            let of = if multi_label { "a rare label".to_owned() } else { format!("the rarest of {classes} classes") };
            ensure!(is_share, "advise: --rare-share {share}: the share of {of} is above 0 and at most {most:.3}");
        }
        if let Some(counts) = &measured {
            let (rows, classes) = (counts.rows(), counts.classes.len());
            ensure!(
                2 * classes <= rows,
                "advise: {} has {classes} different values in {rows} rows: these aren't classes to be told apart \
                 (for similarity, name it: --task similarity)",
                counts.source
            );
        }
        let batch = answers.batch.unwrap_or(128);
        ensure!(batch >= 1, "advise: --batch 0: it must be at least 1");
        Ok(Self { classes, rare_share, multi_label, batch, measured })
    }

    /// The facts in words.
    pub fn facts(&self) -> Vec<String> {
        let Some(counts) = &self.measured else {
            let kind = if self.multi_label { "labels, of which a sample may have several" } else { "classes" };
            let rare = self.rare_share.map(|share| format!("; the rarest has {}", percent(share))).unwrap_or_default();
            return vec![format!("{} {kind}{rare}", self.classes)];
        };
        measured(counts)
    }
}

/// Counts in words.
pub fn measured(counts: &LabelCounts) -> Vec<String> {
    let of = |(label, rows): &(String, usize)| {
        format!("{label:?} with {rows} rows ({})", percent(*rows as f64 / counts.rows() as f64))
    };
    let all = format!("measured in {}: {} rows, {} classes", counts.source, counts.rows(), counts.classes.len());
    if counts.rarest().1 == counts.most_common().1 {
        return vec![all, format!("every class has {} rows", counts.rarest().1)];
    }
    vec![
        all,
        format!("rarest: {}; most common: {}", of(counts.rarest()), of(counts.most_common())),
        format!("median class: {} rows", counts.median()),
    ]
}

impl Similarity {
    fn new(answers: Answers) -> Result<Self> {
        let measured = answers.measured;
        let supervision = match (answers.supervision, &measured) {
            (None, None) => bail!("advise: what says which samples are alike?"),
            (Some(other), Some(_)) if other != Supervision::Labels => {
                bail!("advise: the labels of a file don't go with other supervision")
            }
            (known, _) => known.unwrap_or(Supervision::Labels),
        };
        let classes = measured.as_ref().map(|counts| counts.classes.len()).or(answers.classes);
        let samples_per_class = measured.as_ref().map(LabelCounts::median).or(answers.samples_per_class);
        ensure!(classes != Some(0) && classes != Some(1), "advise: --classes: negatives need 2 classes at least");
        ensure!(samples_per_class != Some(0), "advise: --samples-per-class 0: it must be at least 1");
        let batch = answers.batch.unwrap_or(128);
        let fewest = if supervision == Supervision::Labels { 4 } else { 2 };
        ensure!(batch >= fewest, "advise: --batch {batch}: it must be at least {fewest}");
        let shared_matches = answers.shared_matches.unwrap_or(false);
        Ok(Self { supervision, classes, samples_per_class, shared_matches, batch, measured })
    }
}
