//! Beyond the exercises: focal loss with a curriculum.
//!
//! 1. γ starts at 0 and rises: `losslab::GammaSchedule` by a plan, `losslab::AdaptiveGamma` by the share of easy
//!    examples; [`methods`] has all of them, with fixed γ as the baselines.
//! 2. The same network on the same batches from the same first weights, once for each of them and each step size:
//!    [`train`].
//! 3. After every epoch, the AUPRC on the validation part chooses the step size, and the level that counts as reached:
//!    [`study`].
//! 4. Epochs until the test part reaches that level, and the AUPRC at the end: [`Tested`].

mod checks;
mod figures;
mod lessons;
mod methods;
mod results;
mod settings;
mod story;

use super::{
    Exercise, Experiment, Plan, Request,
    focal::{data::DataSet, measures::Scores},
};
use crate::{
    data::{Split, csv, imbalanced},
    lab::{Job, Lab},
    models::mlp::Mlp,
    outcome::Outcome,
    random::{self, Order},
};
use anyhow::{Context, Result, ensure};
use burn::optim::AdamConfig;
use losslab::{AdaptiveGamma, FocalAlpha, SigmoidFocalLossConfig};
use methods::{Gamma, Method};
use results::{Results, median};
use serde::{Deserialize, Serialize};
use settings::{KNOBS, Settings};

/// Focal loss with a curriculum.
pub const EXPERIMENT: Experiment = Experiment {
    name: "curriculum-focal",
    summary: "bonus: focal loss whose γ rises during training, by a plan or by the share of easy examples",
    knobs: &KNOBS,
    takes: Some("a CSV file with a header and a 0/1 column for the label"),
    defaults: || serde_json::json!(Settings::quick()),
    prepare: |request| Ok(Box::new(Curriculum::prepare(request)?)),
};

/// One training: AUPRC before the first and after every epoch, and γ.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Curve {
    valid: Vec<f64>,
    test: Vec<f64>,
    /// Mean over the steps of each epoch.
    gamma: Vec<f64>,
    /// Where γ follows the examples.
    adaptive: Option<AdaptiveGamma>,
}

impl Curve {
    /// What a step size is chosen by: the mean AUPRC on the validation part over the epochs, which a training gets by
    /// being fast and by ending well.
    fn merit(&self) -> f64 {
        mean_after_training(&self.valid)
    }

    /// The highest AUPRC on the validation part.
    fn best(&self) -> f64 {
        self.valid.iter().copied().fold(0.0, f64::max)
    }
}

/// The mean over the epochs; what was measured before the first doesn't count.
fn mean_after_training(values: &[f64]) -> f64 {
    values[1..].iter().sum::<f64>() / (values.len() - 1) as f64
}

/// A method with its step size chosen.
#[derive(Deserialize, Serialize)]
struct Tested {
    name: String,
    lr: f64,
    curve: Curve,
    /// Epochs until the test part reached the target; none if it didn't.
    reached: Option<f64>,
}

/// Everything that one seed tells about one data set.
#[derive(Deserialize, Serialize)]
struct Study {
    rare_share: f64,
    rare_in_test: usize,
    /// The AUPRC that counts as reached.
    target: f64,
    /// One for each method.
    tested: Vec<Tested>,
}

/// The experiment, ready to run.
struct Curriculum {
    settings: Settings,
    seeds: Vec<u64>,
    sets: Vec<DataSet>,
}

impl Curriculum {
    fn prepare(request: &Request) -> Result<Self> {
        let settings = request.settings(Settings::quick(), Settings::full(), &KNOBS)?;
        ensure!(
            settings.first != settings.last,
            "--set first={}, last={}: a curriculum needs two values of γ",
            settings.first,
            settings.last
        );
        let seeds = request.seeds(6, 10);
        let data = settings.data();
        let sets = match &request.data {
            Some(file) => {
                let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
                vec![DataSet::table(csv::read(file, &settings.label)?, &name)]
            }
            None => {
                let digits = request.sources.digits()?;
                imbalanced::check_digit(&digits, settings.digit, settings.images, &seeds)?;
                // The slowest first, as it can't keep one core busy at the end then.
                vec![
                    DataSet::digits(digits, &data),
                    DataSet::two_gaussians(0.1, &data),
                    DataSet::two_gaussians(0.01, &data),
                ]
            }
        };
        Ok(Self { settings, seeds, sets })
    }
}

