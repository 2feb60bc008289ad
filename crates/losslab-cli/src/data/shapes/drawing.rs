//! Shapes as pixels, with smooth edges.

use super::Scene;
use crate::random::Random;
use rand::{RngExt, seq::SliceRandom};
use std::f32::consts::{PI, TAU};

/// Red, green and blue of each colour, from 0 to 1.
pub const COLOURS: [[f32; 3]; 6] = [
    [0.85, 0.14, 0.16],
    [0.15, 0.62, 0.22],
    [0.12, 0.32, 0.82],
    [0.95, 0.82, 0.12],
    [0.55, 0.2, 0.72],
    [0.96, 0.52, 0.08],
];

/// The outlines of the shapes.
pub const OUTLINES: [Outline; 5] = [Outline::Circle, Outline::Square, Outline::Triangle, Outline::Star, Outline::Cross];

/// Centres of a single shape, from left to right and from top to bottom, as shares of the side.
pub const PLACES: [[f32; 2]; 5] = [[0.28, 0.28], [0.72, 0.28], [0.28, 0.72], [0.72, 0.72], [0.5, 0.5]];

/// Radius of small and of large shapes, as shares of the side.
const RADII: [f32; 2] = [0.13, 0.21];
/// How far a centre, a radius, an angle and a colour are from where they should be, at most.
const JITTER: Jitter = Jitter { centre: 0.04, radius: 0.015, angle: 0.25, colour: 0.06 };
/// How light the background is.
const BACKGROUND: std::ops::Range<f32> = 0.85..1.0;
/// How far noise moves a pixel, at most.
const NOISE: f32 = 0.04;
/// Points of a pixel along each axis that are asked whether they lie inside a shape.
const POINTS: usize = 4;

struct Jitter {
    centre: f32,
    radius: f32,
    angle: f32,
    colour: f32,
}

/// What a shape looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outline {
    Circle,
    Square,
    Triangle,
    Star,
    Cross,
}

impl Outline {
    /// The corners, within a circle of radius 1; a circle has none.
    fn corners(self) -> Vec<[f32; 2]> {
        let turned = |corners: usize, radii: [f32; 2], start: f32| -> Vec<[f32; 2]> {
            let corner = |index: usize| {
                let angle = start + TAU * index as f32 / corners as f32;
                [radii[index % 2] * angle.cos(), radii[index % 2] * angle.sin()]
            };
            (0..corners).map(corner).collect()
        };
        match self {
            Outline::Circle => Vec::new(),
            Outline::Square => turned(4, [1.1; 2], PI / 4.0),
            Outline::Triangle => turned(3, [1.1; 2], -PI / 2.0),
            Outline::Star => turned(10, [1.15, 0.45], -PI / 2.0),
            Outline::Cross => {
                let (long, short) = (1.0, 0.32);
                let arm = [[-short, -long], [short, -long], [short, -short]];
                // Each further arm is the first one turned by a right angle.
                (0..4).flat_map(|turn| arm.map(|corner| (0..turn).fold(corner, |[x, y], _| [-y, x]))).collect()
            }
        }
    }
}

/// A picture of a scene as bytes, channel by channel. A single shape lies at its place, several lie in different
/// quarters.
pub fn picture(scene: &Scene, side: usize, random: &mut Random) -> Vec<u8> {
    let background = random.random_range(BACKGROUND);
    let mut pixels = vec![background; 3 * side * side];
    let corners = OUTLINES[scene.shape()].corners();
    for [x, y] in centres(scene, random) {
        let mut near = |value: f32, by: f32| value + random.random_range(-by..by);
        let centre = [near(x, JITTER.centre), near(y, JITTER.centre)].map(|share| share * side as f32);
        let radius = near(RADII[usize::from(scene.is_large)], JITTER.radius) * side as f32;
        let (sine, cosine) = near(0.0, JITTER.angle).sin_cos();
        let colour = COLOURS[scene.colour()].map(|value| near(value, JITTER.colour));
        let is_inside = |[x, y]: [f32; 2]| {
            let [x, y] = [x - centre[0], y - centre[1]];
            contains(&corners, [(cosine * x + sine * y) / radius, (cosine * y - sine * x) / radius])
        };
        fill(&mut pixels, side, centre, 1.2 * radius, colour, is_inside);
    }
    pixels.iter().map(|value| (255.0 * (value + random.random_range(-NOISE..NOISE))).round() as u8).collect()
}

