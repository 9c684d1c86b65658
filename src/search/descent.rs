//! Minimising a smooth function over the unit cube.
//!
//! L-BFGS with projection: the direction is that of the free coordinates (those not held at an end), the step is halved
//! until the cost has fallen enough. Source: D. P. Bertsekas, "Projected Newton methods for optimization problems with
//! simple constraints", SIAM J. Control Optim. 20 (1982), with the two-loop recursion of J. Nocedal and S. J. Wright,
//! "Numerical optimization", 2006, algorithm 7.4.

/// Moves that the curvature is estimated from.
const MEMORY: usize = 6;
/// Halvings of a step before it is given up.
const HALVINGS: usize = 12;

/// Minimises `cost` (which fills in the gradient) from `x` in at most `iterations`; `x` becomes the best point found.
pub(super) fn minimise_in_box(
    x: &mut [f64],
    iterations: usize,
    mut cost: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> f64 {
    let n = x.len();
    let mut gradient = vec![0.0; n];
    let mut value = cost(x, &mut gradient);
    let mut moves: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    for _ in 0..iterations {
        let held = |j: usize, x: &[f64], g: &[f64]| x[j] <= 0.0 && g[j] > 0.0 || x[j] >= 1.0 && g[j] < 0.0;
        let free: Vec<bool> = (0..n).map(|j| !held(j, x, &gradient)).collect();
        let steepest = (0..n).filter(|&j| free[j]).map(|j| gradient[j].abs()).fold(0.0, f64::max);
        if steepest.is_nan() || steepest <= 1e-7 || !value.is_finite() {
            break;
        }
        let mut direction = newton(&gradient, &free, &moves);
        let mut slope: f64 = direction.iter().zip(&gradient).map(|(d, g)| d * g).sum();
        if slope.is_nan() || slope >= 0.0 {
            moves.clear();
            direction = (0..n).map(|j| if free[j] { -gradient[j] } else { 0.0 }).collect();
            slope = direction.iter().zip(&gradient).map(|(d, g)| d * g).sum();
        }
        let longest = direction.iter().fold(0.0f64, |most, d| most.max(d.abs()));
        let mut step = if moves.is_empty() { (0.1 / longest).min(1.0) } else { (0.5 / longest).min(1.0) };
        let mut accepted = None;
        for _ in 0..HALVINGS {
            let next: Vec<f64> = x.iter().zip(&direction).map(|(x, d)| (x + step * d).clamp(0.0, 1.0)).collect();
            let mut next_gradient = vec![0.0; n];
            let next_value = cost(&next, &mut next_gradient);
            if next_value <= value + 1e-4 * step * slope {
                accepted = Some((next, next_gradient, next_value));
                break;
            }
            step *= 0.5;
        }
        let Some((next, next_gradient, next_value)) = accepted else { break };
        let moved: Vec<f64> = next.iter().zip(&*x).map(|(a, b)| a - b).collect();
        let turned: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let curvature: f64 = moved.iter().zip(&turned).map(|(a, b)| a * b).sum();
        if curvature > 1e-12 {
            if moves.len() == MEMORY {
                moves.remove(0);
            }
            moves.push((moved, turned));
        }
        let gain = value - next_value;
        x.copy_from_slice(&next);
        gradient = next_gradient;
        value = next_value;
        if gain < 1e-9 * value.abs().max(1.0) {
            break;
        }
    }
    value
}

/// The two-loop recursion over the free coordinates.
fn newton(gradient: &[f64], free: &[bool], moves: &[(Vec<f64>, Vec<f64>)]) -> Vec<f64> {
    let masked = |v: &[f64]| -> Vec<f64> { v.iter().zip(free).map(|(v, free)| if *free { *v } else { 0.0 }).collect() };
    let dot = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).zip(free).map(|((a, b), f)| if *f { a * b } else { 0.0 }).sum()
    };
    let mut q = masked(gradient);
    let mut shares = vec![0.0; moves.len()];
    for (k, (s, y)) in moves.iter().enumerate().rev() {
        let curvature = dot(s, y);
        if curvature > 1e-12 {
            shares[k] = dot(s, &q) / curvature;
            q.iter_mut().zip(masked(y)).for_each(|(q, y)| *q -= shares[k] * y);
        }
    }
    if let Some((s, y)) = moves.last() {
        let (curvature, length) = (dot(s, y), dot(y, y));
        if curvature > 1e-12 && length > 0.0 {
            q.iter_mut().for_each(|q| *q *= curvature / length);
        }
    }
    for (k, (s, y)) in moves.iter().enumerate() {
        let curvature = dot(s, y);
        if curvature > 1e-12 {
            let share = shares[k] - dot(y, &q) / curvature;
            q.iter_mut().zip(masked(s)).for_each(|(q, s)| *q += share * s);
        }
    }
    q.iter_mut().for_each(|q| *q = -*q);
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valley_inside_and_an_end_are_found() {
        let mut x = vec![0.1, 0.9];
        let rosenbrock = |x: &[f64], g: &mut [f64]| {
            let (a, b) = (2.0 * x[0], 2.0 * x[1]);
            g[0] = 2.0 * (-400.0 * a * (b - a * a) - 2.0 * (1.0 - a));
            g[1] = 2.0 * 200.0 * (b - a * a);
            100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2)
        };
        let value = minimise_in_box(&mut x, 200, rosenbrock);
        assert!(value < 1e-8 && (x[0] - 0.5).abs() < 1e-3, "{value} {x:?}");
        let mut x = vec![0.4, 0.5, 0.0];
        let slope = |x: &[f64], g: &mut [f64]| {
            g.copy_from_slice(&[1.0, -2.0, 2.0 * (x[2] - 0.25)]);
            x[0] - 2.0 * x[1] + (x[2] - 0.25).powi(2)
        };
        minimise_in_box(&mut x, 50, slope);
        assert!(x[0] == 0.0 && x[1] == 1.0 && (x[2] - 0.25).abs() < 1e-4, "{x:?}");
    }

    #[test]
    fn what_is_not_finite_is_left() {
        let mut x = vec![0.5];
        let value = minimise_in_box(&mut x, 10, |_, g| {
            g[0] = f64::NAN;
            f64::NAN
        });
        assert!(value.is_nan() && x == [0.5]);
    }
}
