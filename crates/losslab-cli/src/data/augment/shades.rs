//! Shades: changes of values where they are. All keep them between 0 and 1.

use super::{Picture, between, happens};
use crate::random::Random;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, StandardNormal};

/// What grey is made of: the weights of red, green and blue in ITU-R BT.601.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// Random brightness, contrast, saturation and hue, in random order, as in torchvision's `ColorJitter`. Grey pictures
/// have no saturation and no hue to change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jitter {
    /// How often, from 0 to 1.
    pub share: f32,
    /// Values are multiplied by a number from 1 − this to 1 + this.
    pub brightness: f32,
    /// Distances from the mean of all grey values are.
    pub contrast: f32,
    /// Distances of a pixel's colours from its grey are.
    pub saturation: f32,
    /// Hues move by at most this share of the colour circle, in either direction.
    pub hue: f32,
    /// How often colours give way to grey, whether or not anything else is changed.
    pub grey: f32,
}

/// What a jitter changes.
#[derive(Clone, Copy, Debug)]
enum Shade {
    Brightness,
    Contrast,
    Saturation,
    Hue,
}

impl Jitter {
    /// Changes a picture.
    pub fn apply(&self, picture: &mut Picture, random: &mut Random) {
        if happens(self.share, random) {
            let mut order = [Shade::Brightness, Shade::Contrast, Shade::Saturation, Shade::Hue];
            order.shuffle(random);
            for shade in order {
                let factor = |most: f32, random: &mut Random| between([(1.0 - most).max(0.0), 1.0 + most], random);
                match shade {
                    Shade::Brightness => brighten(picture, factor(self.brightness, random)),
                    Shade::Contrast => contrast(picture, factor(self.contrast, random)),
                    Shade::Saturation => saturate(picture, factor(self.saturation, random)),
                    Shade::Hue => turn_hue(picture, between([-self.hue, self.hue], random)),
                }
            }
        }
        if happens(self.grey, random) {
            saturate(picture, 0.0);
        }
    }
}

fn clamp(value: &mut f32) {
    *value = value.clamp(0.0, 1.0);
}

fn brighten(picture: &mut Picture, factor: f32) {
    if factor != 1.0 {
        picture.values.iter_mut().for_each(|value| *value = (*value * factor).clamp(0.0, 1.0));
    }
}

fn contrast(picture: &mut Picture, factor: f32) {
    if factor != 1.0 {
        let mean = mean_grey(picture);
        picture.values.iter_mut().for_each(|value| *value = (mean + (*value - mean) * factor).clamp(0.0, 1.0));
    }
}

/// The mean of the grey values of a picture.
fn mean_grey(picture: &Picture) -> f32 {
    let plane = picture.shape.plane();
    let weights: &[f32] = if picture.shape.channels == 3 { &LUMA } else { &[1.0] };
    let sums = picture.values.chunks_exact(plane).map(|channel| channel.iter().sum::<f32>() / plane as f32);
    sums.zip(weights).map(|(sum, weight)| sum * weight).sum()
}

/// Calls `change` with red, green and blue of every pixel; pictures without colour stay as they are.
fn each_pixel(picture: &mut Picture, change: impl Fn([f32; 3]) -> [f32; 3]) {
    if picture.shape.channels != 3 {
        return;
    }
    let plane = picture.shape.plane();
    let (red, rest) = picture.values.split_at_mut(plane);
    let (green, blue) = rest.split_at_mut(plane);
    for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
        [*red, *green, *blue] = change([*red, *green, *blue]);
    }
}

fn saturate(picture: &mut Picture, factor: f32) {
    if factor != 1.0 {
        each_pixel(picture, |colour| {
            let grey: f32 = colour.iter().zip(LUMA).map(|(value, weight)| value * weight).sum();
            colour.map(|value| (grey + (value - grey) * factor).clamp(0.0, 1.0))
        });
    }
}

