//! A stack of dense layers under a head, trained on one part: the losses and gradients of every model with data.
//!
//! Rows are taken in blocks that stay in the nearest cache: a block goes forward and back before the next one is
//! looked at. A mini-batch is first copied together; a full pass reads the part where it lies.
//!
//! Invariant: all workspaces are made at the start; no evaluation allocates.

use std::ops::Range;
use std::sync::Arc;

use super::dense::{Dense, RowsOf, stack};
use super::head::{Head, Rows, Workspace};
use super::objective::Batch;
use super::penalty::Penalty;
use super::spec::{Activation, ModelSpec};
use crate::numeric;
use crate::train::matrix::{Part, Targets};

/// A block holds about this many numbers of the features (32 KiB) ...
const BLOCK_NUMBERS: usize = 4096;
/// ... and this many rows at least ...
const BLOCK_ROWS_MIN: usize = 32;
/// ... and at most.
const BLOCK_ROWS_MAX: usize = 128;

/// The layers, and what goes through them for one block of rows.
pub(super) struct Pass {
    pub layers: Vec<Dense>,
    pub head: Head,
    activation: Activation,
    /// The rows of a block.
    pub block: usize,
    /// The outputs of each layer for a block: activations, and scores in the last.
    outputs: Vec<Vec<f64>>,
}

impl Pass {
    /// The layers of `model` for `inputs` features and `outputs` classes (1: a real value), and their number of
    /// parameters. Blocks are no longer than `rows`.
    pub fn new(model: &ModelSpec, activation: Activation, inputs: usize, outputs: usize, rows: usize) -> (Self, usize) {
        let head = match model {
            ModelSpec::Logistic => Head::Logistic,
            _ if outputs > 1 => Head::Softmax,
            _ => Head::Squared,
        };
        let (layers, dim) = stack(&model.widths(inputs, outputs), head.padding());
        let block = (BLOCK_NUMBERS / inputs.max(1)).clamp(BLOCK_ROWS_MIN, BLOCK_ROWS_MAX);
        let block = (block / 4 * 4).min(rows.max(1));
        let outputs = layers.iter().map(|layer| vec![0.0; block * layer.width]).collect();
        (Self { layers, head, activation, block, outputs }, dim)
    }

    /// Takes over the parameters; `backward` where derivatives will be asked for.
    pub fn load(&mut self, theta: &[f64], backward: bool) {
        self.layers.iter_mut().for_each(|layer| layer.load(theta, backward));
    }

    /// The scores of a block of at most [`Self::block`] rows.
    pub fn forward(&mut self, theta: &[f64], x: RowsOf<'_>) -> &mut [f64] {
        let (count, last) = (x.count, self.layers.len() - 1);
        for (i, layer) in self.layers.iter().enumerate() {
            let (before, rest) = self.outputs.split_at_mut(i);
            let from = match before.last() {
                None => x,
                Some(h) => RowsOf { data: h, stride: self.layers[i - 1].width, count },
            };
            let z = &mut rest[0][..count * layer.width];
            layer.forward(theta, from, z);
            if i < last {
                match self.activation {
                    Activation::Tanh => numeric::tanh(z),
                    Activation::Relu => numeric::relu(z),
                }
            }
        }
        &mut self.outputs[last][..count * self.layers[last].width]
    }
}

/// A network, the part it is trained on, and the workspaces.
pub(super) struct Network {
    part: Arc<Part>,
    pass: Pass,
    dim: usize,
    /// The derivatives by each layer's outputs for a block; the last layer's take the place of its scores.
    deltas: Vec<Vec<f64>>,
    /// The features of a block of a mini-batch.
    gathered: Vec<f64>,
    workspace: Workspace,
}

/// What an evaluation is for.
#[derive(Clone, Copy, PartialEq)]
enum Want {
    Loss,
    Gradient,
    Both,
}

impl Network {
    /// The network of `model` on `part`, which has been checked to fit.
    pub fn new(model: &ModelSpec, activation: Activation, part: Arc<Part>) -> Self {
        let outputs = if let Targets::Classes { count, .. } = part.y { count } else { 1 };
        let (pass, dim) = Pass::new(model, activation, part.x.cols(), outputs, part.x.rows());
        let hidden = &pass.layers[..pass.layers.len() - 1];
        let deltas = hidden.iter().map(|layer| vec![0.0; pass.block * layer.width]).collect();
        let gathered = vec![0.0; pass.block * part.x.cols()];
        let workspace = Workspace::new(pass.block, pass.layers[hidden.len()].width);
        Self { part, pass, dim, deltas, gathered, workspace }
    }

    /// The number of parameters.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The number of rows of the part.
    pub fn rows(&self) -> usize {
        self.part.x.rows()
    }