impl Exercise for Curriculum {
    fn plan(&self) -> Plan {
        let each = Method::all(&self.settings).len() * self.settings.lr.len();
        let trainings = self.sets.len() * self.seeds.len() * each;
        let hashes: Vec<u64> = self.sets.iter().map(DataSet::hash).collect();
        Plan {
            settings: serde_json::json!(self.settings),
            seeds: self.seeds.clone(),
            data: self.sets.iter().map(|set| format!("{}: {}", set.key, set.about)).collect(),
            data_hash: random::hash(format!("{hashes:?}").as_bytes()),
            trainings,
            epochs: trainings * self.settings.epochs,
        }
    }

    fn run(&self, lab: &Lab) -> Result<Outcome> {
        let Self { settings, seeds, sets } = self;
        let jobs: Vec<(&DataSet, u64)> =
            sets.iter().flat_map(|set| seeds.iter().map(move |seed| (set, *seed))).collect();
        let name = |(set, seed): &(&DataSet, u64)| format!("{}, seed {seed}", set.key);
        let studies = lab.map(&jobs, name, |(set, seed), job| study(&set.split(*seed), settings, *seed, job))?;
        let results: Vec<Results> = sets
            .iter()
            .zip(studies.chunks(seeds.len()))
            .map(|(set, studies)| Results::new(set, studies, settings))
            .collect();
        let (checks, story) = story::tell(settings, &results);
        Ok(Outcome {
            experiment: EXPERIMENT.name.to_owned(),
            config: serde_json::json!(settings),
            seeds: seeds.clone(),
            rows: results.into_iter().flat_map(|results| results.rows).collect(),
            checks,
            story,
        })
    }
}

/// One seed on one data set: every method with the step size that is best on the validation part; the level to be
/// reached, from the validation part as well; and when the test part reached it.
fn study(split: &Split, settings: &Settings, seed: u64, job: &Job) -> Result<Study> {
    let chosen = |method: &Method| -> Result<(f64, Curve)> {
        let mut best: Option<(f64, Curve)> = None;
        for lr in &settings.lr {
            let curve = train(split, settings, *method, *lr, seed, job)?;
            if best.as_ref().is_none_or(|(_, known)| curve.merit() > known.merit()) {
                best = Some((*lr, curve));
            }
        }
        best.context("a list is never empty")
    };
    let methods = Method::all(settings);
    let curves = methods.iter().map(chosen).collect::<Result<Vec<(f64, Curve)>>>()?;
    let target = settings.target * median(&curves.iter().map(|(_, curve)| curve.best()).collect::<Vec<f64>>());
    let tested = methods.iter().zip(curves).map(|(method, (lr, curve))| Tested {
        name: method.name(settings),
        lr,
        reached: first_reached(&curve.test, target),
        curve,
    });
    Ok(Study {
        rare_share: split.train.rare_share(),
        rare_in_test: split.test.rare(),
        target,
        tested: tested.collect(),
    })
}