/// Moves hues by a share of the colour circle. The largest and the smallest of a pixel's colours stay what they are.
fn turn_hue(picture: &mut Picture, turn: f32) {
    if turn != 0.0 {
        each_pixel(picture, |[red, green, blue]| {
            let (high, low) = (red.max(green).max(blue), red.min(green).min(blue));
            let range = high - low;
            if range <= 0.0 {
                return [red, green, blue];
            }
            // In sixths of the circle: red at 0, green at 2, blue at 4.
            let hue = if high == red {
                (green - blue) / range
            } else if high == green {
                (blue - red) / range + 2.0
            } else {
                (red - green) / range + 4.0
            };
            let hue = (hue + 6.0 * turn).rem_euclid(6.0);
            // How much of a colour there is, by its distance on the circle.
            let part = |place: f32| {
                let distance = (hue - place).rem_euclid(6.0);
                let distance = distance.min(6.0 - distance);
                low + range * (2.0 - distance).clamp(0.0, 1.0)
            };
            [part(0.0), part(2.0), part(4.0)]
        });
    }
}

/// Gaussian blur.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blur {
    /// How often, from 0 to 1.
    pub share: f32,
    /// Standard deviation in pixels: smallest and largest, evenly between.
    pub sigma: [f32; 2],
}

impl Blur {
    /// Changes a picture.
    pub fn apply(&self, picture: &mut Picture, random: &mut Random) {
        if happens(self.share, random) {
            blur(picture, between(self.sigma, random));
        }
    }
}

/// Along the rows, then along the columns; beyond the picture its border goes on.
fn blur(picture: &mut Picture, sigma: f32) {
    if sigma <= 0.0 {
        return;
    }
    let reach = (3.0 * sigma).ceil() as isize;
    let weights: Vec<f32> = (-reach..=reach).map(|at| (-0.5 * (at as f32 / sigma).powi(2)).exp()).collect();
    let total: f32 = weights.iter().sum();
    let weights: Vec<f32> = weights.into_iter().map(|weight| weight / total).collect();
    let (height, width) = (picture.shape.height, picture.shape.width);
    for plane in picture.values.chunks_exact_mut(height * width) {
        let along = |from: &[f32], count: usize, side: usize, [step, stride]: [usize; 2]| -> Vec<f32> {
            let mut to = vec![0.0; from.len()];
            for line in 0..count {
                for at in 0..side {
                    let value = |(weight, shift): (&f32, isize)| {
                        let place = (at as isize + shift).clamp(0, side as isize - 1) as usize;
                        weight * from[line * stride + place * step]
                    };
                    to[line * stride + at * step] = weights.iter().zip(-reach..).map(value).sum();
                }
            }
            to
        };
        let rows = along(plane, height, width, [1, width]);
        plane.copy_from_slice(&along(&rows, width, height, [width, 1]));
    }
    // A sum of weights may be a rounding error above 1.
    picture.values.iter_mut().for_each(clamp);
}

/// Independent Gaussian noise in every value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// How often, from 0 to 1.
    pub share: f32,
    /// Standard deviation where 1 is the step from black to full: smallest and largest, evenly between.
    pub sigma: [f32; 2],
}

