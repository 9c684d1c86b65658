//! How good predictions are.
//!
//! Class predictions are probabilities, one row for each example, one column for each class; the predicted class is the
//! most probable one, the first among equals.

use super::matrix::Matrix;

/// The share of examples whose predicted class is the true one.
pub fn accuracy(probabilities: &Matrix, classes: &[u32]) -> f64 {
    let hits = classes.iter().enumerate().filter(|(i, class)| argmax(probabilities.row(*i)) == **class).count();
    hits as f64 / classes.len().max(1) as f64
}

/// The mean over classes of F1 = 2 tp / (2 tp + fp + fn); classes that are neither true nor predicted do not count.
pub fn macro_f1(probabilities: &Matrix, classes: &[u32]) -> f64 {
    let count = probabilities.cols();
    let (mut hit, mut predicted, mut actual) = (vec![0.0; count], vec![0.0; count], vec![0.0; count]);
    for (i, &class) in classes.iter().enumerate() {
        let guess = argmax(probabilities.row(i)) as usize;
        predicted[guess] += 1.0;
        actual[class as usize] += 1.0;
        if guess == class as usize {
            hit[guess] += 1.0;
        }
    }
    let scores: Vec<f64> = (0..count)
        .filter(|&c| predicted[c] + actual[c] > 0.0)
        .map(|c| 2.0 * hit[c] / (predicted[c] + actual[c]))
        .collect();
    scores.iter().sum::<f64>() / scores.len().max(1) as f64
}

/// The area under the ROC curve, one class against the rest, averaged over the classes that have examples on both
/// sides (for two classes: of the second). NaN where there is none.
///
/// Computed by the rank sum of Mann and Whitney, ties counted half.
pub fn auc(probabilities: &Matrix, classes: &[u32]) -> f64 {
    let count = probabilities.cols();
    let one = |class: usize| -> Option<f64> {
        let mut scored: Vec<(f64, bool)> = classes
            .iter()
            .enumerate()
            .map(|(i, actual)| (probabilities.row(i)[class], *actual as usize == class))
            .collect();
        let positives = scored.iter().filter(|(_, positive)| *positive).count();
        let negatives = scored.len() - positives;
        if positives == 0 || negatives == 0 {
            return None;
        }
        scored.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut rank_sum = 0.0;
        let mut start = 0;
        while start < scored.len() {
            let end = scored[start..].iter().position(|s| s.0 != scored[start].0).map_or(scored.len(), |n| start + n);
            let rank = (start + 1 + end) as f64 / 2.0;
            rank_sum += rank * scored[start..end].iter().filter(|(_, positive)| *positive).count() as f64;
            start = end;
        }
        let (p, n) = (positives as f64, negatives as f64);
        Some((rank_sum - p * (p + 1.0) / 2.0) / (p * n))
    };
    let areas: Vec<f64> = if count == 2 { one(1).into_iter().collect() } else { (0..count).filter_map(one).collect() };
    if areas.is_empty() { f64::NAN } else { areas.iter().sum::<f64>() / areas.len() as f64 }
}

/// The root of the mean squared error.
pub fn rmse(predicted: &Matrix, actual: &[f64]) -> f64 {
    let squares: f64 = actual.iter().zip(predicted.data()).map(|(y, f)| (y - f) * (y - f)).sum();
    (squares / actual.len().max(1) as f64).sqrt()
}

/// The mean absolute error.
pub fn mae(predicted: &Matrix, actual: &[f64]) -> f64 {
    actual.iter().zip(predicted.data()).map(|(y, f)| (y - f).abs()).sum::<f64>() / actual.len().max(1) as f64
}

/// The coefficient of determination, 1 - SSE / SST; NaN for a constant target.
pub fn r2(predicted: &Matrix, actual: &[f64]) -> f64 {
    let mean = actual.iter().sum::<f64>() / actual.len().max(1) as f64;
    let total: f64 = actual.iter().map(|y| (y - mean) * (y - mean)).sum();
    let error: f64 = actual.iter().zip(predicted.data()).map(|(y, f)| (y - f) * (y - f)).sum();
    if total > 0.0 { 1.0 - error / total } else { f64::NAN }
}

/// The place of the largest number, the first among equals.
pub fn argmax(row: &[f64]) -> u32 {
    let mut best = 0;
    for (i, x) in row.iter().enumerate() {
        if *x > row[best] {
            best = i;
        }
    }
    best as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_meet_hand_computed_values() {
        let p = Matrix::new(4, 3, vec![0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.3, 0.4, 0.3, 0.2, 0.2, 0.6]);
        let classes = [0, 1, 0, 2];
        assert_eq!(accuracy(&p, &classes), 0.75);
        // Class 0: tp 1, fn 1; class 1: tp 1, fp 1; class 2: tp 1.
        assert!((macro_f1(&p, &classes) - (2.0 / 3.0 + 2.0 / 3.0 + 1.0) / 3.0).abs() < 1e-15);
        assert_eq!(auc(&p, &classes), 1.0);
    }

    #[test]
    fn auc_counts_ties_half() {
        let p = Matrix::new(4, 2, vec![0.5, 0.5, 0.5, 0.5, 0.9, 0.1, 0.2, 0.8]);
        assert_eq!(auc(&p, &[0, 1, 0, 1]), 0.875);
        assert!(auc(&p, &[1, 1, 1, 1]).is_nan());
    }

    #[test]
    fn regression_scores() {
        let f = Matrix::new(3, 1, vec![1.0, 2.0, 4.0]);
        let y = [1.0, 2.0, 3.0];
        assert!((rmse(&f, &y) - (1.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert!((mae(&f, &y) - 1.0 / 3.0).abs() < 1e-15);
        assert_eq!(r2(&f, &y), 0.5);
        assert!(r2(&f, &[2.0, 2.0, 2.0]).is_nan());
    }
}
