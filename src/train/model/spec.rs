//! Which model: its kind and sizes, the checks against the data, and the named tensors of its parameters.

use std::fmt;

use crate::train::matrix::{Part, Targets};

/// The function between the layers of a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// The hyperbolic tangent.
    #[default]
    Tanh,
    /// The rectifier, `max(z, 0)`; its derivative at 0 is taken to be 0.
    Relu,
}

/// A model and its sizes.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelSpec {
    /// `J = mean_i c_i theta_i^2` over `dim` coordinates, which stand for the rows of a data set. The curvatures `c`
    /// run from 1 down to `1 / condition`, evenly in the logarithm; all are 1 when `condition` is 1.
    Quadratic {
        /// The number of coordinates, at least 1.
        dim: usize,
        /// The condition number, at least 1.
        condition: f64,
    },
    /// Linear regression under the mean squared error `mean (f(x) - y)^2` (without a half).
    Linear,
    /// Logistic regression of two classes: one score, the logarithm of the odds of class 1; mean cross-entropy.
    Logistic,
    /// Softmax regression of two classes or more: one score for each; mean cross-entropy.
    Softmax,
    /// A multi-layer perceptron; its head is softmax for classes and linear for values.
    Mlp {
        /// The widths of the hidden layers, each at least 1.
        hidden: Vec<usize>,
    },
}

/// Why a model cannot be trained on a part.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelError {
    /// A regression was given classes.
    NeedsValues,
    /// A classifier was given real values.
    NeedsClasses,
    /// There is nothing to tell apart.
    TooFewClasses(usize),
    /// Logistic regression tells two classes apart.
    TooManyClasses(usize),
    /// The part has no rows.
    NoRows,
    /// The targets are not as many as the rows.
    Lengths {
        /// The rows of the features.
        rows: usize,
        /// The targets.
        targets: usize,
    },
    /// A hidden layer, or the quadratic, has no units.
    NoUnits,
    /// A condition number below 1, or one that is not finite.
    Condition(f64),
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedsValues => f.write_str("the model needs a target of numbers, and this one has classes"),
            Self::NeedsClasses => f.write_str("the model needs a target of classes, and this one has numbers"),
            Self::TooFewClasses(count) => write!(f, "a classifier needs two classes, and the target has {count}"),
            Self::TooManyClasses(count) => {
                write!(f, "logistic regression takes two classes, and the target has {count}: use softmax")
            }
            Self::NoRows => f.write_str("there are no rows to train on"),
            Self::Lengths { rows, targets } => write!(f, "{rows} rows have {targets} targets"),
            Self::NoUnits => f.write_str("a layer needs at least one unit"),
            Self::Condition(condition) => write!(f, "the condition number must be 1 or more, not {condition}"),
        }
    }
}

impl std::error::Error for ModelError {}

impl ModelSpec {
    /// Whether the model can be trained on `part`.
    ///
    /// # Errors
    /// What does not fit; see [`ModelError`].
    pub(super) fn check(&self, part: &Part) -> Result<(), ModelError> {
        if let Self::Quadratic { dim, condition } = *self {
            return match () {
                () if dim == 0 => Err(ModelError::NoUnits),
                () if !(condition >= 1.0 && condition.is_finite()) => Err(ModelError::Condition(condition)),
                () => Ok(()),
            };
        }
        let (rows, targets) = (part.x.rows(), part.y.len());
        if rows != targets {
            return Err(ModelError::Lengths { rows, targets });
        }
        if rows == 0 {
            return Err(ModelError::NoRows);
        }
        match (self, &part.y) {
            (Self::Linear, Targets::Classes { .. }) => Err(ModelError::NeedsValues),
            (Self::Logistic | Self::Softmax, Targets::Values(_)) => Err(ModelError::NeedsClasses),
            (_, Targets::Classes { count, .. }) if *count < 2 => Err(ModelError::TooFewClasses(*count)),
            (Self::Logistic, Targets::Classes { count, .. }) if *count > 2 => Err(ModelError::TooManyClasses(*count)),
            (Self::Mlp { hidden }, _) if hidden.contains(&0) => Err(ModelError::NoUnits),
            _ => Ok(()),
        }
    }