fn centres(scene: &Scene, random: &mut Random) -> Vec<[f32; 2]> {
    if scene.count == 1 {
        return vec![PLACES[scene.place]];
    }
    let mut quarters = [PLACES[0], PLACES[1], PLACES[2], PLACES[3]];
    quarters.shuffle(random);
    quarters[..scene.count].to_vec()
}

/// Blends a colour into the pixels around a centre, by the share of each that lies inside.
fn fill(
    pixels: &mut [f32],
    side: usize,
    centre: [f32; 2],
    reach: f32,
    colour: [f32; 3],
    is_inside: impl Fn([f32; 2]) -> bool,
) {
    let span = |middle: f32| {
        let end = (middle + reach).ceil().clamp(0.0, side as f32) as usize;
        (middle - reach).floor().max(0.0) as usize..end
    };
    let offsets = || (0..POINTS).map(|point| (point as f32 + 0.5) / POINTS as f32);
    for row in span(centre[1]) {
        for column in span(centre[0]) {
            let points = offsets().flat_map(|y| offsets().map(move |x| [column as f32 + x, row as f32 + y]));
            let share = points.filter(|point| is_inside(*point)).count() as f32 / (POINTS * POINTS) as f32;
            for (channel, value) in colour.into_iter().enumerate() {
                let pixel = &mut pixels[(channel * side + row) * side + column];
                *pixel += share * (value - *pixel);
            }
        }
    }
}

/// Whether a point lies inside a polygon, or inside the unit circle where there are no corners: a ray to the right
/// crosses the outline an odd number of times.
fn contains(corners: &[[f32; 2]], [x, y]: [f32; 2]) -> bool {
    if corners.is_empty() {
        return x * x + y * y <= 1.0;
    }
    let edges = corners.iter().zip(corners.iter().cycle().skip(1));
    let crossings =
        edges.filter(|([ax, ay], [bx, by])| (*ay > y) != (*by > y) && x < ax + (y - ay) / (by - ay) * (bx - ax));
    crossings.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    /// The share of the square from −1.2 to 1.2 that a shape covers.
    fn area(outline: Outline) -> f32 {
        let corners = outline.corners();
        let axis = || (0..120).map(|step| -1.2 + (step as f32 + 0.5) / 50.0);
        let points = axis().flat_map(|y| axis().map(move |x| [x, y]));
        points.filter(|point| contains(&corners, *point)).count() as f32 / 2500.0
    }

    #[test]
    fn areas_are_those_of_geometry() {
        let star = 5.0 * 1.15 * 0.45 * (PI / 5.0).sin();
        let expected = [PI, 2.0 * 1.1 * 1.1, 0.75 * 3.0_f32.sqrt() * 1.1 * 1.1, star, 4.0 * (0.64 - 0.32 * 0.32)];
        for (outline, expected) in OUTLINES.into_iter().zip(expected) {
            assert!((area(outline) - expected).abs() < 0.03, "{outline:?}: {} for {expected}", area(outline));
        }
    }

    #[test]
    fn a_shape_is_drawn_in_its_colour_at_its_place_with_smooth_edges() {
        let scene = |place| Scene { class: 10, count: 1, is_large: true, place };
        for (place, centre) in PLACES.into_iter().enumerate() {
            let pixels = picture(&scene(place), 24, &mut random::stream(1, "test"));
            let [column, row] = centre.map(|share| (share * 24.0) as usize);
            let at = |channel: usize, row: usize, column: usize| pixels[(channel * 24 + row) * 24 + column];
            let [red, green, blue] = [0, 1, 2].map(|channel| at(channel, row, column));
            assert!(blue > 150 && red < 80 && green < 120, "{red} {green} {blue}");
            let corner = if place == 0 { 23 } else { 0 };
            assert!(at(0, corner, corner) > 200);
            let reds = pixels[..24 * 24].iter();
            assert!(reds.filter(|red| (90..180).contains(*red)).count() > 4, "no pixel of the edge is in between");
        }
    }

    #[test]
    fn more_shapes_cover_more() {
        let dark = |count| {
            let scene = Scene { class: 10, count, is_large: false, place: 0 };
            let pixels = picture(&scene, 24, &mut random::stream(2, "test"));
            pixels[..24 * 24].iter().filter(|red| **red < 128).count() as f32
        };
        let ratio = dark(3) / dark(1);
        assert!((2.4..3.6).contains(&ratio), "{ratio}");
    }
}
