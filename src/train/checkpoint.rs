//! A trained model in a safetensors file, with all that is needed to apply it: the model, the scaling, the columns, the
//! classes.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::data::{Encoder, Table};
use super::matrix::Matrix;
use super::model::{Activation, ModelSpec, param_shapes, predict};
use super::{DataError, score};

/// The key of the description in the file's metadata.
const KEY: &str = "sweep";

/// A trained model.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// What stands beside the tensors.
    pub about: About,
    /// The parameters, flat.
    pub theta: Vec<f64>,
}

/// What is needed to apply a model, beside its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The version of this description.
    pub version: u32,
    /// `linear`, `logistic`, `softmax` or `mlp`.
    pub model: String,
    /// The widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// `relu` or `tanh`.
    pub activation: String,
    /// The column that is predicted.
    pub target: String,
    /// The classes in order; empty for regression.
    pub classes: Vec<String>,
    /// How rows become numbers.
    pub encoder: Encoder,
}

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what this program wrote.
    #[error("`{path}` is not a saved model of sweep: {why}")]
    Foreign {
        /// The file.
        path: String,
        /// What does not fit.
        why: String,
    },
}

impl Checkpoint {
    /// The description of `model` for a checkpoint; none for the quadratic, which applies to no data.
    pub fn about(
        model: &ModelSpec,
        activation: Activation,
        target: &str,
        classes: &[String],
        encoder: &Encoder,
    ) -> Option<About> {
        let (word, hidden) = match model {
            ModelSpec::Quadratic { .. } => return None,
            ModelSpec::Linear => ("linear", Vec::new()),
            ModelSpec::Logistic => ("logistic", Vec::new()),
            ModelSpec::Softmax => ("softmax", Vec::new()),
            ModelSpec::Mlp { hidden } => ("mlp", hidden.clone()),
        };
        Some(About {
            version: 1,
            model: word.into(),
            hidden,
            activation: if activation == Activation::Tanh { "tanh" } else { "relu" }.into(),
            target: target.into(),
            classes: classes.to_vec(),
            encoder: encoder.clone(),
        })
    }

    /// The model.
    pub fn model(&self) -> ModelSpec {
        match self.about.model.as_str() {
            "linear" => ModelSpec::Linear,
            "logistic" => ModelSpec::Logistic,
            "softmax" => ModelSpec::Softmax,
            _ => ModelSpec::Mlp { hidden: self.about.hidden.clone() },
        }
    }

    /// The activation of hidden layers.
    pub fn activation(&self) -> Activation {
        if self.about.activation == "tanh" { Activation::Tanh } else { Activation::Relu }
    }

    fn outputs(&self) -> usize {
        self.about.classes.len().max(1)
    }

    /// The file's content.
    pub fn to_bytes(&self) -> Vec<u8> {
        let shapes = param_shapes(&self.model(), self.about.encoder.width(), self.outputs());
        let bytes: Vec<u8> = self.theta.iter().flat_map(|x| x.to_le_bytes()).collect();
        let mut start = 0;
        let mut tensors = Vec::new();
        for (name, shape) in shapes {
            let length = shape.iter().product::<usize>() * 8;
            let view = TensorView::new(Dtype::F64, shape, &bytes[start..start + length]);
            tensors.push((name, view.expect("the bytes of a tensor fit its shape")));
            start += length;
        }
        let about = serde_json::to_string(&self.about).expect("a description has only texts and finite numbers");
        let metadata = HashMap::from([(KEY.to_owned(), about)]);
        safetensors::serialize(tensors, Some(metadata)).expect("names and shapes are valid")
    }

    /// Reads what [`Checkpoint::to_bytes`] wrote.
    ///
    /// # Errors
    /// A file that is not there or is something else.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let shown = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| CheckpointError::Read { path: shown.clone(), source })?;
        Self::from_bytes(&bytes).map_err(|why| CheckpointError::Foreign { path: shown, why })
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let about =
            metadata.metadata().as_ref().and_then(|map| map.get(KEY)).ok_or("it does not say which model it is")?;
        let about: About = serde_json::from_str(about).map_err(|error| error.to_string())?;
        if about.version != 1 {
            return Err(format!("it was written by a newer version ({})", about.version));
        }
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let mut checkpoint = Self { about, theta: Vec::new() };
        for (name, shape) in param_shapes(&checkpoint.model(), checkpoint.about.encoder.width(), checkpoint.outputs()) {
            let tensor = tensors.tensor(&name).map_err(|error| error.to_string())?;
            if tensor.shape() != shape || tensor.dtype() != Dtype::F64 {
                return Err(format!("the tensor `{name}` has another shape or type than the model needs"));
            }
            let numbers = tensor.data().as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes));
            checkpoint.theta.extend(numbers);
        }
        Ok(checkpoint)
    }

    /// Scores of all rows of `table`: class probabilities (rows x classes), or values (rows x 1).
    ///
    /// # Errors
    /// A column that is missing or holds something else.
    pub fn predict(&self, table: &Table) -> Result<Matrix, DataError> {
        let rows: Vec<u32> = (0..table.rows as u32).collect();
        let x = self.about.encoder.encode(table, &rows)?;
        Ok(predict(&self.model(), self.activation(), &self.theta, &x, self.outputs()))
    }

    /// The predicted class of each row of `scores`, by name.
    pub fn class_names(&self, scores: &Matrix) -> Vec<&str> {
        (0..scores.rows()).map(|i| self.about.classes[score::argmax(scores.row(i)) as usize].as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::{EncodedColumn, Encoding};

    #[test]
    fn a_checkpoint_survives_the_file() {
        let encoder = Encoder {
            columns: vec![
                EncodedColumn {
                    name: "a \"b\"".into(),
                    encoding: Encoding::Numeric { mean: 0.1, scale: 2.5, fill: 0.1 },
                },
                EncodedColumn { name: "c".into(), encoding: Encoding::OneHot { levels: vec!["x".into(), "y".into()] } },
            ],
        };
        let model = ModelSpec::Mlp { hidden: vec![4] };
        let about = Checkpoint::about(&model, Activation::Tanh, "y", &["p".into(), "q".into()], &encoder).unwrap();
        let theta: Vec<f64> = (0..(3 * 4 + 4 + 4 * 2 + 2)).map(|i| f64::from(i) * 0.1).collect();
        let checkpoint = Checkpoint { about, theta };
        assert_eq!(Checkpoint::from_bytes(&checkpoint.to_bytes()).unwrap(), checkpoint);
        assert!(Checkpoint::from_bytes(b"nonsense").is_err());
    }
}
