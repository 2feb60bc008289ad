//! Policies as a whole.

use super::*;
use std::collections::HashSet;

const VIEW: View = View { seed: 1, epoch: 1, number: 0 };

fn images(channels: usize) -> Images {
    let shape = Shape { channels, height: 12, width: 12 };
    let pixels = (0..5 * shape.bytes()).map(|at| (at * 7919 % 256) as u8).collect();
    Images::new(shape, pixels, vec![0; 5])
}

fn values(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

#[test]
fn a_view_depends_on_its_name_alone() {
    for (policy, images) in [(Policy::digits(), images(1)), (Policy::objects(), images(3))] {
        let scaling = images.scaling();
        let device = Device::flex();
        let batch = |rows: &[usize], view| values(policy.batch(&images, rows, view, &scaling, &device));
        let bytes = images.shape().bytes();
        let all = batch(&[0, 1, 2, 3, 4], VIEW);
        assert_eq!(batch(&[3], VIEW), all[3 * bytes..4 * bytes]);
        assert_eq!(batch(&[4, 0], VIEW), [&all[4 * bytes..], &all[..bytes]].concat());
        let names = [VIEW, View { seed: 2, ..VIEW }, View { epoch: 2, ..VIEW }, View { number: 1, ..VIEW }];
        let different: HashSet<Vec<u8>> = names.iter().map(|view| policy.view(&images, 2, *view).bytes()).collect();
        assert_eq!(different.len(), names.len());
    }
}

#[test]
fn views_stay_in_range_and_near_their_image() {
    for (policy, images) in [(Policy::digits(), images(1)), (Policy::objects(), images(3))] {
        for epoch in 1..100 {
            let seen = policy.view(&images, epoch % 5, View { epoch, ..VIEW });
            assert_eq!(seen.values.len(), images.shape().bytes());
            assert!(seen.values.iter().all(|value| (0.0..=1.0).contains(value)));
        }
    }
}

#[test]
fn no_steps_leave_images_as_they_are() {
    let images = images(3);
    let scaling = images.scaling();
    let device = Device::flex();
    let plain = values(images.batch(&[1, 4], &scaling, &device));
    let seen = values(Policy::default().batch(&images, &[1, 4], VIEW, &scaling, &device));
    assert!(plain.iter().zip(&seen).all(|(a, b)| (a - b).abs() < 1e-5));
    assert_eq!(Policy::default().view(&images, 2, VIEW).bytes(), images.pixels(2));
}

#[test]
fn presets_flip_things_but_not_digits() {
    let kinds = |policy: Policy| policy.steps.iter().map(Step::kind).collect::<Vec<Kind>>();
    assert_eq!(kinds(Policy::digits()), [Kind::Affine, Kind::Crop, Kind::Jitter, Kind::Blur, Kind::Noise]);
    assert_eq!(kinds(Policy::objects()), [Kind::Affine, Kind::Crop, Kind::Flip, Kind::Jitter, Kind::Blur, Kind::Noise]);
    assert_eq!(kinds(Policy::objects().without(&[Kind::Crop, Kind::Noise])).len(), 4);
    assert_eq!(kinds(Policy::objects().only(Kind::Flip).unwrap()), [Kind::Flip]);
    assert_eq!(Policy::digits().only(Kind::Flip), None);
}

#[test]
fn moves_are_composed_into_one() {
    // Turning the picture round by a flip, and back by another one, loses nothing to interpolation.
    let twice = Policy::new(vec![Step::Flip(Flip { share: 1.0 }), Step::Flip(Flip { share: 1.0 })]);
    let images = images(1);
    assert_eq!(twice.view(&images, 0, VIEW).bytes(), images.pixels(0));
}
