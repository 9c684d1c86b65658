//! Proof that a step allocates nothing: the unit tests run under an allocator that counts, thread by thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use super::testing::{part, run, start};
use super::{Control, MethodKind, MethodSpec, Monitor, Schedule};
use crate::train::model::{Activation, ModelSpec, Objective};

/// The system's allocator, counting.
struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is done by the system's allocator; the counter has no destructor and does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller vouches for the layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller vouches for both.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The allocations so far at each report.
struct Counter {
    seen: [u64; 8],
    reports: usize,
}

impl Monitor for Counter {
    fn report(&mut self, _step: u64, _theta: &[f64], _objective: &mut Objective) -> Control {
        self.seen[self.reports] = COUNT.get();
        self.reports += 1;
        Control::Continue
    }
}

#[test]
fn steps_allocate_nothing() {
    let models =
        [ModelSpec::Quadratic { dim: 50, condition: 10.0 }, ModelSpec::Softmax, ModelSpec::Mlp { hidden: vec![7, 8] }];
    for model in models {
        let mut objective = Objective::new(&model, Activation::Tanh, 0.01, 0.01, part(true)).unwrap();
        for kind in MethodKind::ALL.into_iter().filter(|kind| *kind != MethodKind::Lbfgs) {
            for batch in [None, Some(8)] {
                let schedule = Schedule::Cosine;
                let spec = MethodSpec { batch, schedule, lr: 0.01, beta: 0.1, ..MethodSpec::new(kind, 40) };
                let theta = start(&objective);
                let spec = MethodSpec { anchor: Some(Arc::from(&theta[..])), ..spec };
                let mut counter = Counter { seen: [0; 8], reports: 0 };
                run(&mut objective, theta, &spec, &mut counter);
                assert_eq!(counter.reports, 5);
                assert_eq!(counter.seen[1], counter.seen[4], "{model:?} {kind} {batch:?}");
                assert!(counter.seen[0] > 0, "the allocator counts");
            }
        }
    }
}
