//! Fitting the hyperparameters: the greatest posterior density, by `argmin`'s L-BFGS.

use std::cell::RefCell;

use argmin::core::{CostFunction, Error, Executor, Gradient};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use super::process::{Data, Layout, objective};

/// Moves that the curvature is estimated from.
const MEMORY: usize = 8;

/// The posterior density as `argmin` sees it, with the best that was seen and the last evaluation: a line search asks
/// for the cost and the gradient in turn.
struct Density<'a> {
    layout: &'a Layout,
    data: &'a Data,
    y: &'a [f64],
    last: RefCell<Last>,
    evaluations: RefCell<usize>,
    most: usize,
}

#[derive(Default)]
struct Last {
    at: Vec<f64>,
    cost: f64,
    gradient: Vec<f64>,
    best: Option<(f64, Vec<f64>)>,
}

impl Density<'_> {
    fn evaluate(&self, theta: &[f64]) -> Result<(), Error> {
        let mut last = self.last.borrow_mut();
        if last.at == theta {
            return Ok(());
        }
        *self.evaluations.borrow_mut() += 1;
        if *self.evaluations.borrow() > self.most {
            return Err(Error::msg("enough"));
        }
        let mut gradient = vec![0.0; theta.len()];
        let cost = objective(self.layout, self.data, self.y, theta, &mut gradient);
        let Some(cost) = cost.filter(|_| gradient.iter().all(|g| g.is_finite())) else {
            return Err(Error::msg("the kernel matrix is not positive definite"));
        };
        if last.best.as_ref().is_none_or(|(best, _)| cost < *best) {
            last.best = Some((cost, theta.to_vec()));
        }
        last.at = theta.to_vec();
        (last.cost, last.gradient) = (cost, gradient);
        Ok(())
    }
}

impl CostFunction for &Density<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, theta: &Vec<f64>) -> Result<f64, Error> {
        self.evaluate(theta)?;
        Ok(self.last.borrow().cost)
    }
}

impl Gradient for &Density<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, theta: &Vec<f64>) -> Result<Vec<f64>, Error> {
        self.evaluate(theta)?;
        Ok(self.last.borrow().gradient.clone())
    }
}

/// The best hyperparameters found from `start` in about `evaluations`, and minus the logarithm of their density.
pub(super) fn fit(
    layout: &Layout,
    data: &Data,
    y: &[f64],
    start: Vec<f64>,
    evaluations: usize,
) -> Option<(f64, Vec<f64>)> {
    let density =
        Density { layout, data, y, last: RefCell::default(), evaluations: RefCell::new(0), most: evaluations };
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY).with_tolerance_grad(1e-2).ok()?;
    let solver = solver.with_tolerance_cost(1e-5).ok()?;
    // An error is an evaluation that was given up: the best that was seen counts.
    let _ = Executor::new(&density, solver)
        .configure(|state| state.param(start).max_iters(evaluations as u64))
        .ctrlc(false)
        .timer(false)
        .run();
    density.last.into_inner().best
}