    /// Inputs, outputs and the ranges of weights and bias of each layer.
    pub fn layers(&self) -> impl Iterator<Item = &Dense> {
        self.pass.layers.iter()
    }

    /// Where the weights are in the flat vector.
    pub fn weight_ranges(&self) -> Vec<Range<usize>> {
        self.layers().map(Dense::weight_range).collect()
    }

    /// The mean loss of all rows, without the penalty.
    pub fn loss(&mut self, theta: &[f64]) -> f64 {
        self.evaluate(theta, Batch::Full, Want::Loss)
    }

    /// The mean loss of all rows without the penalty, and the gradient with it.
    pub fn loss_and_gradient(&mut self, theta: &[f64], penalty: Penalty, grad: &mut [f64]) -> f64 {
        let loss = self.evaluate(theta, Batch::Full, Want::Both);
        self.layers().for_each(|layer| layer.write_gradient(theta, penalty, grad));
        loss
    }

    /// The gradient of the mean over a batch, penalty included.
    pub fn gradient(&mut self, theta: &[f64], batch: Batch<'_>, penalty: Penalty, grad: &mut [f64]) {
        self.evaluate(theta, batch, Want::Gradient);
        self.layers().for_each(|layer| layer.write_gradient(theta, penalty, grad));
    }

    /// `theta -= lr * gradient`.
    pub fn descend(&mut self, theta: &mut [f64], batch: Batch<'_>, penalty: Penalty, lr: f64) {
        self.evaluate(theta, batch, Want::Gradient);
        self.layers().for_each(|layer| layer.descend(theta, penalty, lr));
    }

    /// One pass over a batch; leaves the derivatives by the parameters in the layers. Returns the mean loss (0 where
    /// it is not wanted).
    fn evaluate(&mut self, theta: &[f64], batch: Batch<'_>, want: Want) -> f64 {
        assert_eq!(theta.len(), self.dim, "the parameters of another model");
        let part = Arc::clone(&self.part);
        let total = match batch {
            Batch::Full => part.x.rows(),
            Batch::Rows(rows) => rows.len(),
        };
        let (mut sum, cols) = (0.0, part.x.cols());
        self.pass.load(theta, want != Want::Loss);
        let mut start = 0;
        while start < total {
            let end = (start + self.pass.block).min(total);
            let (x, rows) = match batch {
                Batch::Full => (&part.x.data()[start * cols..end * cols], Rows::Range(start..end)),
                Batch::Rows(rows) => {
                    let rows = &rows[start..end];
                    numeric::gather(part.x.data(), cols, rows, &mut self.gathered);
                    (&self.gathered[..rows.len() * cols], Rows::Ids(rows))
                }
            };
            let x = RowsOf { data: x, stride: cols, count: end - start };
            sum += evaluate_block(
                &mut self.pass,
                &mut self.deltas,
                &mut self.workspace,
                theta,
                (x, &rows, &part.y),
                want,
                (start == 0, 1.0 / total as f64),
            );
            start = end;
        }
        sum / total as f64
    }
}

/// One block forward and, if wanted, back. `(first, scale)`: whether the derivatives start anew, and what the summed
/// loss is multiplied by. Returns the summed loss, or 0.
fn evaluate_block(
    pass: &mut Pass,
    deltas: &mut [Vec<f64>],
    workspace: &mut Workspace,
    theta: &[f64],
    (x, rows, y): (RowsOf<'_>, &Rows<'_>, &Targets),
    want: Want,
    (first, scale): (bool, f64),
) -> f64 {
    let (head, last) = (pass.head, pass.layers.len() - 1);
    let width = pass.layers[last].width;
    let scores = pass.forward(theta, x);
    let loss = if want == Want::Gradient { 0.0 } else { head.loss(scores, width, y, rows, workspace) };
    if want == Want::Loss {
        return loss;
    }
    head.derive(scores, width, y, rows, scale);
    for i in (0..=last).rev() {
        let (below, above) = deltas.split_at_mut(i.min(last));
        let dz = if i == last { &pass.outputs[last][..] } else { &above[0][..] };
        let dz = &dz[..x.count * pass.layers[i].width];
        if i == 0 {
            pass.layers[0].backward(x, dz, first);
            break;
        }
        let before = pass.layers[i - 1].width;
        let h = &pass.outputs[i - 1][..x.count * before];
        pass.layers[i].backward(RowsOf { data: h, stride: before, count: x.count }, dz, first);
        let dh = &mut below[i - 1][..x.count * before];
        pass.layers[i].propagate(theta, dz, before, dh);
        match pass.activation {
            Activation::Tanh => numeric::tanh_backward(dh, h),
            Activation::Relu => numeric::relu_backward(dh, h),
        }
    }
    loss
}
