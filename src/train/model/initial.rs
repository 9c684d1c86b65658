//! Where training starts: random parameters from a seeded generator.
//!
//! | model | default | with a scale `s` |
//! |---|---|---|
//! | quadratic | N(0, 1) | N(0, s^2) |
//! | linear, logistic, softmax | 0 | N(0, s^2) on the weights |
//! | mlp with tanh | Glorot: uniform on `+-sqrt(6 / (inputs + outputs))` of each layer | `s` times that |
//! | mlp with relu | He: N(0, 2 / inputs) of each layer | `s` times that |
//!
//! Biases start at 0. Sources: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward
//! neural networks", AISTATS 2010, eq. 16; K. He et al., "Delving deep into rectifiers", ICCV 2015, eq. 10.

use super::network::Network;
use super::spec::Activation;
use crate::space::seed::Rng;

/// The start of the quadratic of `dim` coordinates.
pub(super) fn quadratic(dim: usize, scale: Option<f64>, rng: &mut Rng) -> Vec<f64> {
    let scale = scale.unwrap_or(1.0);
    (0..dim).map(|_| scale * rng.normal()).collect()
}

/// The start of a regression without hidden layers.
pub(super) fn regression(network: &Network, scale: Option<f64>, rng: &mut Rng) -> Vec<f64> {
    let mut theta = vec![0.0; network.dim()];
    if let Some(scale) = scale {
        for layer in network.layers() {
            theta[layer.weight_range()].fill_with(|| scale * rng.normal());
        }
    }
    theta
}

/// The start of a multi-layer perceptron.
pub(super) fn perceptron(network: &Network, activation: Activation, scale: Option<f64>, rng: &mut Rng) -> Vec<f64> {
    let (mut theta, scale) = (vec![0.0; network.dim()], scale.unwrap_or(1.0));
    for layer in network.layers() {
        let (inputs, outputs) = (layer.inputs as f64, layer.outputs as f64);
        let weights = &mut theta[layer.weight_range()];
        match activation {
            Activation::Tanh => {
                let limit = scale * (6.0 / (inputs + outputs)).sqrt();
                weights.fill_with(|| limit * (2.0 * rng.unit() - 1.0));
            }
            Activation::Relu => {
                let deviation = scale * (2.0 / inputs).sqrt();
                weights.fill_with(|| deviation * rng.normal());
            }
        }
    }
    theta
}
