//! Asking on a terminal: a plain question, numbered answers, the default by Enter.

use super::situation::{Answers, Branch, Question, Supervision};
use anyhow::{Result, bail};
use std::io::{BufRead, Write};
use std::str::FromStr;

/// Somebody to ask.
pub struct Dialogue<R, W> {
    /// Where answers come from, a line each.
    pub input: R,
    /// Where questions go.
    pub output: W,
}

/// Completes the answers: by asking where something is needed and there is somebody to ask. Where nothing is needed, nothing
/// is asked, and what is left open keeps its default.
///
/// # Errors
/// If an answer has no meaning, something is needed and nobody can be asked, or the input ends.
pub fn complete<R: BufRead, W: Write>(answers: &mut Answers, dialogue: Option<Dialogue<R, W>>) -> Result<()> {
    answers.infer_task();
    answers.check_relevant()?;
    let (Err(incomplete), dialogue) = (check_complete(answers), dialogue) else { return Ok(()) };
    let Some(mut dialogue) = dialogue else { return Err(incomplete) };
    let mut asked = Vec::new();
    loop {
        // One by one: an answer may change what is asked next.
        let (needed, optional) = answers.questions();
        let open = |question: &Question| !answers.has(*question) && !asked.contains(question);
        let Some(question) = needed.into_iter().chain(optional).find(open) else { break };
        dialogue.ask(question, answers)?;
        asked.push(question);
    }
    writeln!(dialogue.output)?;
    Ok(())
}

fn check_complete(answers: &Answers) -> Result<()> {
    let missing = answers.questions().0.into_iter().filter(|question| !answers.has(*question)).collect::<Vec<_>>();
    let Some(first) = missing.first() else { return Ok(()) };
    let flags = missing.iter().map(|question| question.flag()).collect::<Vec<_>>().join(" and ");
    let or_measured = match first {
        Question::Tasks => "",
        Question::Supervision => ", or --labels FILE-idx1-ubyte, or --data FILE.csv",
        _ => ", or labels to measure: --data FILE.csv, --labels FILE-idx1-ubyte",
    };
    bail!("advise: the input is not a terminal, so that nothing can be asked; it needs {flags}{or_measured}")
}

impl<R: BufRead, W: Write> Dialogue<R, W> {
    fn ask(&mut self, question: Question, answers: &mut Answers) -> Result<()> {
        match question {
            Question::Task => {
                let options = [
                    ("tell classes apart, some of them rare", Branch::Imbalanced),
                    ("find what is alike: retrieval, verification", Branch::Similarity),
                    ("get probabilities that mean what they say", Branch::Calibration),
                    ("match two modalities or views, such as images and texts", Branch::MultiModal),
                    ("several tasks with one network", Branch::MultiTask),
                    ("tell classes of similar size apart", Branch::Classification),
                    ("put the items of a list in order, such as results of a search", Branch::Ranking),
                ];
                answers.task = Some(self.choose("What is the network to do?", &options, None)?);
            }
            Question::Classes => {
                let is_needed = answers.task != Some(Branch::Similarity);
                let default = if is_needed { Default::Is("2") } else { Default::Unknown };
                answers.classes = self.number("How many classes are there?", default, |n: &usize| *n > 0)?;
            }
            Question::RareShare => {
                let text = "Which share of the samples is of the rarest class (0.01 is one in a hundred)?";
                let is_needed = answers.task == Some(Branch::Imbalanced);
                let default = if is_needed { Default::None } else { Default::Unknown };
                answers.rare_share = self.number(text, default, |share: &f64| *share > 0.0 && *share <= 0.5)?;
            }
            Question::MultiLabel => {
                let options = [("one", false), ("several, or none", true)];
                answers.multi_label = Some(self.choose("How many classes can a sample have?", &options, Some(0))?);
            }
            Question::Supervision => {
                let options = [
                    ("a class for each sample", Supervision::Labels),
                    ("pairs that are alike or not", Supervision::Pairs),
                    ("triplets: anchor, positive, negative", Supervision::Triplets),
                    ("nothing; two views of a sample can be made", Supervision::Unlabelled),
                ];
                answers.supervision = Some(self.choose("What says which samples are alike?", &options, Some(0))?);
            }
            Question::SamplesPerClass => {
                let text = "How many samples has a usual class?";
                answers.samples_per_class = self.number(text, Default::Unknown, |n: &usize| *n > 0)?;
            }
            Question::SharedMatches => {
                let (text, several) = match answers.task {
                    Some(Branch::Similarity) => (
                        "How many samples of a batch are alike?",
                        "several, such as frames of one video, or samples of few classes",
                    ),
                    _ => (
                        "How many matches has a sample in the other modality?",
                        "several, such as five captions of an image",
                    ),
                };
                let none = if answers.task == Some(Branch::Similarity) { "hardly any" } else { "one" };
                let options = [(none, false), (several, true)];
                answers.shared_matches = Some(self.choose(text, &options, Some(0))?);
            }
            Question::Tasks => {
                answers.tasks = self.number("How many tasks are there?", Default::Is("2"), |n: &usize| *n >= 2)?;
            }
            Question::Regressions => {
                let most = answers.tasks.unwrap_or(0);
                let text = "How many of them are regressions with a squared error?";
                answers.regressions = self.number(text, Default::Is("0"), |n: &usize| *n <= most)?;
            }
            Question::LossRatio => {
                let text = "At the start of training, how many times the smallest task loss is the largest?";
                answers.loss_ratio = self.number(text, Default::Unknown, |ratio: &f64| *ratio >= 1.0)?;
            }
            Question::WholeOrder => {
                let options = [("grades, clicks or yes and no", false), ("the order of all its items", true)];
                answers.whole_order = Some(self.choose("What is known of a list?", &options, Some(0))?);
            }
            Question::LongestList => {
                let text = "How many items has the longest list?";
                answers.longest_list = self.number(text, Default::Unknown, |n: &usize| *n >= 2)?;
            }
            Question::Batch if answers.task == Some(Branch::Ranking) => {
                let text = "How many lists fit in a batch?";
                answers.batch = self.number(text, Default::Is("32"), |n: &usize| *n >= 1)?;
            }
            Question::Batch => {
                let default = if answers.task == Some(Branch::MultiModal) { "256" } else { "128" };
                let text = "How many samples fit in a batch?";
                answers.batch = self.number(text, Default::Is(default), |n: &usize| *n >= 4)?;
            }
        }
        Ok(())
    }

