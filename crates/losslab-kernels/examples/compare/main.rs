//! Runs a kernel on given data whenever it is told to: one side of `compare/losses.py`.
//!
//! ```text
//! compare FOLDER KERNEL NAME=VALUE…
//! ```
//!
//! `FOLDER` holds little-endian `x.f32`, and `y.f32` or `labels.i64` where the kernel has such inputs. The process says
//! `ready`, and then obeys the lines of its input: `run` runs the kernel once and prints seconds, value, and other numbers
//! that count; `save` writes `losslab.f32`, the gradient, or `losslab.u32`, the neighbours.

use losslab_kernels::options::{Distance, FocalAlpha, SemiHardFallback, Similarity, SmoothingConvention, SupConForm};
use losslab_kernels::{
    CrossEntropy, Gallery, InfoNce, InfoNceGradients, Labelled, Metric, Neighbours, SelfContrastive, SigmoidFocal,
    SigmoidFocalGradients, Sums, Triplet, TripletChoice, cross_entropy, info_nce, self_contrastive, sigmoid_focal,
    triplet,
};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

mod product;
use product::Products;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(kernel)) = (arguments.next(), arguments.next()) else {
        return Err("usage: compare FOLDER KERNEL NAME=VALUE…".into());
    };
    let options = arguments.map(|argument| match argument.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.parse()?)),
        None => Err(format!("no = in {argument}").into()),
    });
    let options = options.collect::<Result<HashMap<String, f64>, Failure>>()?;
    let folder = PathBuf::from(folder);
    let mut case = Case::new(&folder, kernel, options)?;
    println!("ready");
    for line in std::io::stdin().lines() {
        match line?.as_str() {
            "run" => case.run()?,
            "save" => {
                case.save()?;
                println!("saved");
            }
            other => return Err(format!("neither run nor save: {other}").into()),
        }
    }
    Ok(())
}

/// A kernel with its data.
struct Case {
    folder: PathBuf,
    kernel: String,
    options: HashMap<String, f64>,
    x: Vec<f32>,
    y: Vec<f32>,
    labels: Vec<i64>,
    gradient: Vec<f32>,
    gradient_of_y: Vec<f32>,
    neighbours: Vec<u32>,
    products: Option<Products<f32>>,
    wide_products: Option<Products<f64>>,
}

impl Case {
    fn new(folder: &Path, kernel: String, options: HashMap<String, f64>) -> Result<Self, Failure> {
        let x = floats(&folder.join("x.f32"))?;
        let y = floats(&folder.join("y.f32"))?;
        let labels =
            read(&folder.join("labels.i64"))?.as_chunks().0.iter().map(|&label| i64::from_le_bytes(label)).collect();
        let (folder, neighbours) = (folder.to_owned(), vec![]);
        Ok(Self {
            folder,
            kernel,
            options,
            x,
            y,
            labels,
            gradient: vec![],
            gradient_of_y: vec![],
            neighbours,
            products: None,
            wide_products: None,
        })
    }

    fn option(&self, name: &str) -> Result<f64, Failure> {
        self.options.get(name).copied().ok_or_else(|| format!("{} needs {name}=VALUE", self.kernel).into())
    }

    fn run(&mut self) -> Result<(), Failure> {
        // Places for gradients are made beforehand, and touched: a training step reuses those of the step before.
        self.gradient.resize(self.x.len(), 0.0);
        if self.kernel == "info-nce" {
            self.gradient_of_y.resize(self.y.len(), 0.0);
        }
        match self.kernel.as_str() {
            "product" => self.product(),
            "info-nce" | "self-contrastive" => self.contrastive(),
            "triplet-all" | "triplet-hard" | "triplet-semi-hard" => self.triplet(),
            "sigmoid-focal" | "cross-entropy" => self.by_element(),
            "nearest" => self.nearest(),
            other => Err(format!("no kernel {other}").into()),
        }
    }

    fn product(&mut self) -> Result<(), Failure> {
        let [side, width] = ["side", "width"].map(|name| self.option(name).map(|x| x as usize));
        let (side, width) = (side?, width?);
        let seconds = match self.option("bits")? {
            64.0 => self.wide_products.get_or_insert_with(|| Products::new(side, width)).seconds(false),
            _ => self.products.get_or_insert_with(|| Products::new(side, width)).seconds(true),
        };
        say(seconds, 0.0);
        Ok(())
    }

