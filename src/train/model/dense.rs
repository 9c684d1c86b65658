//! One dense layer: `z = x W + b`, its derivatives, and the padded copies that the products need.
//!
//! In the flat parameter vector a layer is `W` (`inputs` x `outputs`, row-major), then `b`. The results of the products
//! have rows padded to a multiple of four numbers; a last layer with one output is not padded and uses vector products.
//! The weights are read where they lie: a padded column then holds numbers that follow in the vector (of the next row,
//! the bias or the next layer; there are always enough of them), its score is finite where the parameters are, and
//! nobody reads it. Only the derivatives by the outputs, which are summed over, must be 0 there: the padding of the
//! bias sees to it in the last layer (a score of minus infinity has probability 0), that of the transposed weights in
//! the others.

use std::ops::Range;

use super::penalty::Penalty;
use crate::numeric::{self, Init, LANES, Shape, Strided};

/// A layer and its workspace.
pub(super) struct Dense {
    /// The numbers that come in.
    pub inputs: usize,
    /// The numbers that go out.
    pub outputs: usize,
    /// `outputs` with padding: the distance between rows of `z`.
    pub width: usize,
    /// Where the layer's numbers start in the flat vector.
    start: usize,
    /// The padded bias.
    bias: Vec<f64>,
    /// The transposed weights, `outputs` rows of the width before; empty in a first layer.
    transposed: Vec<f64>,
    /// The derivative by the weights, padded.
    weight_gradient: Vec<f64>,
    /// The derivative by the bias, padded.
    bias_gradient: Vec<f64>,
}

/// Rows of numbers: `count` rows, `stride` from one to the next.
#[derive(Clone, Copy)]
pub(super) struct RowsOf<'a> {
    pub data: &'a [f64],
    pub stride: usize,
    pub count: usize,
}

impl Dense {
    /// A layer whose numbers begin at `start`. `before` is the padded width of the layer before, `None` for the first
    /// layer; `last` tells the last layer, whose bias is padded with `padding`.
    pub fn new(inputs: usize, outputs: usize, start: usize, before: Option<usize>, last: bool, padding: f64) -> Self {
        let width = if last && outputs == 1 { 1 } else { outputs.next_multiple_of(LANES) };
        let transposed = match before {
            Some(before) if width > 1 => vec![0.0; outputs * before],
            _ => Vec::new(),
        };
        let mut bias = vec![0.0; width];
        bias[outputs..].fill(padding);
        let (weight_gradient, bias_gradient) = (vec![0.0; inputs * width], vec![0.0; width]);
        Self { inputs, outputs, width, start, bias, transposed, weight_gradient, bias_gradient }
    }

    /// Where the weights are in the flat vector.
    pub fn weight_range(&self) -> Range<usize> {
        self.start..self.start + self.inputs * self.outputs
    }

    /// Where the bias is in the flat vector.
    pub fn bias_range(&self) -> Range<usize> {
        let start = self.start + self.inputs * self.outputs;
        start..start + self.outputs
    }

    /// Takes over the parameters of `theta`: to be called before the products, whenever `theta` has changed.
    /// `backward` asks for the transposed weights too.
    pub fn load(&mut self, theta: &[f64], backward: bool) {
        let weights = &theta[self.weight_range()];
        self.bias[..self.outputs].copy_from_slice(&theta[self.start + weights.len()..][..self.outputs]);
        if backward && !self.transposed.is_empty() {
            let before = self.transposed.len() / self.outputs;
            numeric::transpose(weights, self.outputs, self.inputs, self.outputs, &mut self.transposed, before);
        }
    }

    /// `z = x W + b` for the rows of `x`.
    pub fn forward(&self, theta: &[f64], x: RowsOf<'_>, z: &mut [f64]) {
        if self.width == 1 {
            numeric::dot_rows(x.data, x.stride, &theta[self.weight_range()], self.bias[0], &mut z[..x.count]);
        } else {
            let shape = Shape { m: x.count, n: self.width, k: self.inputs };
            let left = Strided { data: x.data, row: x.stride, col: 1 };
            numeric::gemm(shape, left, &theta[self.start..], self.outputs, z, self.width, Init::Row(&self.bias));
        }
    }

    /// Adds the derivatives by the parameters from those by `z` (`dz`); `first` starts a new sum.
    pub fn backward(&mut self, x: RowsOf<'_>, dz: &[f64], first: bool) {
        if first {
            self.bias_gradient.fill(0.0);
        }
        numeric::add_column_sums(&mut self.bias_gradient, dz);
        if self.width == 1 {
            if first {
                self.weight_gradient.fill(0.0);
            }
            numeric::add_weighted_rows(&mut self.weight_gradient, x.data, x.stride, dz);
        } else {
            let shape = Shape { m: self.inputs, n: self.width, k: x.count };
            let left = Strided { data: x.data, row: 1, col: x.stride };
            let init = if first { Init::Zero } else { Init::Add };
            numeric::gemm(shape, left, dz, self.width, &mut self.weight_gradient, self.width, init);
        }
    }

    /// The derivative by the layer's inputs, `dx = dz W'`, in rows of the padded width `before`.
    pub fn propagate(&self, theta: &[f64], dz: &[f64], before: usize, dx: &mut [f64]) {
        if self.width == 1 {
            numeric::outer(dz, &theta[self.weight_range()], dx, before);
        } else {
            let shape = Shape { m: dz.len() / self.width, n: before, k: self.outputs };
            let left = Strided { data: dz, row: self.width, col: 1 };
            numeric::gemm(shape, left, &self.transposed, before, dx, before, Init::Zero);
        }
    }

    /// Writes the layer's part of the gradient, penalty included.
    pub fn write_gradient(&self, theta: &[f64], penalty: Penalty, grad: &mut [f64]) {
        let (weights, bias) = (self.weight_range(), self.bias_range());
        penalty.gradient(&theta[weights.clone()], self.outputs, &self.weight_gradient, self.width, &mut grad[weights]);
        grad[bias].copy_from_slice(&self.bias_gradient[..self.outputs]);
    }

    /// `theta -= lr * gradient` on the layer's part, penalty included.
    pub fn descend(&self, theta: &mut [f64], penalty: Penalty, lr: f64) {
        let (weights, bias) = (self.weight_range(), self.bias_range());
        penalty.descend(&mut theta[weights], self.outputs, &self.weight_gradient, self.width, lr);
        Penalty::default().descend(&mut theta[bias], self.outputs, &self.bias_gradient, self.width, lr);
    }
}

/// The layers of a network of `widths` units (features first), and the length of their flat vector.
pub(super) fn stack(widths: &[usize], padding: f64) -> (Vec<Dense>, usize) {
    let (mut layers, mut start) = (Vec::<Dense>::with_capacity(widths.len() - 1), 0);
    for (i, pair) in widths.windows(2).enumerate() {
        let last = i + 2 == widths.len();
        let before = layers.last().map(|layer| layer.width);
        layers.push(Dense::new(pair[0], pair[1], start, before, last, padding));
        start += (pair[0] + 1) * pair[1];
    }
    (layers, start)
}
