//! Costs as a Gaussian process likes them: standardised, the bad side pressed together.
//!
//! Source of the power: I.-K. Yeo and R. A. Johnson, "A new family of power transformations to improve normality or
//! symmetry", Biometrika 87 (2000). Every warp is monotone and does not change when all costs are multiplied by a
//! positive number.

use super::process::Factor;

/// Costs worse than so many times the distance of the median from the best are taken to be that bad.
const ABSURD: f64 = 20.0;

/// Costs above 0 that span more than this factor may be compared by their logarithms.
const DECADE: f64 = 10.0;

/// What costs may be taken through.
#[derive(Clone, Copy)]
enum Candidate {
    /// Yeo and Johnson's power.
    Power(f64),
    /// The logarithm.
    Logarithm,
}

/// Standardised costs.
#[derive(Clone, Debug)]
pub(super) struct Warped {
    pub(super) z: Vec<f64>,
    /// How much the cost changes with `z` at the best.
    pub(super) unit: f64,
}

/// Which warp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Warp {
    /// Yeo and Johnson's power with the greatest likelihood of the costs alone.
    Power,
    /// ... of the process, with the hyperparameters so far.
    Joint,
    /// Costs beyond twice the distance of the median from the best are cut.
    Winsor,
}

fn median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    0.5 * (sorted[(n - 1) / 2] + sorted[n / 2])
}

fn mean_and_sd(y: &[f64]) -> (f64, f64) {
    let n = y.len() as f64;
    let mean = y.iter().sum::<f64>() / n;
    (mean, (y.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n).sqrt())
}

/// The quantile `q` of sorted numbers, between neighbours.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let low = at.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (at - low as f64) * (sorted[high] - sorted[low])
}

/// The power `lambda` of `y`, and the logarithm of its derivative.
fn yeo_johnson(y: f64, lambda: f64) -> (f64, f64) {
    let l = y.abs().ln_1p();
    let power = |p: f64| if p.abs() > 1e-9 { (p * l).exp_m1() / p } else { l };
    let value = if y >= 0.0 { power(lambda) } else { -power(2.0 - lambda) };
    (value, (lambda - 1.0) * if y >= 0.0 { l } else { -l })
}

