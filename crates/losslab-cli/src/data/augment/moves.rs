//! Moves: where each pixel of a view comes from.

use super::{Picture, between, happens};
use crate::{data::images::Shape, random::Random};

/// An affine map from places in a view to places in its image. The middle of a picture is (0, 0), and its sides are at
/// −1 and 1 in both directions, whatever its size.
///
/// `x = m[0]·u + m[1]·v + m[2]`, `y = m[3]·u + m[4]·v + m[5]`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Map(pub [f32; 6]);

impl Map {
    /// Every pixel from its own place.
    pub const IDENTITY: Map = Map([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);

    /// What a view of a view comes from: `next` is looked up first, then this map.
    pub fn after(&self, next: &Map) -> Map {
        let ([a, b, c, d, e, f], [p, q, r, s, t, u]) = (self.0, next.0);
        Map([a * p + b * s, a * q + b * t, a * r + b * u + c, d * p + e * s, d * q + e * t, d * r + e * u + f])
    }

    /// The view, with values between pixels interpolated linearly. Beyond the image its border goes on.
    pub fn apply(&self, picture: Picture) -> Picture {
        if *self == Map::IDENTITY {
            return picture;
        }
        let Shape { height, width, .. } = picture.shape;
        let plane = picture.shape.plane();
        let mut values = vec![0.0; picture.values.len()];
        let [a, b, c, d, e, f] = self.0;
        let to_unit = |pixel: usize, side: usize| (2.0 * pixel as f32 + 1.0) / side as f32 - 1.0;
        for row in 0..height {
            let v = to_unit(row, height);
            for column in 0..width {
                let u = to_unit(column, width);
                let [left, right, across] = between_pixels(a * u + b * v + c, width);
                let [above, below, down] = between_pixels(d * u + e * v + f, height);
                let (across, down) = (across as f32 / STEPS, down as f32 / STEPS);
                for (from, to) in picture.values.chunks_exact(plane).zip(values.chunks_exact_mut(plane)) {
                    let line = |row: usize| {
                        let (first, second) = (from[row * width + left], from[row * width + right]);
                        first + (second - first) * across
                    };
                    let (first, second) = (line(above), line(below));
                    to[row * width + column] = first + (second - first) * down;
                }
            }
        }
        Picture { values, ..picture }
    }
}

/// Parts of a pixel that a place is rounded to: rounding errors of a map then don't blur what it only moves.
const STEPS: f32 = 1024.0;

/// The pixels on both sides of a place from −1 to 1, and how far it is from the first to the second in [`STEPS`].
fn between_pixels(place: f32, side: usize) -> [usize; 3] {
    let last = (side - 1) as f32;
    let steps = (((place + 1.0) * side as f32 / 2.0 - 0.5).clamp(0.0, last) * STEPS).round() as usize;
    let first = steps / STEPS as usize;
    [first, (first + 1).min(side - 1), steps % STEPS as usize]
}

/// A random part of the image, brought back to its size (Szegedy et al. 2015, as in torchvision's `RandomResizedCrop`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResizedCrop {
    /// The part's share of the area: smallest and largest, evenly between.
    pub area: [f32; 2],
    /// Its width over its height, in units of the image's: smallest and largest, evenly in the logarithm.
    pub ratio: [f32; 2],
}

/// Parts that are tried before one is cut that fits for certain.
const TRIES: usize = 10;

impl ResizedCrop {
    /// The map of a part that lies inside the image.
    pub fn draw(&self, shape: Shape, random: &mut Random) -> Map {
        debug_assert!(shape.plane() > 0);
        let sides = (0..TRIES).find_map(|_| {
            let area = between(self.area, random);
            let ratio = between(self.ratio.map(f32::ln), random).exp();
            let sides = [(area * ratio).sqrt(), (area / ratio).sqrt()];
            (sides[0] <= 1.0 && sides[1] <= 1.0).then_some(sides)
        });
        // A square of the smallest area always fits.
        let [width, height] = sides.unwrap_or([self.area[0].min(1.0).sqrt(); 2]);
        let middle = |side: f32, random: &mut Random| between([side - 1.0, 1.0 - side], random);
        let (x, y) = (middle(width, random), middle(height, random));
        Map([width, 0.0, x, 0.0, height, y])
    }
}

