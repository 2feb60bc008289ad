//! One training: a loss, a share of wrong labels, a number of views, a seed.

use super::{
    methods::{Loss, Recipe},
    settings::Settings,
};
use crate::{
    data::{
        augment::{Policy, View},
        images::Images,
        noise::with_noise,
    },
    lab::Job,
    models::projection::{Projected, Sizes},
    random::{self, Order},
};
use anyhow::Result;
use burn::{
    optim::AdamConfig,
    tensor::{Int, Tensor},
};

/// What is learned from.
pub struct Material<'a> {
    /// The images.
    pub images: &'a Images,
    /// How many classes there are.
    pub classes: usize,
    /// What makes views of them.
    pub policy: &'a Policy,
}

impl Material<'_> {
    /// The labels that a training is told: with the share of wrong ones.
    pub fn labels(&self, recipe: &Recipe, seed: u64) -> Vec<i64> {
        with_noise(self.images.labels(), recipe.noise, self.classes, seed)
    }
}

/// Passes over the images: each is seen in several views at once, so that every training looks at as many views.
pub fn epochs(settings: &Settings, recipe: &Recipe) -> usize {
    settings.passes.div_ceil(recipe.views)
}

/// Trains a network. Its encoder's first weights, the wrong labels, the order of the images and their views depend on
/// the seed alone, and are the same for all losses.
pub fn train(settings: &Settings, recipe: &Recipe, material: &Material, seed: u64, job: &Job) -> Result<Projected> {
    let device = job.device();
    let Material { images, classes, policy } = material;
    let (scaling, labels) = (images.scaling(), material.labels(recipe, seed));
    let loss = Loss::new(recipe.method, settings, &device)?;
    let sizes = Sizes { width: settings.width, representation: settings.representation };
    let start = || {
        let random = [&mut random::stream(seed, "weights"), &mut random::stream(seed, "head")];
        let head = recipe.method.head(settings, *classes);
        (Projected::new(sizes, head, images.shape(), random, &device), AdamConfig::new().init(), ())
    };
    let mut order = Order::new(images.len(), seed);
    let trained = job.train("network", epochs(settings, recipe), start, |fit, epoch| {
        for rows in order.of_epoch(epoch).chunks((settings.batch / recipe.views).max(2)) {
            let view = |number| policy.batch(images, rows, View { seed, epoch, number }, &scaling, &device);
            let views = Tensor::cat((0..recipe.views).map(view).collect(), 0);
            let of_rows = rows.iter().map(|row| labels[*row]);
            let told: Vec<i64> = std::iter::repeat_n(of_rows, recipe.views).flatten().collect();
            let told = Tensor::<1, Int>::from_data(told.as_slice(), &device.clone().inner());
            let outputs = fit.network().forward(views);
            fit.step(recipe.lr, loss.forward(outputs, told));
        }
        Ok(())
    })?;
    Ok(trained.network)
}