    /// One of several, by its number.
    fn choose<T: Copy>(&mut self, question: &str, options: &[(&str, T)], default: Option<usize>) -> Result<T> {
        writeln!(self.output, "\n{question}")?;
        for (index, (text, _)) in options.iter().enumerate() {
            writeln!(self.output, "  {}  {text}", index + 1)?;
        }
        let default = default.map(|index| (index + 1).to_string());
        loop {
            let text = self.line(default.as_deref())?;
            match text.parse::<usize>() {
                Ok(number) if (1..=options.len()).contains(&number) => return Ok(options[number - 1].1),
                _ => writeln!(self.output, "  Please answer with a number from 1 to {}.", options.len())?,
            }
        }
    }

    /// A number; nothing where it may be unknown and is.
    fn number<T: FromStr>(&mut self, question: &str, default: Default, fits: impl Fn(&T) -> bool) -> Result<Option<T>> {
        writeln!(self.output, "\n{question}")?;
        let shown = match default {
            Default::None => None,
            Default::Unknown => Some("don't know"),
            Default::Is(value) => Some(value),
        };
        loop {
            let text = self.line(shown)?;
            if matches!(default, Default::Unknown) && shown == Some(text.as_str()) {
                return Ok(None);
            }
            match text.parse::<T>() {
                Ok(number) if fits(&number) => return Ok(Some(number)),
                _ => writeln!(self.output, "  That can't be; please answer with a fitting number.")?,
            }
        }
    }

    /// A line of input, or the default for an empty one.
    fn line(&mut self, default: Option<&str>) -> Result<String> {
        loop {
            match default {
                Some(default) => write!(self.output, "[{default}] > ")?,
                None => write!(self.output, "> ")?,
            }
            self.output.flush()?;
            let mut line = String::new();
            if self.input.read_line(&mut line)? == 0 {
                bail!("advise: the input ended before the questions did");
            }
            match (line.trim(), default) {
                ("", Some(default)) => return Ok(default.to_owned()),
                ("", None) => {}
                (text, _) => return Ok(text.to_owned()),
            }
        }
    }
}

/// What Enter means.
#[derive(Clone, Copy, Debug)]
enum Default {
    /// Nothing: there must be an answer.
    None,
    /// That one doesn't know.
    Unknown,
    /// A value.
    Is(&'static str),
}
