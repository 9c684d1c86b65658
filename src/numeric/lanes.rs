//! The instructions a loop is compiled for, and their vector registers.
//!
//! The functions of the registers compile to single instructions where they are inlined into code for their features.
//! That is the only place they are used: `dispatch!` names [`Avx2`] and [`Avx512`] there and nowhere else (tests ask the
//! processor first).

/// Padded widths are multiples of this.
pub const LANES: usize = 4;

/// A set of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Instructions {
    /// What every processor of the target has.
    Baseline = 1,
    /// AVX2 and FMA.
    Avx2 = 2,
    /// AVX-512 (F, VL, DQ, BW).
    Avx512 = 3,
}

/// The best instructions of this processor; it is asked once.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn instructions() -> Instructions {
    use std::sync::atomic::{AtomicU8, Ordering};
    /// 0 until the processor has been asked.
    static FOUND: AtomicU8 = AtomicU8::new(0);

    #[cold]
    fn ask() -> Instructions {
        use std::arch::is_x86_feature_detected as has;
        let avx2 = has!("avx2") && has!("fma");
        let avx512 = avx2 && has!("avx512f") && has!("avx512vl") && has!("avx512dq") && has!("avx512bw");
        let found = match (avx512, avx2) {
            (true, _) => Instructions::Avx512,
            (_, true) => Instructions::Avx2,
            _ => Instructions::Baseline,
        };
        FOUND.store(found as u8, Ordering::Relaxed);
        found
    }

    match FOUND.load(Ordering::Relaxed) {
        3 => Instructions::Avx512,
        2 => Instructions::Avx2,
        1 => Instructions::Baseline,
        _ => ask(),
    }
}

/// The best instructions of this processor: those of its target.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub fn instructions() -> Instructions {
    Instructions::Baseline
}

/// How a body multiplies and adds, one number at a time and in vectors.
pub(crate) trait Arith {
    /// Four numbers at once.
    type Narrow: Vector;
    /// As many numbers at once as there can be: four or eight.
    type Wide: Vector;
    /// The rows of a tile of a matrix product, by the registers there are for its sums.
    const TILE_ROWS: usize;

    /// `a * b + c`.
    fn madd(a: f64, b: f64, c: f64) -> f64;
}

/// Some numbers at once.
pub(crate) trait Vector: Copy {
    /// How many: 4 or 8.
    const COUNT: usize;

    /// The same number in every place.
    fn splat(x: f64) -> Self;

    /// `self * b + c`.
    fn madd(self, b: Self, c: Self) -> Self;

    /// The numbers of `from` from `at` on.
    ///
    /// # Panics
    /// When there are fewer than [`Self::COUNT`].
    fn load(from: &[f64], at: usize) -> Self;

    /// Writes the numbers to `to` from `at` on.
    ///
    /// # Panics
    /// When there is no room for them.
    fn store(self, to: &mut [f64], at: usize);
}

/// What the baseline of the target does best: two roundings where a fused product would be a call into the C library.
pub(crate) struct Baseline;

impl Arith for Baseline {
    type Narrow = [f64; LANES];
    type Wide = [f64; LANES];
    const TILE_ROWS: usize = 2;

    #[inline(always)]
    fn madd(a: f64, b: f64, c: f64) -> f64 {
        if cfg!(any(target_feature = "fma", target_arch = "aarch64")) { a.mul_add(b, c) } else { a * b + c }
    }
}

impl Vector for [f64; LANES] {
    const COUNT: usize = LANES;

    #[inline(always)]
    fn splat(x: f64) -> Self {
        [x; LANES]
    }

    #[inline(always)]
    fn madd(self, b: Self, c: Self) -> Self {
        let mut sum = c;
        for i in 0..LANES {
            sum[i] = Baseline::madd(self[i], b[i], c[i]);
        }
        sum
    }

    #[inline(always)]
    fn load(from: &[f64], at: usize) -> Self {
        array(from, at)
    }

    #[inline(always)]
    fn store(self, to: &mut [f64], at: usize) {
        *array_mut(to, at) = self;
    }
}

/// `N` numbers of `from` from `at` on.
#[inline(always)]
fn array<const N: usize>(from: &[f64], at: usize) -> [f64; N] {
    *<&[f64; N]>::try_from(&from[at..at + N]).expect("the slice is as long as the array")
}

/// `N` numbers of `to` from `at` on, to be written.
#[inline(always)]
fn array_mut<const N: usize>(to: &mut [f64], at: usize) -> &mut [f64; N] {
    <&mut [f64; N]>::try_from(&mut to[at..at + N]).expect("the slice is as long as the array")
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

/// The registers of x86-64.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{__m256d, __m512d, _mm256_fmadd_pd, _mm256_set1_pd, _mm512_fmadd_pd, _mm512_set1_pd};
    use std::mem::transmute;

    use super::{Arith, Vector, array, array_mut};

    /// AVX2 and FMA: 16 registers of four numbers.
    pub(crate) struct Avx2;

    impl Arith for Avx2 {
        type Narrow = Four;
        type Wide = Four;
        // 3 rows of 3 vectors, the vectors and a factor: 13 registers. With 4 rows the compiler runs out of them.
        const TILE_ROWS: usize = 3;

        #[inline(always)]
        fn madd(a: f64, b: f64, c: f64) -> f64 {
            a.mul_add(b, c)
        }
    }

    /// AVX-512: 32 registers of eight numbers.
    pub(crate) struct Avx512;

    impl Arith for Avx512 {
        type Narrow = Four;
        type Wide = Eight;
        const TILE_ROWS: usize = 8;

        #[inline(always)]
        fn madd(a: f64, b: f64, c: f64) -> f64 {
            a.mul_add(b, c)
        }
    }

    /// Implements [`Vector`] for a register by its instructions.
    macro_rules! register {
        ($(#[$meta:meta])* $name:ident($inner:ty), $count:literal, $splat:ident, $madd:ident) => {
            $(#[$meta])*
            #[derive(Clone, Copy)]
            pub(crate) struct $name($inner);

            impl Vector for $name {
                const COUNT: usize = $count;

                #[inline(always)]
                fn splat(x: f64) -> Self {
                    // SAFETY: used where the processor has the instruction.
                    Self(unsafe { $splat(x) })
                }

                #[inline(always)]
                fn madd(self, b: Self, c: Self) -> Self {
                    // SAFETY: used where the processor has the instruction.
                    Self(unsafe { $madd(self.0, b.0, c.0) })
                }

                #[inline(always)]
                fn load(from: &[f64], at: usize) -> Self {
                    // SAFETY: a register is any array of its numbers.
                    Self(unsafe { transmute::<[f64; $count], $inner>(array(from, at)) })
                }

                #[inline(always)]
                fn store(self, to: &mut [f64], at: usize) {
                    // SAFETY: as above.
                    *array_mut(to, at) = unsafe { transmute::<$inner, [f64; $count]>(self.0) };
                }
            }
        };
    }

    register! {
        /// A register of four numbers.
        Four(__m256d), 4, _mm256_set1_pd, _mm256_fmadd_pd
    }
    register! {
        /// A register of eight numbers.
        Eight(__m512d), 8, _mm512_set1_pd, _mm512_fmadd_pd
    }
}