    /// The number of scores for `outputs` classes (or 1 for a real value).
    pub(super) fn scores(&self, outputs: usize) -> usize {
        if matches!(self, Self::Logistic) { 1 } else { outputs }
    }

    /// The units of each layer from the features to the scores.
    pub(super) fn widths(&self, inputs: usize, outputs: usize) -> Vec<usize> {
        let hidden: &[usize] = if let Self::Mlp { hidden } = self { hidden } else { &[] };
        std::iter::once(inputs).chain(hidden.iter().copied()).chain([self.scores(outputs)]).collect()
    }
}

/// The named tensors of a model's flat parameter vector, in its order, each with its shape (row-major).
///
/// `outputs` is the number of classes, or 1 for a real value. The quadratic has one tensor, `theta` of `[dim]`; every
/// other model has `layer0.weight` of `[inputs, units]`, `layer0.bias` of `[units]`, `layer1.weight` and so on. The
/// last layer's units are the classes (one for logistic regression and for real values).
pub fn param_shapes(model: &ModelSpec, inputs: usize, outputs: usize) -> Vec<(String, Vec<usize>)> {
    if let ModelSpec::Quadratic { dim, .. } = model {
        return vec![("theta".to_owned(), vec![*dim])];
    }
    let widths = model.widths(inputs, outputs);
    let layers = widths.windows(2).enumerate();
    layers
        .flat_map(|(i, w)| [(format!("layer{i}.weight"), vec![w[0], w[1]]), (format!("layer{i}.bias"), vec![w[1]])])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::matrix::Matrix;

    fn part(y: Targets) -> Part {
        Part { x: Matrix::zeros(2, 3), y }
    }

    #[test]
    fn models_refuse_what_they_cannot_learn() {
        let classes = |count| part(Targets::Classes { ids: vec![0, 1], count });
        let values = part(Targets::Values(vec![0.0, 1.0]));
        let mlp = |width| ModelSpec::Mlp { hidden: vec![width] };
        let quadratic = |dim, condition| ModelSpec::Quadratic { dim, condition };
        let lengths = ModelError::Lengths { rows: 2, targets: 1 };
        for (model, part, error) in [
            (ModelSpec::Linear, classes(2), Some(ModelError::NeedsValues)),
            (ModelSpec::Softmax, values.clone(), Some(ModelError::NeedsClasses)),
            (ModelSpec::Logistic, classes(3), Some(ModelError::TooManyClasses(3))),
            (ModelSpec::Softmax, classes(1), Some(ModelError::TooFewClasses(1))),
            (mlp(0), values.clone(), Some(ModelError::NoUnits)),
            (ModelSpec::Linear, part(Targets::Values(vec![1.0])), Some(lengths)),
            (ModelSpec::Linear, Part::default(), Some(ModelError::NoRows)),
            (quadratic(0, 1.0), Part::default(), Some(ModelError::NoUnits)),
            (quadratic(1, 0.5), Part::default(), Some(ModelError::Condition(0.5))),
            (quadratic(1, 1.0), Part::default(), None),
            (ModelSpec::Logistic, classes(2), None),
            (ModelSpec::Softmax, classes(2), None),
            (mlp(4), classes(2), None),
            (mlp(4), values, None),
        ] {
            assert_eq!(model.check(&part).err(), error, "{model:?}");
        }
        assert_eq!(ModelError::TooManyClasses(3).to_string().lines().count(), 1);
    }

    #[test]
    fn the_tensors_are_named_in_order() {
        let shapes = param_shapes(&ModelSpec::Mlp { hidden: vec![5, 2] }, 4, 3);
        let expected = [
            ("layer0.weight", vec![4, 5]),
            ("layer0.bias", vec![5]),
            ("layer1.weight", vec![5, 2]),
            ("layer1.bias", vec![2]),
            ("layer2.weight", vec![2, 3]),
            ("layer2.bias", vec![3]),
        ];
        assert_eq!(shapes, expected.map(|(name, shape)| (name.to_owned(), shape)));
        assert_eq!(param_shapes(&ModelSpec::Logistic, 4, 2)[0].1, [4, 1]);
        assert_eq!(
            param_shapes(&ModelSpec::Quadratic { dim: 7, condition: 1.0 }, 0, 1),
            [("theta".to_owned(), vec![7])]
        );
    }
}
