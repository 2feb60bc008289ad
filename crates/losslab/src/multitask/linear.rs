//! Small linear problems, as large as the number of tasks, in f64.

/// The inner product.
pub(super) fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// The sum of rows with weights.
pub(super) fn mixture(rows: &[Vec<f64>], weights: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; rows.first().map_or(0, Vec::len)];
    for (row, weight) in rows.iter().zip(weights) {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
    }
    sum
}

/// Gauss's elimination of rows with their right side at the end; nothing where they depend on each other.
pub(super) fn solve_linear(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let count = rows.len();
    for column in 0..count {
        let pivot = (column..count).max_by(|&i, &j| rows[i][column].abs().total_cmp(&rows[j][column].abs()))?;
        rows.swap(column, pivot);
        let (done, below) = rows.split_at_mut(column + 1);
        let row = &done[column];
        if row[column] == 0.0 {
            return None;
        }
        for other in below {
            let factor = other[column] / row[column];
            other.iter_mut().zip(row).skip(column).for_each(|(value, above)| *value -= factor * above);
        }
    }
    let mut solved = vec![0.0; count];
    for i in (0..count).rev() {
        solved[i] = (rows[i][count] - dot(&rows[i][i + 1..count], &solved[i + 1..])) / rows[i][i];
    }
    Some(solved)
}

/// The weights `x` that bring `Σ xⱼ·columnⱼ` nearest to the target; nothing where the columns depend on each other.
pub(super) fn least_squares(columns: &[&[f64]], target: &[f64]) -> Option<Vec<f64>> {
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(columns.len());
    let mut triangle: Vec<Vec<f64>> = Vec::with_capacity(columns.len());
    for column in columns {
        let (mut rest, mut along) = (column.to_vec(), vec![0.0; basis.len()]);
        // The second time takes out what rounding left of the first.
        for _ in 0..2 {
            for (along, direction) in along.iter_mut().zip(&basis) {
                let product = dot(direction, &rest);
                *along += product;
                rest.iter_mut().zip(direction).for_each(|(rest, value)| *rest -= product * value);
            }
        }
        let length = dot(&rest, &rest).sqrt();
        if length <= 1e-10 * dot(column, column).sqrt() {
            return None;
        }
        rest.iter_mut().for_each(|value| *value /= length);
        basis.push(rest);
        along.push(length);
        triangle.push(along);
    }
    let mut rest = target.to_vec();
    let mut solved = Vec::with_capacity(columns.len());
    for direction in &basis {
        let product = dot(direction, &rest);
        rest.iter_mut().zip(direction).for_each(|(rest, value)| *rest -= product * value);
        solved.push(product);
    }
    for i in (0..solved.len()).rev() {
        let known = (i + 1..solved.len()).map(|j| triangle[j][i] * solved[j]).sum::<f64>();
        solved[i] = (solved[i] - known) / triangle[i][i];
    }
    Some(solved)
}

/// The weights `x ≥ 0` that bring `Σ xⱼ·columnⱼ` nearest to the target: Lawson and Hanson's active sets, which end at
/// the minimum after finitely many steps. A column of zeros gets none.
pub(super) fn non_negative_least_squares(columns: &[Vec<f64>], target: &[f64]) -> Vec<f64> {
    let lengths = columns.iter().map(|column| dot(column, column).sqrt()).collect::<Vec<f64>>();
    // Of length 1, so that one tolerance fits all.
    let unit = |(column, length): (&Vec<f64>, &f64)| column.iter().map(|value| value / length).collect::<Vec<f64>>();
    let columns = columns.iter().zip(&lengths).map(unit).collect::<Vec<Vec<f64>>>();
    let tolerance = 1e-14 * dot(target, target).sqrt();
    let mut weights = vec![0.0; columns.len()];
    let mut active: Vec<usize> = Vec::new();
    let mut barred: Vec<usize> = Vec::new();
    // Each active set is met once; the bound is there for what rounding could do.
    for _ in 0..30 * columns.len() {
        let mut rest = target.to_vec();
        for &at in &active {
            rest.iter_mut().zip(&columns[at]).for_each(|(rest, value)| *rest -= weights[at] * value);
        }
        let free = (0..columns.len()).filter(|at| lengths[*at] > 0.0 && !active.contains(at) && !barred.contains(at));
        let gains = free.map(|at| (at, dot(&columns[at], &rest))).filter(|(_, gain)| *gain > tolerance);
        let Some((entering, _)) = gains.max_by(|x, y| x.1.total_cmp(&y.1)) else { break };
        let before = (weights.clone(), active.clone());
        active.push(entering);
        let settled = settle(&columns, target, &mut weights, &mut active);
        if settled.is_some() && active.contains(&entering) {
            barred.clear();
        } else {
            // Its gain was rounding: it stays out until something else has changed.
            (weights, active) = before;
            barred.push(entering);
        }
    }
    weights.iter().zip(&lengths).map(|(weight, length)| if *weight > 0.0 { weight / length } else { 0.0 }).collect()
}

