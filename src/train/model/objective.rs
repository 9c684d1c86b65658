//! The training objective `J`: the mean loss of a model over one part, plus the penalty on its weights.
//!
//! An objective owns its workspaces, so that evaluating it allocates nothing; the part is shared. One objective serves
//! one trial at a time.

use std::ops::Range;
use std::sync::Arc;

use super::initial;
use super::network::Network;
use super::penalty::Penalty;
use super::quadratic::Quadratic;
use super::spec::{Activation, ModelError, ModelSpec};
use crate::space::seed::Rng;
use crate::train::matrix::Part;

/// The rows that a gradient is taken over.
#[derive(Clone, Copy, Debug)]
pub enum Batch<'a> {
    /// All rows.
    Full,
    /// These rows, each below [`Objective::rows`] and at most once.
    Rows(&'a [u32]),
}

/// A model, its data and its penalty.
pub struct Objective {
    model: ModelSpec,
    activation: Activation,
    penalty: Penalty,
    weights: Vec<Range<usize>>,
    kind: Kind,
}

/// What computes the loss.
enum Kind {
    Quadratic(Quadratic),
    Network(Box<Network>),
}

impl Objective {
    /// The objective of `model` over `part` with the penalty `l1 sum |w| + l2/2 sum w^2` (biases excluded).
    ///
    /// `activation` is used by `mlp` alone. The quadratic does not look at the part: its rows are its coordinates.
    ///
    /// # Errors
    /// When the model and the targets do not fit, or a size is 0; see [`ModelError`].
    pub fn new(
        model: &ModelSpec,
        activation: Activation,
        l1: f64,
        l2: f64,
        part: Arc<Part>,
    ) -> Result<Self, ModelError> {
        model.check(&part)?;
        let (kind, weights) = match *model {
            ModelSpec::Quadratic { dim, condition } => {
                let everything = std::iter::once(0..dim).collect();
                (Kind::Quadratic(Quadratic::new(dim, condition)), everything)
            }
            _ => {
                let network = Network::new(model, activation, part);
                let weights = network.weight_ranges();
                (Kind::Network(Box::new(network)), weights)
            }
        };
        Ok(Self { model: model.clone(), activation, penalty: Penalty { l1, l2 }, weights, kind })
    }

    /// The number of parameters.
    pub fn dim(&self) -> usize {
        match &self.kind {
            Kind::Quadratic(quadratic) => quadratic.dim(),
            Kind::Network(network) => network.dim(),
        }
    }

    /// The number of rows that batches are drawn from.
    pub fn rows(&self) -> usize {
        match &self.kind {
            Kind::Quadratic(quadratic) => quadratic.dim(),
            Kind::Network(network) => network.rows(),
        }
    }

    /// Where the weights (what is penalised) are in the flat vector.
    pub fn weight_ranges(&self) -> &[Range<usize>] {
        &self.weights
    }

    /// Parameters to start from.
    ///
    /// Without a scale: the quadratic starts at N(0, 1), regressions at 0, a perceptron with Glorot's (tanh) or He's
    /// (relu) weights. A scale is the standard deviation for the first two and multiplies the weights of the last.
    pub fn initial(&self, scale: Option<f64>, rng: &mut Rng) -> Vec<f64> {
        match &self.kind {
            Kind::Quadratic(quadratic) => initial::quadratic(quadratic.dim(), scale, rng),
            Kind::Network(network) if matches!(self.model, ModelSpec::Mlp { .. }) => {
                initial::perceptron(network, self.activation, scale, rng)
            }
            Kind::Network(network) => initial::regression(network, scale, rng),
        }
    }

    /// `J` over all rows, penalty included.
    pub fn loss(&mut self, theta: &[f64]) -> f64 {
        let loss = match &mut self.kind {
            Kind::Quadratic(quadratic) => quadratic.loss(theta),
            Kind::Network(network) => network.loss(theta),
        };
        loss + self.penalty(theta)
    }

    /// `J` over all rows; writes its gradient. Both include the penalty.
    pub fn loss_and_gradient(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
        let loss = match &mut self.kind {
            Kind::Quadratic(quadratic) => {
                quadratic.gradient(theta, Batch::Full, self.penalty, grad);
                quadratic.loss(theta)
            }
            Kind::Network(network) => network.loss_and_gradient(theta, self.penalty, grad),
        };
        loss + self.penalty(theta)
    }