/// Trains with one course of γ and looks at the validation and the test part before the first and after every epoch.
///
/// The seed decides the first weights and the order of the rows and nothing else does, so all methods of a seed start
/// from the same network and see the same batches.
fn train(split: &Split, settings: &Settings, method: Method, lr: f64, seed: u64, job: &Job) -> Result<Curve> {
    let device = job.device();
    let mut order = Order::new(split.train.rows(), seed);
    let per_epoch = split.train.rows().div_ceil(settings.batch);
    let gamma = method.gamma(settings);
    // Without α: γ is then all that differs.
    let mut loss = SigmoidFocalLossConfig::new().with_alpha(FocalAlpha::None).init();
    let look = |network: &Mlp| -> Result<[f64; 2]> {
        let auprc = |part: &crate::data::Table| Scores::new(&network.logits(part), &part.labels).average_precision();
        Ok([auprc(&split.valid)?, auprc(&split.test)?])
    };
    let trained = job.train(
        &format!("{}, lr = {lr}", method.name(settings)),
        settings.epochs,
        || {
            let random = &mut random::stream(seed, "weights");
            let network = Mlp::new(split.train.columns, settings.hidden, random, &device);
            let adaptive = if let Gamma::Adaptive(start) = gamma { Some(start) } else { None };
            (network, AdamConfig::new().init(), Curve { adaptive, ..Curve::default() })
        },
        |fit, epoch| {
            let note = |curve: &mut Curve, [valid, test]: [f64; 2]| {
                curve.valid.push(valid);
                curve.test.push(test);
            };
            if epoch == 1 {
                let before = look(fit.network())?;
                note(&mut fit.notes, before);
            }
            let mut sum = 0.0;
            for (at, rows) in order.of_epoch(epoch).chunks(settings.batch).enumerate() {
                let (inputs, targets) = split.train.batch(rows, &device);
                let logits = fit.network().forward(inputs);
                match (&gamma, &mut fit.notes.adaptive) {
                    (Gamma::Adaptive(_), Some(adaptive)) => {
                        adaptive.adapt_sigmoid(&mut loss, logits.clone(), targets.clone())?;
                    }
                    (Gamma::Planned(schedule), _) => {
                        loss.set_gamma(schedule.at((epoch - 1) * per_epoch + at, settings.epochs * per_epoch))?;
                    }
                    (Gamma::Adaptive(_), None) => unreachable!("an adaptive training starts with its state"),
                }
                sum += loss.gamma();
                fit.step(lr, loss.forward(logits, targets));
            }
            fit.notes.gamma.push(sum / per_epoch as f64);
            let after = look(fit.network())?;
            note(&mut fit.notes, after);
            Ok(())
        },
    )?;
    Ok(trained.notes)
}

/// When a curve first reaches a level, between two epochs by a straight line; none if it never does.
fn first_reached(curve: &[f64], level: f64) -> Option<f64> {
    let at = curve.iter().position(|value| *value >= level)?;
    Some(match at {
        0 => 0.0,
        at => (at - 1) as f64 + (level - curve[at - 1]) / (curve[at] - curve[at - 1]),
    })
}

impl Tested {
    /// All numbers of this method, by the names they have in `outcome.json`.
    fn metrics(&self, epochs: usize) -> Vec<(&'static str, f64)> {
        let last = |values: &[f64]| values[values.len() - 1];
        vec![
            // Of a training that didn't get there, only the epochs that it had are known.
            ("epochs_to_target", self.reached.unwrap_or(epochs as f64)),
            ("reached", f64::from(u8::from(self.reached.is_some()))),
            ("auprc", last(&self.curve.test)),
            ("mean_auprc", mean_after_training(&self.curve.test)),
            ("first_epoch_auprc", self.curve.test[1]),
            ("last_gamma", last(&self.curve.gamma)),
            ("lr", self.lr),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_reached_between_two_epochs_or_never() {
        let curve = [0.25, 0.5, 0.75, 0.5, 1.0];
        let reached = |level| first_reached(&curve, level);
        assert_eq!([reached(0.1), reached(0.25), reached(0.5)], [Some(0.0), Some(0.0), Some(1.0)]);
        assert_eq!([reached(0.625), reached(0.875), reached(1.0)], [Some(1.5), Some(3.75), Some(4.0)]);
        assert_eq!(reached(1.01), None);
    }

    #[test]
    fn a_training_that_did_not_get_there_counts_with_all_of_its_epochs() {
        let curve =
            Curve { valid: vec![0.0, 0.5, 1.0], test: vec![0.0, 0.25, 0.5], gamma: vec![0.0, 2.0], adaptive: None };
        assert_eq!((curve.merit(), curve.best()), (0.75, 1.0));
        let tested = Tested { name: String::new(), lr: 0.1, reached: first_reached(&curve.test, 0.6), curve };
        let metrics = tested.metrics(2);
        assert_eq!(&metrics[..3], [("epochs_to_target", 2.0), ("reached", 0.0), ("auprc", 0.5)]);
        assert_eq!(metrics[5], ("last_gamma", 2.0));
    }
}