    fn contrastive(&mut self) -> Result<(), Failure> {
        let (width, temperature) = (self.option("width")? as usize, self.option("temperature")?);
        let (start, value);
        if self.kernel == "info-nce" {
            let loss = InfoNce { temperature, ..InfoNce::default() };
            let gradients = InfoNceGradients {
                queries: Some(&mut self.gradient),
                keys: Some(&mut self.gradient_of_y),
                log_scale: false,
            };
            start = Instant::now();
            value = info_nce(&loss, &self.x, &self.y, width, gradients).value;
        } else {
            let form = SupConForm::Outside;
            let loss = SelfContrastive { temperature, labels: &self.labels, form, ..SelfContrastive::default() };
            start = Instant::now();
            value = self_contrastive(&loss, &self.x, width, Some(&mut self.gradient), false).value;
        }
        say(start.elapsed().as_secs_f64(), value);
        Ok(())
    }

    fn triplet(&mut self) -> Result<(), Failure> {
        let (width, margin) = (self.option("width")? as usize, self.option("margin")?);
        let choice = match self.kernel.as_str() {
            "triplet-all" => TripletChoice::All,
            "triplet-hard" => TripletChoice::Hard { swap: false },
            _ => TripletChoice::SemiHard { swap: false, fallback: SemiHardFallback::Farthest },
        };
        let normalize = self.options.get("normalize").is_some_and(|&normalize| normalize != 0.0);
        let metric = Metric { distance: Distance::Euclidean, normalize };
        let batch = Labelled { rows: &self.x, labels: &self.labels, width };
        let start = Instant::now();
        let sums = triplet(Triplet { margin, soft: false, metric, choice }, batch, Some(&mut self.gradient));
        let seconds = start.elapsed().as_secs_f64();
        self.scale(seconds, sums, sums.active as f64);
        Ok(())
    }

    fn by_element(&mut self) -> Result<(), Failure> {
        let (start, sums);
        if self.kernel == "sigmoid-focal" {
            let loss = SigmoidFocal { gamma: 2.0, alpha: FocalAlpha::Balanced(0.25) };
            let gradients = SigmoidFocalGradients { logits: Some(&mut self.gradient), targets: None };
            start = Instant::now();
            sums = sigmoid_focal(loss, &self.x, &self.y, gradients);
        } else {
            let (classes, smoothing) = (self.option("classes")? as usize, self.option("smoothing")?);
            let convention = SmoothingConvention::Uniform;
            let loss = CrossEntropy { smoothing, convention, weights: None, ignore_index: None };
            start = Instant::now();
            sums = cross_entropy(loss, &self.x, classes, &self.labels, Some(&mut self.gradient));
        }
        self.scale(start.elapsed().as_secs_f64(), sums, sums.weight);
        Ok(())
    }

    /// Says the mean, and makes the gradient that of the mean; a caller does this together with its own factor.
    fn scale(&mut self, seconds: f64, sums: Sums, count: f64) {
        let scale = 1.0 / f64::max(count, 1.0);
        self.gradient.iter_mut().for_each(|g| *g = (f64::from(*g) * scale) as f32);
        say(seconds, sums.total * scale);
    }

    fn nearest(&mut self) -> Result<(), Failure> {
        let (width, k) = (self.option("width")? as usize, self.option("k")? as usize);
        let start = Instant::now();
        let Neighbours { indices, .. } = Gallery::new(Similarity::Dot, &self.x, width).nearest(&self.x, k, None);
        say(start.elapsed().as_secs_f64(), 0.0);
        self.neighbours = indices;
        Ok(())
    }

    fn save(&self) -> Result<(), Failure> {
        if !self.neighbours.is_empty() {
            let bytes = self.neighbours.iter().flat_map(|index| index.to_le_bytes()).collect::<Vec<u8>>();
            return Ok(std::fs::write(self.folder.join("losslab.u32"), bytes)?);
        }
        let bytes = self.gradient.iter().flat_map(|g| g.to_le_bytes()).collect::<Vec<u8>>();
        Ok(std::fs::write(self.folder.join("losslab.f32"), bytes)?)
    }
}

fn say(seconds: f64, value: f64) {
    println!("{{\"seconds\": {seconds}, \"value\": {value}}}");
}

/// What a file holds, or nothing where there is none.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    if path.exists() { Ok(std::fs::read(path)?) } else { Ok(vec![]) }
}

fn floats(path: &Path) -> Result<Vec<f32>, Failure> {
    Ok(read(path)?.as_chunks().0.iter().map(|&x| f32::from_le_bytes(x)).collect())
}