/// Goes to the minimum over the active columns, and lets those go whose weight would fall below 0.
fn settle(columns: &[Vec<f64>], target: &[f64], weights: &mut [f64], active: &mut Vec<usize>) -> Option<()> {
    while !active.is_empty() {
        let chosen = active.iter().map(|&at| columns[at].as_slice()).collect::<Vec<&[f64]>>();
        let aims = least_squares(&chosen, target)?;
        // How far the way to the aim is allowed.
        let ends = active.iter().zip(&aims).filter(|(_, aim)| **aim <= 0.0);
        let ends = ends.map(|(&at, aim)| (at, weights[at] / (weights[at] - aim).max(f64::MIN_POSITIVE)));
        let Some((first, end)) = ends.min_by(|x, y| x.1.total_cmp(&y.1)) else {
            active.iter().zip(aims).for_each(|(&at, aim)| weights[at] = aim);
            break;
        };
        active.iter().zip(aims).for_each(|(&at, aim)| weights[at] += end * (aim - weights[at]));
        weights[first] = 0.0;
        active.retain(|&at| weights[at] > 0.0);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The minimum by trying every set of columns.
    fn by_enumeration(columns: &[Vec<f64>], target: &[f64]) -> f64 {
        let square = |chosen: &[&[f64]], weights: &[f64]| {
            let rest = (0..target.len()).map(|row| {
                target[row] - chosen.iter().zip(weights).map(|(column, weight)| weight * column[row]).sum::<f64>()
            });
            rest.map(|value| value * value).sum::<f64>()
        };
        let squares = (0..1usize << columns.len()).filter_map(|set| {
            let chosen = (0..columns.len()).filter(|at| set >> at & 1 == 1);
            let chosen = chosen.map(|at| columns[at].as_slice()).collect::<Vec<&[f64]>>();
            let weights = least_squares(&chosen, target)?;
            weights.iter().all(|&weight| weight >= 0.0).then(|| square(&chosen, &weights))
        });
        squares.fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn active_sets_find_the_minimum() {
        use rand::{RngExt, SeedableRng, rngs::StdRng};
        let mut rng = StdRng::seed_from_u64(4);
        for round in 0..2000 {
            let (count, rows) = (1 + round % 7, 1 + round / 7 % 6);
            let mut column = || -> Vec<f64> {
                // Whole numbers: many columns depend on each other.
                (0..rows).map(|_| f64::from(rng.random_range(-3i32..=3))).collect()
            };
            let (columns, target) = ((0..count).map(|_| column()).collect::<Vec<Vec<f64>>>(), column());
            let weights = non_negative_least_squares(&columns, &target);
            assert!(weights.iter().all(|weight| *weight >= 0.0));
            let rest = (0..rows).map(|row| {
                target[row] - columns.iter().zip(&weights).map(|(column, weight)| weight * column[row]).sum::<f64>()
            });
            let found = rest.map(|value| value * value).sum::<f64>();
            let expected = by_enumeration(&columns, &target);
            assert!((found - expected).abs() <= 1e-12 * (1.0 + expected), "{columns:?} {target:?}: {found} {expected}");
        }
    }
}
