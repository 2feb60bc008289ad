//! `losslab bench`: kernels against plain tensor operations.

use crate::bench::{Measured, Plan, Sizes, Timing, measure};
use crate::losses::{self, LOSSES, Loss};
use crate::terminal;
use anyhow::{Result, ensure};
use clap::Args;
use comfy_table::{CellAlignment, presets};
use serde_json::{Value, json};
use std::fmt::Write;
use std::ops::RangeInclusive;

/// The flags of `losslab bench`.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// The losses; without any, all that have a kernel.
    #[arg(value_name = "LOSS")]
    losses: Vec<String>,
    /// Rows of a batch.
    #[arg(long, default_value_t = 1024)]
    rows: usize,
    /// Values of an embedding.
    #[arg(long, default_value_t = 128)]
    dim: usize,
    /// Logits of a sample.
    #[arg(long, default_value_t = 1000)]
    classes: usize,
    /// Samples of each label, for losses of labelled embeddings.
    #[arg(long, default_value_t = 8)]
    samples_per_class: usize,
    /// How often each path is timed.
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    /// Sets a hyperparameter of the losses.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Leaves plain operations out where a step would take more seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, allow_negative_numbers = true)]
    plain_limit: f64,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// The most values of a tensor: 1 GiB of f32.
const VALUES: usize = 1 << 28;

impl BenchArgs {
    /// Measures the losses one after the other, and prints each as soon as it is known.
    pub fn run(self) -> Result<()> {
        let (losses, json) = (self.chosen()?, self.json);
        let plan = self.plan()?;
        let mut all = Vec::new();
        for loss in &losses {
            let measured = measure(loss, &plan)?;
            if !json {
                terminal::show(&table(&measured)?)?;
                continue;
            }
            if let Some(note) = note(&measured) {
                eprintln!("{}: {note}", measured.loss);
            }
            all.extend(measured.timings.iter().map(|timing| fields(&measured, timing)));
        }
        match json {
            true => terminal::show(&(serde_json::to_string_pretty(&all)? + "\n")),
            false => terminal::show(EXPLANATION),
        }
    }

    fn chosen(&self) -> Result<Vec<Loss>> {
        let with_kernel = || LOSSES.iter().copied().filter(Loss::has_kernel);
        if self.losses.is_empty() {
            return Ok(with_kernel().collect());
        }
        let chosen = self.losses.iter().map(|name| {
            let loss = losses::find(name)?;
            let names = || with_kernel().map(|loss| loss.name).collect::<Vec<_>>().join(", ");
            ensure!(loss.has_kernel(), "{name} has no kernel, the losses with one are: {}", names());
            Ok(loss)
        });
        chosen.collect()
    }

    fn plan(self) -> Result<Plan> {
        within("--rows", self.rows, 1..=1 << 24)?;
        within("--dim", self.dim, 1..=1 << 16)?;
        within("--classes", self.classes, 2..=1 << 20)?;
        within("--samples-per-class", self.samples_per_class, 1..=1 << 24)?;
        within("--repeat", self.repeat, 1..=1000)?;
        let (rows, widest) = (self.rows, self.dim.max(self.classes));
        ensure!(
            rows * widest <= VALUES,
            "--rows {rows} with rows of {widest} values (--dim, --classes): a tensor has at most {VALUES} values"
        );
        ensure!(self.plain_limit >= 0.0, "--plain-limit must be at least 0, but is {}", self.plain_limit);
        let Self { dim, classes, samples_per_class, repeat, set, plain_limit, .. } = self;
        Ok(Plan { sizes: Sizes { rows, dim, classes, samples_per_class }, set, repeat, plain_limit })
    }
}

fn within(flag: &str, value: usize, range: RangeInclusive<usize>) -> Result<()> {
    let (low, high) = (range.start(), range.end());
    ensure!(range.contains(&value), "{flag} must be in [{low}, {high}], but is {value}");
    Ok(())
}

fn fields(measured: &Measured, timing: &Timing) -> Value {
    json!({
        "loss": measured.loss,
        "rows": measured.rows,
        "dim": measured.dim,
        "path": timing.path,
        "seconds": timing.best(),
        "peak_extra_bytes": timing.peak_extra_bytes,
        "gflops": gflops(measured, timing.best()),
    })
}

/// The operations of the kernel's matrix products in a second, the same ones for every path.
fn gflops(measured: &Measured, seconds: f64) -> Option<f64> {
    measured.products.map(|(work, _)| (work.single + work.double) / seconds * 1e-9)
}

fn note(measured: &Measured) -> Option<String> {
    measured.left_out.map(|seconds| {
        format!("plain operations are left out, a step of them would take about {seconds:.0} s (--plain-limit)")
    })
}

fn table(measured: &Measured) -> Result<String> {
    let mut table = comfy_table::Table::new();
    let columns = ["path", "best, ms", "median, ms", "times plain", "peak extra, MiB", "GFLOP/s", "of products"];
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(columns);
    let plain = measured.timings.iter().find(|timing| timing.path == losses::Path::Plain).map(Timing::best);
    let or_nothing = |text: Option<String>| text.unwrap_or_default();
    for timing in &measured.timings {
        let share = measured.products.map(|(_, least)| 100.0 * least / timing.best());
        table.add_row([
            timing.path.name().to_owned(),
            format!("{:.3}", timing.best() * 1e3),
            format!("{:.3}", timing.median() * 1e3),
            or_nothing(plain.map(|plain| format!("{:.1}", plain / timing.best()))),
            format!("{:.1}", timing.peak_extra_bytes as f64 / f64::from(1 << 20)),
            or_nothing(gflops(measured, timing.best()).map(|rate| format!("{rate:.1}"))),
            or_nothing(share.map(|share| format!("{share:.0} %"))),
        ]);
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    let mut text = format!("{}, {} x {}\n{table}\n", measured.loss, measured.rows, measured.dim);
    if let Some(note) = note(measured) {
        writeln!(text, "{note}")?;
    }
    Ok(text + "\n")
}

const EXPLANATION: &str = "\
Forward and backward on this processor. kernel: on slices; fused: forward through Burn; plain: tensor operations.
times plain: how many times faster. peak extra: beyond the inputs, with the gradient. GFLOP/s: of the matrix products
that the kernel needs. of products: the time of these products alone, as Burn runs them, in the time of the loss.
";