/// Left and right exchanged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flip {
    /// How often, from 0 to 1.
    pub share: f32,
}

impl Flip {
    /// The map, which does nothing in the other cases.
    pub fn draw(&self, random: &mut Random) -> Map {
        if happens(self.share, random) { Map([-1.0, 0.0, 0.0, 0.0, 1.0, 0.0]) } else { Map::IDENTITY }
    }
}

/// A random turn, shift, slant and scale about the middle, each evenly in its range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Turned by at most so many degrees to either side.
    pub turn: f32,
    /// Moved by at most this share of the side, in both directions.
    pub shift: f32,
    /// Slanted to the left or right by at most so many degrees.
    pub slant: f32,
    /// How large what is shown becomes: smallest and largest.
    pub scale: [f32; 2],
}

impl Affine {
    /// The map.
    pub fn draw(&self, shape: Shape, random: &mut Random) -> Map {
        let either = |most: f32, random: &mut Random| between([-most, most], random);
        let turn = either(self.turn, random).to_radians();
        // A side is 2 long here.
        let shift = [2.0 * either(self.shift, random), 2.0 * either(self.shift, random)];
        let slant = either(self.slant, random).to_radians();
        Map::affine(turn, shift, slant, between(self.scale, random), shape)
    }
}

impl Map {
    /// Turns clockwise by `turn` radians, slants the top to the right by `slant` radians, enlarges by `scale`, then
    /// shifts to the right and downwards.
    fn affine(turn: f32, [right, down]: [f32; 2], slant: f32, scale: f32, shape: Shape) -> Map {
        if (turn, right, down, slant, scale) == (0.0, 0.0, 0.0, 0.0, 1.0) {
            return Map::IDENTITY;
        }
        // Angles mean something in pixels, not in units of sides that may differ.
        let (wide, high) = (shape.width as f32, shape.height as f32);
        let (sin, cos) = turn.sin_cos();
        // From the view back to the image, in pixels: turned back, then slanted back.
        let back = [cos, sin, -sin, cos].map(|part| part / scale);
        let tan = slant.tan();
        let [a, b, c, d] = [back[0] + tan * back[2], back[1] + tan * back[3], back[2], back[3]];
        let (b, c) = (b * high / wide, c * wide / high);
        Map([a, b, -(a * right + b * down), c, d, -(c * right + d * down)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    const WIDE: Shape = Shape { channels: 1, height: 4, width: 6 };

    fn ramp(shape: Shape) -> Picture {
        let values = (0..shape.bytes()).map(|at| at as f32 / shape.bytes() as f32).collect();
        Picture { shape, values }
    }

    /// Mean of some numbers, and their largest distance from 0.
    fn mean_and_most(values: &[f32]) -> (f32, f32) {
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        (mean, values.iter().fold(0.0, |most, value| most.max(value.abs())))
    }

    #[test]
    fn moves_without_strength_change_no_bit() {
        let random = &mut random::stream(1, "test");
        let maps = [
            ResizedCrop { area: [1.0, 1.0], ratio: [1.0, 1.0] }.draw(WIDE, random),
            Flip { share: 0.0 }.draw(random),
            Affine { turn: 0.0, shift: 0.0, slant: 0.0, scale: [1.0, 1.0] }.draw(WIDE, random),
        ];
        for map in maps {
            assert_eq!(map.apply(ramp(WIDE)), ramp(WIDE), "{map:?}");
        }
    }

    #[test]
    fn flips_happen_as_often_as_asked_and_undo_each_other() {
        let random = &mut random::stream(1, "test");
        let flips = (0..4000).filter(|_| Flip { share: 0.3 }.draw(random) != Map::IDENTITY).count();
        assert!((1100..1300).contains(&flips), "{flips}");
        let flip = Flip { share: 1.0 }.draw(random);
        let once = flip.apply(ramp(WIDE));
        assert_eq!(once.values[..6], [5.0, 4.0, 3.0, 2.0, 1.0, 0.0].map(|at| at / 24.0));
        assert_eq!(flip.apply(once), ramp(WIDE));
        assert_eq!(flip.after(&flip), Map::IDENTITY);
    }

    #[test]
    fn crops_lie_inside_and_have_the_area_and_ratio_asked_for() {
        let random = &mut random::stream(1, "test");
        let crop = ResizedCrop { area: [0.2, 0.6], ratio: [0.5, 2.0] };
        let (mut areas, mut ratios, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..4000 {
            let Map([width, across, x, down, height, y]) = crop.draw(WIDE, random);
            assert!(across == 0.0 && down == 0.0);
            assert!(x.abs() + width <= 1.0 + 1e-6 && y.abs() + height <= 1.0 + 1e-6);
            areas.push(width * height);
            ratios.push((width / height).ln());
            places.push(x / (1.0 - width).max(1e-6));
        }
        let within = |value: f32, [low, high]: [f32; 2]| (low - 1e-5..=high + 1e-5).contains(&value);
        assert!(areas.iter().all(|area| within(*area, [0.2, 0.6])));
        assert!(ratios.iter().all(|ratio| within(ratio.exp(), [0.5, 2.0])));
        // Where both would make a side longer than the image, the part is drawn again: that favours small areas a bit.
        let (area, _) = mean_and_most(&areas);
        assert!((0.38..0.41).contains(&area), "{area}");
        // Even in the logarithm: as often wide as high, and a spread of ln 4 / √12 but for those drawn again.
        let (ratio, _) = mean_and_most(&ratios);
        let spread = (ratios.iter().map(|ratio| ratio * ratio).sum::<f32>() / 4000.0).sqrt();
        assert!(ratio.abs() < 0.03 && (0.35..0.41).contains(&spread), "{ratio} {spread}");
        let (place, most) = mean_and_most(&places);
        assert!(place.abs() < 0.04 && most > 0.95, "{place} {most}");
    }

    #[test]
    fn a_part_that_never_fits_becomes_a_square() {
        let crop = ResizedCrop { area: [0.9, 1.0], ratio: [4.0, 4.0] };
        let Map([width, _, _, _, height, _]) = crop.draw(WIDE, &mut random::stream(1, "test"));
        assert_eq!((width, height), (0.9_f32.sqrt(), 0.9_f32.sqrt()));
    }

    #[test]
    fn a_crop_of_the_left_upper_quarter_enlarges_it() {
        let map = Map([0.5, 0.0, -0.5, 0.0, 0.5, -0.5]);
        let shape = Shape { channels: 2, height: 4, width: 4 };
        let seen = map.apply(ramp(shape));
        // Pixel centres of the view at −0.25, 0.25, 0.75, 1.25 pixels of the image; the border goes on.
        let at = |value: f32| value / 32.0;
        assert_eq!(seen.values[..4], [at(0.0), at(0.25), at(0.75), at(1.25)]);
        assert_eq!(seen.values[4..8], [at(1.0), at(1.25), at(1.75), at(2.25)]);
        assert_eq!(seen.values[16], at(16.0));
    }

    #[test]
    fn turns_shifts_slants_and_scales_by_hand() {
        let square = Shape { channels: 1, height: 3, width: 3 };
        let cross = |values: [f32; 9]| Picture { shape: square, values: values.to_vec() };
        let image = cross([1., 2., 3., 4., 5., 6., 7., 8., 9.].map(|value| value / 10.0));
        let quarter = Map::affine(std::f32::consts::FRAC_PI_2, [0.0; 2], 0.0, 1.0, square);
        // Clockwise: the left column becomes the top row.
        assert_eq!(quarter.apply(image.clone()), cross([7., 4., 1., 8., 5., 2., 9., 6., 3.].map(|value| value / 10.0)));
        // A third of the side to the right: the left border goes on.
        let right = Map::affine(0.0, [2.0 / 3.0, 0.0], 0.0, 1.0, square);
        assert_eq!(right.apply(image.clone()), cross([1., 1., 2., 4., 4., 5., 7., 7., 8.].map(|value| value / 10.0)));
        let down = Map::affine(0.0, [0.0, 2.0 / 3.0], 0.0, 1.0, square);
        assert_eq!(down.apply(image.clone()), cross([1., 2., 3., 1., 2., 3., 4., 5., 6.].map(|value| value / 10.0)));
        // 45 degrees: the top row moves a pixel to the right, the bottom row one to the left.
        let slant = Map::affine(0.0, [0.0; 2], std::f32::consts::FRAC_PI_4, 1.0, square);
        assert_eq!(slant.apply(image.clone()), cross([1., 1., 2., 4., 5., 6., 8., 9., 9.].map(|value| value / 10.0)));
        // Three times as large: the middle pixel fills the picture but for what is mixed in at the borders.
        let Map([across, _, _, _, down, _]) = Map::affine(0.0, [0.0; 2], 0.0, 3.0, square);
        assert_eq!([across, down], [1.0 / 3.0; 2]);
        // On a picture that isn't square a turn keeps lengths in pixels.
        let Map([a, b, _, c, d, _]) = Map::affine(0.5, [0.0; 2], 0.0, 1.0, WIDE);
        let [x, y] = [a * 6.0, c * 4.0];
        assert!((x.hypot(y) - 6.0).abs() < 1e-5 && ((b * 6.0).hypot(d * 4.0) - 4.0).abs() < 1e-5);
    }

    #[test]
    fn affine_draws_evenly_in_its_ranges() {
        let random = &mut random::stream(1, "test");
        let square = Shape { channels: 1, height: 8, width: 8 };
        let turn = Affine { turn: 20.0, shift: 0.0, slant: 0.0, scale: [1.0, 1.0] };
        let draws: Vec<f32> = (0..4000)
            .map(|_| {
                let Map([cos, sin, ..]) = turn.draw(square, random);
                sin.atan2(cos).to_degrees()
            })
            .collect();
        let (mean, most) = mean_and_most(&draws);
        let spread = (draws.iter().map(|x| x * x).sum::<f32>() / 4000.0).sqrt();
        assert!(mean.abs() < 0.6 && most <= 20.001 && (spread - 20.0 / 3.0_f32.sqrt()).abs() < 0.3, "{mean} {spread}");

        let shift = Affine { turn: 0.0, shift: 0.25, slant: 0.0, scale: [1.0, 1.0] };
        let shifts: Vec<f32> = (0..4000).map(|_| shift.draw(square, random).0[2] / 2.0).collect();
        let (mean, most) = mean_and_most(&shifts);
        assert!(mean.abs() < 0.01 && (0.24..=0.2501).contains(&most), "{mean} {most}");

        let scale = Affine { turn: 0.0, shift: 0.0, slant: 0.0, scale: [0.5, 2.0] };
        let scales: Vec<f32> = (0..4000).map(|_| 1.0 / scale.draw(square, random).0[0]).collect();
        let (mean, most) = mean_and_most(&scales);
        assert!((mean - 1.25).abs() < 0.03 && most <= 2.0001, "{mean} {most}");

        let slant = Affine { turn: 0.0, shift: 0.0, slant: 30.0, scale: [1.0, 1.0] };
        let slants: Vec<f32> = (0..4000).map(|_| slant.draw(square, random).0[1].atan().to_degrees()).collect();
        let (mean, most) = mean_and_most(&slants);
        assert!(mean.abs() < 1.0 && (29.0..=30.001).contains(&most), "{mean} {most}");
    }

    #[test]
    fn a_map_of_a_map_is_both_in_turn() {
        let (first, second) = (Map([0.5, 0.0, 0.2, 0.1, 0.8, 0.0]), Map([0.0, 1.0, 0.0, -1.0, 0.0, 0.3]));
        let both = first.after(&second);
        let at = |map: &Map, [u, v]: [f32; 2]| {
            let [a, b, c, d, e, f] = map.0;
            [a * u + b * v + c, d * u + e * v + f]
        };
        let ([x, y], [p, q]) = (at(&both, [0.3, -0.4]), at(&first, at(&second, [0.3, -0.4])));
        assert!((x - p).abs() < 1e-6 && (y - q).abs() < 1e-6);
    }
}
