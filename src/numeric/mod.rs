//! The numeric loops of trainers and samplers: products, exponentials, activations and parameter updates over float64 slices.
//!
//! Every loop is written once, as an `#[inline(always)]` body generic over the instructions (`Arith`), and compiled
//! three times on x86-64: for AVX-512, for AVX2 with FMA, and for the baseline of the target. The processor is asked
//! once, at run time, so that one binary is fast everywhere and `-C target-cpu` is not needed.
//!
//! Invariants: no loop allocates; the order of the operations depends on the shapes only, so that a result is the same
//! bits in every run on one machine, whatever runs beside it; NaN and infinities go through and never panic. The
//! compilations differ in the last bits (a fused product is rounded once).
//!
//! The bodies use plain indices: the adaptors of iterators are not always inlined into them.

#![expect(
    clippy::needless_range_loop,
    clippy::manual_memcpy,
    reason = "iterators and calls for a few numbers are slower here, and much slower without optimisation across crates"
)]

mod cholesky;
mod elementwise;
mod gemm;
mod gemv;
mod lanes;
mod layout;
mod normal;
mod softmax;
mod transcendental;
mod update;

pub use cholesky::{cholesky, exp, invert_factor, lower_times, product, square_inverse, upper_times};
pub use elementwise::{add_column_sums, relu, relu_backward, tanh, tanh_backward};
pub use gemm::{Init, Shape, Strided, gemm, transpose};
pub use gemv::{add_weighted_rows, dot_rows, outer};
pub use lanes::{Instructions, LANES, instructions};
pub use layout::{descend_padded, gather, unpack_gradient};
pub use normal::{LN_SQRT_2PI, erfcx, ln_improvement, ln_normal_cdf, normal_cdf, normal_density};
pub use softmax::{logistic, softmax};
pub use update::{AdamStep, adam, axpy, momentum, nesterov, pull, scale, scale_by};

pub(crate) use lanes::{Arith, Baseline};
#[cfg(target_arch = "x86_64")]
pub(crate) use lanes::{Avx2, Avx512};
pub(crate) use transcendental::exp as exponential;

/// Defines a function that runs `$body` compiled for the best instructions of the processor.
macro_rules! dispatch {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? => $body:ident) => {
        $(#[$meta])*
        #[inline]
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::numeric::{Avx2, Avx512, Instructions, instructions};

                #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512dq,avx512bw")]
                fn widest($($arg: $ty),*) $(-> $ret)? {
                    $body::<Avx512>($($arg),*)
                }

                #[target_feature(enable = "avx2,fma")]
                fn wide($($arg: $ty),*) $(-> $ret)? {
                    $body::<Avx2>($($arg),*)
                }

                match instructions() {
                    // SAFETY: the processor has the features that the function is compiled for.
                    Instructions::Avx512 => return unsafe { widest($($arg),*) },
                    // SAFETY: as above.
                    Instructions::Avx2 => return unsafe { wide($($arg),*) },
                    Instructions::Baseline => {}
                }
            }
            $body::<$crate::numeric::Baseline>($($arg),*)
        }
    };
}
pub(crate) use dispatch;
