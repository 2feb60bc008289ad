//! The inner problem of CAGrad: the mixture of tasks that gains least.

use super::gram::GramMatrix;
use super::linear::{dot, mixture, solve_linear};

/// As a share of the longest gradient: a mixture shorter than this has no direction.
const SMOOTHING: f64 = 1e-7;

const ENOUGH_STEPS: usize = 10_000;

/// The minimum of `F(w) = ⟨g_w, g₀⟩ + radius·‖g_w‖` over the simplex.
pub(super) struct WorstCase {
    /// `w`.
    pub weights: Vec<f64>,
    /// `‖g_w‖`, made a little longer so that it is never 0.
    pub length: f64,
}

impl WorstCase {
    pub fn solve(gram: &GramMatrix, radius: f64) -> Self {
        let problem = Problem::new(gram, radius);
        let tasks = gram.tasks();
        let mut weights = vec![1.0 / tasks as f64; tasks];
        for _ in 0..ENOUGH_STEPS {
            let Some(shift) = problem.best_shift(&weights) else { break };
            problem.go(&mut weights, &shift);
            // Shifts alone would zigzag where gradients nearly cancel.
            if tasks > 2
                && let Some(step) = problem.newton_step(&weights)
            {
                problem.go(&mut weights, &step);
            }
        }
        let length = problem.at(&weights).length;
        Self { weights, length }
    }
}

struct Problem {
    /// The gradients, up to a rotation.
    gradients: Vec<Vec<f64>>,
    total: Vec<f64>,
    radius: f64,
    longest: f64,
}

/// What F is made of at some weights.
struct Point {
    /// `g_w`.
    mixture: Vec<f64>,
    length: f64,
    /// The derivatives of F, which are `⟨gᵢ, d⟩`: what each task gains.
    gains: Vec<f64>,
}

impl Problem {
    fn new(gram: &GramMatrix, radius: f64) -> Self {
        let gradients = gram.vectors();
        let total = mixture(&gradients, &vec![1.0; gram.tasks()]);
        Self { gradients, total, radius, longest: gram.norms().into_iter().fold(0.0, f64::max) }
    }

    fn at(&self, weights: &[f64]) -> Point {
        let mixture = mixture(&self.gradients, weights);
        // ‖g_w‖ has no derivative at 0.
        let length = dot(&mixture, &mixture).sqrt().hypot(SMOOTHING * self.longest);
        let gain = |gradient: &Vec<f64>| dot(gradient, &self.total) + self.radius * dot(gradient, &mixture) / length;
        let gains = self.gradients.iter().map(gain).collect();
        Point { mixture, length, gains }
    }

    /// From the task with weight that gains most to the one that gains least; nothing where that is no use.
    fn best_shift(&self, weights: &[f64]) -> Option<Vec<f64>> {
        let Point { length, gains, .. } = self.at(weights);
        let by_gain = |i: &usize, j: &usize| gains[*i].total_cmp(&gains[*j]);
        let least = (0..gains.len()).min_by(by_gain)?;
        let most = (0..gains.len()).filter(|&i| weights[i] > 0.0).max_by(by_gain)?;
        // Beside the precision asked for, what rounding leaves of the direction of a short mixture.
        let asked = 1e-12 * (dot(&self.total, &self.total).sqrt() + self.radius);
        let rounding = 1e-14 * self.radius * self.longest / length;
        let mut shift = vec![0.0; gains.len()];
        shift[least] += 1.0;
        shift[most] -= 1.0;
        (dot(weights, &gains) - gains[least] > self.longest * (asked + rounding)).then_some(shift)
    }

    /// The step to the minimum of the parabola that fits F, among the tasks with weight.
    fn newton_step(&self, weights: &[f64]) -> Option<Vec<f64>> {
        let Point { mixture, length, gains } = self.at(weights);
        let active = (0..weights.len()).filter(|&i| weights[i] > 0.0).collect::<Vec<usize>>();
        let (count, square) = (active.len(), self.longest * self.longest);
        let along = active.iter().map(|&i| dot(&self.gradients[i], &mixture) / length).collect::<Vec<f64>>();
        let mean = active.iter().map(|&i| gains[i]).sum::<f64>() / count as f64;
        // The last row and column keep the sum of the weights.
        let mut rows = vec![vec![square; count + 2]; count + 1];
        for (a, &i) in active.iter().enumerate() {
            for (b, &j) in active.iter().enumerate() {
                rows[a][b] = dot(&self.gradients[i], &self.gradients[j]) - along[a] * along[b];
            }
            // Gradients that depend on each other leave it open where the weight goes.
            rows[a][a] += 1e-13 * square;
            rows[a][count + 1] = (mean - gains[i]) * length / self.radius;
        }
        rows[count][count..].fill(0.0);
        let solved = solve_linear(rows)?;
        let mut step = vec![0.0; weights.len()];
        active.iter().zip(solved).for_each(|(&i, value)| step[i] = value);
        Some(step)
    }

    /// To the lowest point in a direction, as far as no weight falls below 0.
    fn go(&self, weights: &mut [f64], step: &[f64]) {
        let limits = weights.iter().zip(step).filter(|(_, step)| **step < 0.0).map(|(weight, step)| weight / -step);
        let end = limits.fold(f64::INFINITY, f64::min);
        if !end.is_finite() {
            return;
        }
        let (Point { mixture: now, length, .. }, towards) = (self.at(weights), mixture(&self.gradients, step));
        let square = [length * length, dot(&towards, &now), dot(&towards, &towards)];
        let far = Line { slope: dot(&towards, &self.total), radius: self.radius, square }.minimum(end);
        for (weight, step) in weights.iter_mut().zip(step) {
            let moved = *weight + far * step;
            // What rounding leaves of a weight that is used up is nothing.
            *weight = if moved > 1e-15 { moved } else { 0.0 };
        }
        let sum = weights.iter().sum::<f64>();
        weights.iter_mut().for_each(|weight| *weight /= sum);
    }
}

/// `slope·x + radius·√(s₀ + 2·s₁·x + s₂·x²)`, with the square above 0 everywhere.
struct Line {
    slope: f64,
    radius: f64,
    square: [f64; 3],
}

impl Line {
    /// Where it is lowest in `[0, end]`.
    fn minimum(&self, end: f64) -> f64 {
        let [s0, s1, s2] = self.square;
        // The root is √s₂·√(u² + m) with u = x + s₁/s₂; its derivative √s₂·u/√(u² + m) must be −slope/radius.
        let steepness = -self.slope / (self.radius * s2.sqrt());
        if s2 <= 0.0 || steepness <= -1.0 {
            return 0.0;
        }
        if steepness >= 1.0 {
            return end;
        }
        let centre = s1 / s2;
        let m = (s0 / s2 - centre * centre).max(0.0);
        let u = steepness * (m / (1.0 - steepness * steepness)).sqrt();
        (u - centre).clamp(0.0, end)
    }
}