impl Noise {
    /// Changes a picture.
    pub fn apply(&self, picture: &mut Picture, random: &mut Random) {
        if !happens(self.share, random) {
            return;
        }
        let sigma = between(self.sigma, random);
        if sigma > 0.0 {
            for value in &mut picture.values {
                let noise: f32 = StandardNormal.sample(random);
                *value += sigma * noise;
                clamp(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{data::images::Shape, random};

    const COLOUR: Shape = Shape { channels: 3, height: 6, width: 5 };
    const STILL: Jitter = Jitter { share: 1.0, brightness: 0.0, contrast: 0.0, saturation: 0.0, hue: 0.0, grey: 0.0 };

    fn picture(shape: Shape) -> Picture {
        Picture { shape, values: (0..shape.bytes()).map(|at| (at * 37 % 101) as f32 / 101.0).collect() }
    }

    fn pixel(colour: [f32; 3]) -> Picture {
        Picture { shape: Shape { channels: 3, height: 1, width: 1 }, values: colour.to_vec() }
    }

    fn mean(values: &[f32]) -> f32 {
        values.iter().sum::<f32>() / values.len() as f32
    }

    fn spread(values: &[f32]) -> f32 {
        let mean = mean(values);
        (values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt()
    }

    #[test]
    fn shades_without_strength_change_no_bit() {
        let random = &mut random::stream(1, "test");
        for shape in [COLOUR, Shape { channels: 1, ..COLOUR }] {
            let mut seen = picture(shape);
            for _ in 0..20 {
                STILL.apply(&mut seen, random);
                Blur { share: 1.0, sigma: [0.0, 0.0] }.apply(&mut seen, random);
                Noise { share: 1.0, sigma: [0.0, 0.0] }.apply(&mut seen, random);
                Jitter { share: 0.0, brightness: 1.0, contrast: 1.0, saturation: 1.0, hue: 0.5, grey: 0.0 }
                    .apply(&mut seen, random);
                Blur { share: 0.0, sigma: [1.0, 2.0] }.apply(&mut seen, random);
                Noise { share: 0.0, sigma: [1.0, 2.0] }.apply(&mut seen, random);
            }
            assert_eq!(seen, picture(shape));
        }
    }

    #[test]
    fn values_stay_in_their_range_however_strong() {
        let random = &mut random::stream(1, "test");
        let wild = Jitter { share: 1.0, brightness: 1.0, contrast: 1.0, saturation: 1.0, hue: 0.5, grey: 0.2 };
        for _ in 0..200 {
            let mut seen = picture(COLOUR);
            wild.apply(&mut seen, random);
            Blur { share: 1.0, sigma: [0.1, 3.0] }.apply(&mut seen, random);
            Noise { share: 1.0, sigma: [0.0, 2.0] }.apply(&mut seen, random);
            assert!(seen.values.iter().all(|value| (0.0..=1.0).contains(value)));
        }
    }

    #[test]
    fn brightness_moves_the_mean_and_contrast_the_spread_evenly_about_1() {
        let random = &mut random::stream(1, "test");
        // Values around the middle: none is cut off.
        let shape = Shape { channels: 1, ..COLOUR };
        let calm = || Picture { shape, values: picture(shape).values.iter().map(|x| 0.4 + 0.2 * x).collect() };
        let (before, wide) = (mean(&calm().values), spread(&calm().values));
        let factors = |jitter: Jitter, of: fn(&[f32]) -> f32, whole: f32, random: &mut Random| -> Vec<f32> {
            let one = |_| {
                let mut seen = calm();
                jitter.apply(&mut seen, random);
                of(&seen.values) / whole
            };
            (0..2000).map(one).collect()
        };
        let brightness = factors(Jitter { brightness: 0.5, ..STILL }, mean, before, random);
        let contrast = factors(Jitter { contrast: 0.5, ..STILL }, spread, wide, random);
        for factors in [brightness, contrast] {
            assert!(factors.iter().all(|factor| (0.499..=1.501).contains(factor)));
            assert!((mean(&factors) - 1.0).abs() < 0.03 && (spread(&factors) - 0.5 / 3.0_f32.sqrt()).abs() < 0.015);
        }
        let mut seen = calm();
        contrast_keeps_mean(&mut seen, before);
    }

    fn contrast_keeps_mean(picture: &mut Picture, before: f32) {
        contrast(picture, 1.5);
        assert!((mean(&picture.values) - before).abs() < 1e-5);
    }

    #[test]
    fn saturation_keeps_the_grey_and_none_of_it_is_grey() {
        let mut seen = pixel([0.5, 0.4, 0.3]);
        let grey = mean_grey(&seen);
        saturate(&mut seen, 1.5);
        assert!((mean_grey(&seen) - grey).abs() < 1e-6 && spread(&seen.values) > spread(&[0.5, 0.4, 0.3]) * 1.4);
        saturate(&mut seen, 0.0);
        assert!(seen.values.iter().all(|value| (value - grey).abs() < 1e-6));
        let random = &mut random::stream(1, "test");
        let greyed = (0..2000).filter(|_| {
            let mut seen = pixel([0.9, 0.4, 0.1]);
            Jitter { grey: 0.2, ..STILL }.apply(&mut seen, random);
            spread(&seen.values) < 1e-6
        });
        let greyed = greyed.count();
        assert!((340..460).contains(&greyed), "{greyed}");
    }

    #[test]
    fn hues_turn_on_the_colour_circle_by_hand() {
        let turned = |colour, turn| {
            let mut seen = pixel(colour);
            turn_hue(&mut seen, turn);
            seen.values
        };
        let close = |a: Vec<f32>, b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close(turned([1.0, 0.0, 0.0], 1.0 / 3.0), [0.0, 1.0, 0.0]));
        assert!(close(turned([0.2, 0.8, 0.2], 1.0 / 3.0), [0.2, 0.2, 0.8]));
        assert!(close(turned([1.0, 0.0, 0.0], 1.0 / 6.0), [1.0, 1.0, 0.0]));
        assert!(close(turned([1.0, 0.0, 0.0], -0.5), [0.0, 1.0, 1.0]));
        assert!(close(turned([0.7, 0.3, 0.5], 1.0), [0.7, 0.3, 0.5]));
        assert_eq!(turned([0.4; 3], 0.3), [0.4; 3]);
        let there = turned([0.7, 0.3, 0.5], 0.2);
        let back = turned([there[0], there[1], there[2]], -0.2);
        assert!(close(back, [0.7, 0.3, 0.5]));
    }

    #[test]
    fn a_blurred_point_spreads_by_sigma_and_keeps_its_sum() {
        let side = 21;
        let shape = Shape { channels: 1, height: side, width: side };
        for sigma in [0.5, 1.0, 2.0] {
            let mut point = Picture { shape, values: vec![0.0; side * side] };
            point.values[10 * side + 10] = 1.0;
            blur(&mut point, sigma);
            let moment = |of: fn(f32, f32) -> f32| -> f32 {
                (0..side * side)
                    .map(|at| point.values[at] * of((at / side) as f32 - 10.0, (at % side) as f32 - 10.0))
                    .sum()
            };
            assert!((moment(|_, _| 1.0) - 1.0).abs() < 1e-5);
            let [down, across] = [moment(|y, _| y * y), moment(|_, x| x * x)];
            // Sampled at whole pixels, a narrow Gaussian is a bit narrower still.
            assert!(
                (0.85..1.01).contains(&(down / (sigma * sigma))) && (down - across).abs() < 1e-5,
                "{sigma}: {down}"
            );
        }
        let mut even = Picture { shape, values: vec![0.3; side * side] };
        blur(&mut even, 1.3);
        assert!(even.values.iter().all(|value| (value - 0.3).abs() < 1e-6));
        let mut busy = picture(COLOUR);
        blur(&mut busy, 1.0);
        assert!(spread(&busy.values) < 0.6 * spread(&picture(COLOUR).values));
    }

    #[test]
    fn noise_has_no_bias_and_the_spread_asked_for() {
        let shape = Shape { channels: 1, height: 200, width: 100 };
        let mut seen = Picture { shape, values: vec![0.5; shape.bytes()] };
        Noise { share: 1.0, sigma: [0.1, 0.1] }.apply(&mut seen, &mut random::stream(1, "test"));
        assert!((mean(&seen.values) - 0.5).abs() < 0.003 && (spread(&seen.values) - 0.1).abs() < 0.003);
        // Neighbours have nothing to do with each other.
        let pairs = seen.values.windows(2).map(|pair| (pair[0] - 0.5) * (pair[1] - 0.5)).sum::<f32>();
        assert!((pairs / shape.bytes() as f32 / 0.01).abs() < 0.03);
    }
}