    /// Writes the gradient of the mean loss over `batch`, plus that of the penalty.
    pub fn gradient(&mut self, theta: &[f64], batch: Batch<'_>, grad: &mut [f64]) {
        match &mut self.kind {
            Kind::Quadratic(quadratic) => quadratic.gradient(theta, batch, self.penalty, grad),
            Kind::Network(network) => network.gradient(theta, batch, self.penalty, grad),
        }
    }

    /// `theta -= lr * gradient`, without writing the gradient out.
    #[inline]
    pub fn descend(&mut self, theta: &mut [f64], batch: Batch<'_>, lr: f64) {
        match &mut self.kind {
            Kind::Quadratic(quadratic) => quadratic.descend(theta, batch, self.penalty, lr),
            Kind::Network(network) => network.descend(theta, batch, self.penalty, lr),
        }
    }

    /// The penalty alone.
    pub fn penalty(&self, theta: &[f64]) -> f64 {
        self.penalty.value(theta, &self.weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::matrix::{Matrix, Targets};

    /// A part of random rows; class ids leave out the last of `classes` where there are more than two.
    fn part(rows: usize, cols: usize, classes: Option<usize>, rng: &mut Rng) -> Arc<Part> {
        let x = Matrix::new(rows, cols, (0..rows * cols).map(|_| rng.normal()).collect());
        let y = match classes {
            None => Targets::Values((0..rows).map(|_| rng.normal()).collect()),
            Some(count) => {
                let seen = if count > 2 { count - 1 } else { count } as u64;
                Targets::Classes { ids: (0..rows).map(|_| rng.below(seen) as u32).collect(), count }
            }
        };
        Arc::new(Part { x, y })
    }

    /// Every model, with the classes it takes.
    fn models() -> Vec<(ModelSpec, Option<usize>)> {
        let mlp = |hidden: &[usize]| ModelSpec::Mlp { hidden: hidden.to_vec() };
        vec![
            (ModelSpec::Quadratic { dim: 7, condition: 1.0 }, None),
            (ModelSpec::Quadratic { dim: 9, condition: 50.0 }, None),
            (ModelSpec::Linear, None),
            (ModelSpec::Logistic, Some(2)),
            (ModelSpec::Softmax, Some(2)),
            (ModelSpec::Softmax, Some(5)),
            (ModelSpec::Softmax, Some(13)),
            (ModelSpec::Softmax, Some(21)),
            (mlp(&[]), Some(4)),
            (mlp(&[1]), Some(3)),
            (mlp(&[6]), None),
            (mlp(&[8, 3]), Some(10)),
            (mlp(&[5, 4, 7]), None),
        ]
    }

    fn assert_close(a: &[f64], b: &[f64], tolerance: f64, what: &str) {
        let scale = b.iter().fold(1e-3f64, |scale, b| scale.max(b.abs()));
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            assert!((a - b).abs() <= tolerance * scale, "{what}, number {i}: {a} {b}");
        }
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let mut rng = Rng::new(11);
        for (model, classes) in models() {
            for (rows, cols) in [(1, 3), (5, 1), (3, 7), (150, 4)] {
                for (l1, l2) in [(0.0, 0.0), (0.02, 0.0), (0.0, 0.3), (0.01, 0.1)] {
                    for activation in [Activation::Tanh, Activation::Relu] {
                        let part = part(rows, cols, classes, &mut rng);
                        let mut objective = Objective::new(&model, activation, l1, l2, part).unwrap();
                        let theta: Vec<f64> = (0..objective.dim()).map(|_| rng.normal()).collect();
                        let (mut grad, mut again) = (theta.clone(), theta.clone());
                        let loss = objective.loss_and_gradient(&theta, &mut grad);
                        let what = format!("{model:?} {rows} x {cols} {activation:?} l1 {l1} l2 {l2}");
                        assert_close(&[loss], &[objective.loss(&theta)], 1e-14, &what);
                        objective.gradient(&theta, Batch::Full, &mut again);
                        assert_eq!(grad, again, "{what}");
                        let mut moved = theta.clone();
                        let numeric: Vec<f64> = (0..theta.len())
                            .map(|i| {
                                let h = 1e-6 * theta[i].abs().max(1.0);
                                let mut at = |value: f64| {
                                    moved[i] = value;
                                    objective.loss(&moved)
                                };
                                let slope = (at(theta[i] + h) - at(theta[i] - h)) / (2.0 * h);
                                moved[i] = theta[i];
                                slope
                            })
                            .collect();
                        assert_close(&grad, &numeric, 2e-7, &what);
                    }
                }
            }
        }
    }

    #[test]
    fn a_batch_is_a_part_of_its_own() {
        let mut rng = Rng::new(12);
        for (model, classes) in models().split_off(2) {
            let whole = part(300, 5, classes, &mut rng);
            let mut objective = Objective::new(&model, Activation::Tanh, 0.01, 0.1, Arc::clone(&whole)).unwrap();
            for rows in [vec![7], vec![3, 299, 0], (0..300).rev().collect::<Vec<u32>>()] {
                let x = rows.iter().flat_map(|&row| whole.x.row(row as usize).to_vec()).collect();
                let y = match &whole.y {
                    Targets::Values(values) => Targets::Values(rows.iter().map(|&row| values[row as usize]).collect()),
                    Targets::Classes { ids, count } => {
                        let ids = rows.iter().map(|&row| ids[row as usize]).collect();
                        Targets::Classes { ids, count: *count }
                    }
                };
                let small = Arc::new(Part { x: Matrix::new(rows.len(), 5, x), y });
                let mut alone = Objective::new(&model, Activation::Tanh, 0.01, 0.1, small).unwrap();
                let theta: Vec<f64> = (0..objective.dim()).map(|_| rng.normal()).collect();
                let (mut grad, mut expected) = (theta.clone(), theta.clone());
                objective.gradient(&theta, Batch::Rows(&rows), &mut grad);
                alone.gradient(&theta, Batch::Full, &mut expected);
                assert_close(&grad, &expected, 1e-14, &format!("{model:?}"));
                let mut moved = theta.clone();
                objective.descend(&mut moved, Batch::Rows(&rows), 0.25);
                let by_hand: Vec<f64> = theta.iter().zip(&grad).map(|(t, g)| t - 0.25 * g).collect();
                assert_close(&moved, &by_hand, 1e-15, &format!("{model:?}"));
            }
        }
    }

    #[test]
    fn starts_are_those_of_the_table() {
        let mut rng = Rng::new(13);
        let deviation = |values: &[f64]| (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt();
        let mut start = |model: ModelSpec, activation, scale| {
            let part = part(4, 50, Some(2), &mut Rng::new(1));
            let objective = Objective::new(&model, activation, 0.0, 0.0, part).unwrap();
            let theta = objective.initial(scale, &mut rng);
            assert_eq!(theta.len(), objective.dim());
            (deviation(&theta[objective.weight_ranges()[0].clone()]), theta)
        };
        let quadratic = ModelSpec::Quadratic { dim: 2000, condition: 1.0 };
        assert!((start(quadratic, Activation::Tanh, None).0 - 1.0).abs() < 0.1);
        assert_eq!(start(ModelSpec::Softmax, Activation::Tanh, None).0, 0.0);
        assert!((start(ModelSpec::Softmax, Activation::Tanh, Some(3.0)).0 - 3.0).abs() < 0.6);
        let mlp = || ModelSpec::Mlp { hidden: vec![40] };
        let (glorot, theta) = start(mlp(), Activation::Tanh, None);
        assert!((glorot - (2.0f64 / 90.0).sqrt()).abs() < 0.01 && theta[2000..2040] == [0.0; 40]);
        assert!((start(mlp(), Activation::Relu, Some(2.0)).0 - 2.0 * (2.0f64 / 50.0).sqrt()).abs() < 0.05);
    }

    #[test]
    fn overflow_goes_through() {
        let mut rng = Rng::new(14);
        for (model, classes) in models() {
            for activation in [Activation::Tanh, Activation::Relu] {
                let mut objective =
                    Objective::new(&model, activation, 0.0, 0.0, part(9, 3, classes, &mut rng)).unwrap();
                for value in [1e200, f64::INFINITY, f64::NAN] {
                    let theta = vec![value; objective.dim()];
                    let mut grad = theta.clone();
                    let loss = objective.loss_and_gradient(&theta, &mut grad);
                    assert!(!loss.is_finite() || loss >= 0.0, "{model:?}");
                    assert!(!value.is_nan() || loss.is_nan() && grad.iter().any(|g| g.is_nan()), "{model:?}");
                }
            }
        }
    }
}
