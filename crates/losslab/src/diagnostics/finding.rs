//! A finding: what is wrong with a batch, in plain words, and what to do.

use std::fmt::{Display, Formatter, Result};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Training works, but could work better.
    Hint,
    /// Part of the batch teaches nothing, or the wrong thing.
    Warning,
    /// The loss can't do its work.
    Error,
}

impl Display for Severity {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Severity::Hint => "hint",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// What was found. The names are stable; more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// The batch is too small, or classes hardly repeat in it.
    TooFewTriplets,
    /// Hardly an anchor has a triplet that costs something.
    AllTripletsEasy,
    /// All embeddings are nearly the same.
    Collapsed,
    /// The embeddings use few of the dimensions that their classes need.
    LowRank,
    /// Embeddings aren't of length 1 where the loss supposes it.
    NotUnitLength,
    /// Embeddings without a direction.
    ZeroVectors,
    /// The softmax over similarities stays near uniform, whatever is learned.
    TemperatureTooHigh,
    /// A single negative takes nearly all the weight.
    TemperatureTooLow,
    /// The batch has few negatives for a query.
    TooFewNegatives,
    /// Matches are pushed apart as if they were negatives.
    FalseNegatives,
    /// Examples that are right already give most of the gradient.
    EasyExamplesDominate,
    /// Even examples that aren't right yet get next to no gradient.
    GammaTooHigh,
    /// Task losses are of different size.
    LossScalesDiffer,
    /// Task gradients are of different size.
    GradientScalesDiffer,
    /// A task doesn't reach the shared parameters.
    NoTaskGradient,
    /// Task gradients point against each other.
    ConflictingGradients,
}

impl FindingKind {
    /// The name in kebab case, for records and filters.
    pub fn name(self) -> &'static str {
        match self {
            FindingKind::TooFewTriplets => "too-few-triplets",
            FindingKind::AllTripletsEasy => "all-triplets-easy",
            FindingKind::Collapsed => "collapsed",
            FindingKind::LowRank => "low-rank",
            FindingKind::NotUnitLength => "not-unit-length",
            FindingKind::ZeroVectors => "zero-vectors",
            FindingKind::TemperatureTooHigh => "temperature-too-high",
            FindingKind::TemperatureTooLow => "temperature-too-low",
            FindingKind::TooFewNegatives => "too-few-negatives",
            FindingKind::FalseNegatives => "false-negatives",
            FindingKind::EasyExamplesDominate => "easy-examples-dominate",
            FindingKind::GammaTooHigh => "gamma-too-high",
            FindingKind::LossScalesDiffer => "loss-scales-differ",
            FindingKind::GradientScalesDiffer => "gradient-scales-differ",
            FindingKind::NoTaskGradient => "no-task-gradient",
            FindingKind::ConflictingGradients => "conflicting-gradients",
        }
    }
}

impl Display for FindingKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(self.name())
    }
}

/// Something that is wrong with a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// How much it matters.
    pub severity: Severity,
    /// What was seen, with its numbers.
    pub message: String,
    /// What to do about it.
    pub advice: &'static str,
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} [{}]: {}. {}", self.severity, self.kind, self.message, self.advice)
    }
}

/// The numbers of a batch, and what is wrong with it.
///
/// The constructors are in [the module](crate::diagnostics): `of_embeddings`, `of_contrastive`, `of_focal`,
/// `of_sigmoid_focal` and `of_tasks`.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostics<N> {
    /// The numbers, found by their names.
    pub numbers: N,
    /// What is wrong, the gravest first; empty for a healthy batch.
    pub findings: Vec<Finding>,
}

impl<N> Diagnostics<N> {
    pub(super) fn new(numbers: N, mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        Self { numbers, findings }
    }

    /// Whether nothing is wrong.
    pub fn is_healthy(&self) -> bool {
        self.findings.is_empty()
    }

    /// The finding of a kind, if there is one.
    pub fn finding(&self, kind: FindingKind) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.kind == kind)
    }
}

/// A line for each finding; nothing for a healthy batch.
impl<N> Display for Diagnostics<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

/// A number with three digits that count.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if !(0.001..1e6).contains(&size) => format!("{value:.2e}"),
        size => {
            let digits = (2 - size.log10().floor() as i32).max(0) as usize;
            let text = format!("{value:.digits$}");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
        }
    }
}

/// A share in percent.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", short(100.0 * share))
}

#[cfg(test)]
mod tests {
    use super::{percent, short};

    #[test]
    fn numbers_are_short() {
        let cases =
            [(0.0, "0"), (0.07, "0.07"), (12.3456, "12.3"), (-0.5, "-0.5"), (1234.5, "1234"), (1e-5, "1.00e-5")];
        cases.iter().for_each(|(value, text)| assert_eq!(short(*value), *text));
        assert_eq!((percent(1.0), percent(0.0123)), ("100 %".into(), "1.23 %".into()));
    }
}