/// Standardised costs; none where they are all the same. The costs are finite.
pub(super) fn warp(costs: &[f64], how: Warp, factor: Option<&Factor>) -> Option<Warped> {
    // Brought near 1 by a power of two, so that nothing overflows.
    let largest = costs.iter().fold(0.0f64, |most, y| most.max(y.abs()));
    if costs.is_empty() || largest == 0.0 {
        return None;
    }
    let exponent = largest.log2().floor().clamp(-1000.0, 1000.0);
    let scale = (-exponent).exp2();
    let mut y: Vec<f64> = costs.iter().map(|y| y * scale).collect();
    let mut sorted = y.clone();
    sorted.sort_by(f64::total_cmp);
    let (best, middle) = (sorted[0], median(&sorted));
    if middle > best {
        let reach = if how == Warp::Winsor { 2.0 } else { ABSURD };
        let most = middle + reach * (middle - best);
        y.iter_mut().chain(&mut sorted).for_each(|y| *y = y.min(most));
    }
    let (mean, sd) = mean_and_sd(&y);
    if sd.is_nan() || sd <= 1e-12 * best.abs().max(middle.abs()) {
        return None;
    }
    let plain = |y: &[f64]| Warped { z: y.iter().map(|y| (y - mean) / sd).collect(), unit: sd / scale };
    let (centre, width, powers) = match how {
        Warp::Winsor => return Some(plain(&y)),
        Warp::Power if y.len() < 4 => return Some(plain(&y)),
        Warp::Power => (mean, sd, (0..=20).map(|k| -2.0 + 0.2 * f64::from(k)).collect::<Vec<f64>>()),
        Warp::Joint => {
            let spread = (quantile(&sorted, 0.75) - quantile(&sorted, 0.25)) / 1.35;
            (middle, if spread > 0.0 { spread } else { sd }, vec![-1.0, -0.5, 0.0, 0.5, 1.0])
        }
    };
    let mut most: Option<(f64, Warped)> = None;
    let mut candidates: Vec<Candidate> = powers.into_iter().map(Candidate::Power).collect();
    if how == Warp::Joint && best > 0.0 && sorted[sorted.len() - 1] > DECADE * best {
        candidates.push(Candidate::Logarithm);
    }
    for candidate in candidates {
        // The value and the logarithm of its derivative.
        let one = |y: f64| match candidate {
            Candidate::Power(lambda) => {
                let (value, slope) = yeo_johnson((y - centre) / width, lambda);
                (value, slope - width.ln())
            }
            Candidate::Logarithm => (y.ln(), -y.ln()),
        };
        let warped: Vec<(f64, f64)> = y.iter().map(|y| one(*y)).collect();
        let values: Vec<f64> = warped.iter().map(|(value, _)| *value).collect();
        let (mean, sd) = mean_and_sd(&values);
        if !sd.is_finite() || sd <= 1e-12 {
            continue;
        }
        let z: Vec<f64> = values.iter().map(|value| (value - mean) / sd).collect();
        let jacobian: f64 = warped.iter().map(|(_, slope)| slope).sum();
        let fit = match factor {
            Some(factor) => -factor.quadratic_form(&z),
            None => 0.0,
        };
        let likelihood = fit - z.len() as f64 * sd.ln() + jacobian;
        if most.as_ref().is_none_or(|(most, _)| likelihood > *most) {
            most = Some((likelihood, Warped { z, unit: sd / one(best).1.exp() / scale }));
        }
    }
    Some(most.map_or_else(|| plain(&y), |(_, warped)| warped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_power_meets_known_values() {
        let y = [1.0, 2.0, 3.0, 5.0, 8.0, 40.0];
        let (mean, sd) = mean_and_sd(&y);
        let values: Vec<f64> = y.iter().map(|y| yeo_johnson((y - mean) / sd, -1.403375939966).0).collect();
        let (mean, sd) = mean_and_sd(&values);
        let expected = [-1.185578, -0.820811, -0.494598, 0.052081, 0.643606, 1.805299];
        for (value, expected) in values.iter().zip(expected) {
            assert!(((value - mean) / sd - expected).abs() < 2e-5, "{}", (value - mean) / sd);
        }
    }

    #[test]
    fn warps_keep_the_order_and_ignore_the_scale() {
        let y: Vec<f64> = (0..30).map(|i| (f64::from(i) * 0.37).sin().exp() + 1e-3 * f64::from(i * i)).collect();
        for how in [Warp::Power, Warp::Joint, Warp::Winsor] {
            let warped = warp(&y, how, None).unwrap();
            let large: Vec<f64> = y.iter().map(|y| y * 1024.0).collect();
            assert_eq!(warp(&large, how, None).unwrap().z, warped.z);
            for i in 0..30 {
                for j in 0..30 {
                    assert!(y[i] >= y[j] || warped.z[i] <= warped.z[j], "{how:?}");
                }
            }
        }
    }

    #[test]
    fn extreme_costs_are_taken() {
        for y in [vec![1.0, 2.0, 1e300, -1e300, 3.0], vec![1e-320, 2e-320, 0.0], vec![f64::MAX, -f64::MAX, 0.0, 1.0]] {
            for how in [Warp::Power, Warp::Joint, Warp::Winsor] {
                let warped = warp(&y, how, None);
                assert!(warped.is_none_or(|w| w.z.iter().all(|z| z.is_finite())), "{how:?} {y:?}");
            }
        }
        assert!(warp(&[2.5; 4], Warp::Power, None).is_none() && warp(&[0.0; 4], Warp::Winsor, None).is_none());
    }
}
