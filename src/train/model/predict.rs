//! What a trained model says about rows.

use super::dense::RowsOf;
use super::network::Pass;
use super::spec::{Activation, ModelSpec};
use crate::train::matrix::Matrix;

/// The predictions of a model for the rows of `x`.
///
/// `outputs` is the number of classes, or 1 for a real value. The result has a column for each class (probabilities
/// that sum to 1; logistic regression gives both columns) or one column of values. For the quadratic it has no columns.
///
/// # Panics
/// When `theta` has not the length that the model needs for `x.cols()` features and `outputs`.
pub fn predict(model: &ModelSpec, activation: Activation, theta: &[f64], x: &Matrix, outputs: usize) -> Matrix {
    if matches!(model, ModelSpec::Quadratic { .. }) {
        return Matrix::zeros(x.rows(), 0);
    }
    let (mut pass, dim) = Pass::new(model, activation, x.cols(), outputs, x.rows());
    assert_eq!(theta.len(), dim, "the parameters of another model");
    pass.load(theta, false);
    let last = &pass.layers[pass.layers.len() - 1];
    let (head, width, scores) = (pass.head, last.width, last.outputs);
    let mut result = Matrix::zeros(x.rows(), outputs);
    for start in (0..x.rows()).step_by(pass.block) {
        let count = pass.block.min(x.rows() - start);
        let data = &x.data()[start * x.cols()..(start + count) * x.cols()];
        let z = pass.forward(theta, RowsOf { data, stride: x.cols(), count });
        head.predict(z, width);
        let rows = result.data_mut()[start * outputs..(start + count) * outputs].chunks_exact_mut(outputs);
        for (row, z) in rows.zip(z.chunks_exact(width)) {
            if matches!(model, ModelSpec::Logistic) {
                row.copy_from_slice(&[1.0 - z[0], z[0]]);
            } else {
                row.copy_from_slice(&z[..scores]);
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::seed::Rng;

    #[test]
    fn predictions_are_those_of_the_formulas() {
        let mut rng = Rng::new(21);
        let x = Matrix::new(200, 3, (0..600).map(|_| rng.normal()).collect());
        let theta: Vec<f64> = (0..16).map(|_| rng.normal()).collect();
        let score = |x: &[f64], j: usize, cols: usize| {
            (0..3).map(|i| x[i] * theta[i * cols + j]).sum::<f64>() + theta[3 * cols + j]
        };
        let linear = predict(&ModelSpec::Linear, Activation::Tanh, &theta[..4], &x, 1);
        let logistic = predict(&ModelSpec::Logistic, Activation::Tanh, &theta[..4], &x, 2);
        let softmax = predict(&ModelSpec::Softmax, Activation::Tanh, &theta, &x, 4);
        let empty = ModelSpec::Mlp { hidden: Vec::new() };
        assert_eq!(predict(&empty, Activation::Relu, &theta, &x, 4), softmax);
        for i in 0..200 {
            let z = score(x.row(i), 0, 1);
            assert!((linear.row(i)[0] - z).abs() < 1e-14);
            assert!((logistic.row(i)[1] - 1.0 / (1.0 + (-z).exp())).abs() < 1e-15);
            assert!((logistic.row(i)[0] + logistic.row(i)[1] - 1.0).abs() < 1e-15);
            let powers: Vec<f64> = (0..4).map(|j| score(x.row(i), j, 4).exp()).collect();
            for (p, power) in softmax.row(i).iter().zip(&powers) {
                assert!((p - power / powers.iter().sum::<f64>()).abs() < 1e-14);
            }
        }
        let none = predict(&ModelSpec::Quadratic { dim: 2, condition: 1.0 }, Activation::Tanh, &theta[..2], &x, 1);
        assert_eq!((none.rows(), none.cols()), (200, 0));
    }
}
