//! A figure of what augmentations do to images.

use crate::{
    data::{
        augment::{Kind, Policy, View},
        images::Images,
    },
    outcome::{Figure, Plot, Sheet},
};

/// Views with all steps together.
const TOGETHER: usize = 4;
/// The kinds in the order of the rows.
const KINDS: [Kind; 6] = [Kind::Crop, Kind::Affine, Kind::Flip, Kind::Jitter, Kind::Blur, Kind::Noise];

/// Some images, each step of a policy alone, and views as a training sees them.
pub fn figure(policy: &Policy, images: &Images, names: &[String], seed: u64) -> Figure {
    let shape = images.shape();
    let mut rows: Vec<(String, Vec<usize>)> = Vec::new();
    let mut pixels: Vec<u8> = Vec::new();
    let mut add = |name: String, policy: &Policy, number: usize| {
        let first = rows.len() * images.len();
        rows.push((name, (first..first + images.len()).collect()));
        for index in 0..images.len() {
            let seen = policy.view(images, index, View { seed, epoch: 1, number }).bytes();
            let plane = shape.plane();
            pixels
                .extend((0..plane).flat_map(|pixel| seen[pixel..].iter().step_by(plane).copied().collect::<Vec<_>>()));
        }
    };
    add("image".to_owned(), &Policy::default(), 0);
    for kind in KINDS {
        if let Some(alone) = policy.only(kind) {
            add(kind.name().to_owned(), &alone, 0);
        }
    }
    (0..TOGETHER).for_each(|number| add(format!("view {}", number + 1), policy, number));
    Figure {
        title: "What the augmentations do".to_owned(),
        caption: format!(
            "Training images, then one step alone in each row, as a view of seed {seed} has it, then views with all \
             steps together. A step that only happens in a share of the views leaves some images as they are."
        ),
        plot: Plot::Pictures {
            rows,
            columns: (0..images.len()).map(|index| names[images.label(index)].clone()).collect(),
            pictures: Sheet { width: shape.width, height: shape.height, channels: shape.channels, pixels },
        },
    }
}
