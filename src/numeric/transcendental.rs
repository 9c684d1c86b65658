//! Exponential and hyperbolic tangent without branches, so that a loop over them becomes vector code.
//!
//! Both reduce to `r = x - k ln 2` with `|r| <= ln 2 / 2` (the two-part constant of fdlibm) and use
//! `e^r = 1 + r + r^2 q(r)`, `q` of degree 9, the interpolation of `(e^r - 1 - r) / r^2` at Chebyshev's nodes: its
//! error is 1.6e-17 of `e^r`. With rounding, [`exp`] is within 1 and [`tanh`] within 2.5 units in the last place
//! (a test measures both).

use super::Arith;

/// `log2 e`.
const LOG2_E: f64 = std::f64::consts::LOG2_E;
/// The leading bits of `ln 2`; a product with any whole `k` here is exact.
const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
/// `ln 2 - LN2_HIGH`.
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// 1.5 * 2^52: added to `y`, it leaves `y` rounded to a whole number in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// Below this the exponential is taken to be 0; it is above the subnormal numbers.
const LOWEST: f64 = -708.0;
/// The coefficients of `q`, from the constant one.
const Q: [f64; 10] = [
    5.000_000_000_000_001e-1,
    1.666_666_666_666_666_9e-1,
    4.166_666_666_662_416e-2,
    8.333_333_333_330_065e-3,
    1.388_888_891_719_673_6e-3,
    1.984_126_986_304_055_9e-4,
    2.480_152_132_234_228e-5,
    2.755_726_848_028_971_6e-6,
    2.762_007_589_254_816_4e-7,
    2.510_037_584_222_37e-8,
];

/// `(e^r - 1, k in the low bits)` of the reduced argument of `x`.
#[inline(always)]
fn reduced<S: Arith>(x: f64) -> (f64, u64) {
    let shifted = S::madd(x, LOG2_E, ROUND);
    let k = shifted - ROUND;
    let r = S::madd(k, -LN2_LOW, S::madd(k, -LN2_HIGH, x));
    // Estrin's scheme: pairs, then powers of r^2; short chains.
    let r2 = r * r;
    let r4 = r2 * r2;
    let q01 = S::madd(Q[1], r, Q[0]);
    let q23 = S::madd(Q[3], r, Q[2]);
    let q45 = S::madd(Q[5], r, Q[4]);
    let q67 = S::madd(Q[7], r, Q[6]);
    let q89 = S::madd(Q[9], r, Q[8]);
    let high = S::madd(q89, r4, S::madd(q67, r2, q45));
    let q = S::madd(high, r4, S::madd(q23, r2, q01));
    (S::madd(q, r2, r), shifted.to_bits())
}

/// `e^x` for `x <= 709` or NaN; 0 below -708.
#[inline(always)]
pub(crate) fn exp<S: Arith>(x: f64) -> f64 {
    // A comparison with NaN is false: NaN goes through.
    let clamped = if x < LOWEST { LOWEST } else { x };
    let (e, k) = reduced::<S>(clamped);
    let power = f64::from_bits((1.0 + e).to_bits().wrapping_add(k << 52));
    if x < LOWEST { 0.0 } else { power }
}

/// The hyperbolic tangent, from `m = e^(2|x|) - 1` as `m / (m + 2)`: exact to the last places near 0 too.
#[inline(always)]
pub(crate) fn tanh<S: Arith>(x: f64) -> f64 {
    let twice = 2.0 * x.abs();
    let (e, k) = reduced::<S>(if twice > 40.0 { 40.0 } else { twice });
    let scale = f64::from_bits(1.0f64.to_bits().wrapping_add(k << 52));
    let m = S::madd(scale, e, scale - 1.0);
    (m / (m + 2.0)).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::super::Baseline;
    use super::*;
    use crate::space::seed::Rng;

    /// Fused products wherever the test runs.
    struct Exact;

    impl Arith for Exact {
        type Narrow = <Baseline as Arith>::Narrow;
        type Wide = <Baseline as Arith>::Wide;
        const TILE_ROWS: usize = 1;

        fn madd(a: f64, b: f64, c: f64) -> f64 {
            a.mul_add(b, c)
        }
    }

    /// The distance in units in the last place of `exact`.
    fn ulps(value: f64, exact: f64) -> f64 {
        (value - exact).abs() / (f64::from_bits(exact.abs().to_bits() + 1) - exact.abs())
    }

    #[test]
    fn both_are_exact_to_the_last_places() {
        // The standard library's functions are within 1 unit themselves.
        let mut rng = Rng::new(5);
        let (mut worst_exp, mut worst_tanh) = (0.0f64, 0.0f64);
        for i in 0..200_000 {
            let x = match i % 4 {
                0 => -700.0 * rng.unit(),
                1 => -rng.unit(),
                2 => 20.0 * (rng.unit() - 0.5),
                _ => (10.0f64).powf(-12.0 * rng.unit()),
            };
            for value in [exp::<Exact>(x), exp::<Baseline>(x)] {
                worst_exp = worst_exp.max(ulps(value, x.exp()));
            }
            for value in [tanh::<Exact>(x), tanh::<Baseline>(x)] {
                worst_tanh = worst_tanh.max(ulps(value, x.tanh()));
            }
        }
        assert!(worst_exp <= 2.0 && worst_tanh <= 3.5, "{worst_exp} {worst_tanh}");
    }

    #[test]
    fn the_ends_are_as_they_should_be() {
        for (x, expected) in [(0.0, 1.0), (-0.0, 1.0), (-709.0, 0.0), (f64::NEG_INFINITY, 0.0)] {
            assert_eq!(exp::<Exact>(x), expected);
        }
        assert!(exp::<Exact>(f64::NAN).is_nan() && tanh::<Exact>(f64::NAN).is_nan());
        for (x, expected) in [(f64::INFINITY, 1.0), (f64::NEG_INFINITY, -1.0), (25.0, 1.0), (1e-300, 1e-300)] {
            assert_eq!(tanh::<Exact>(x), expected);
        }
        assert!(tanh::<Baseline>(-0.0).is_sign_negative());
    }
}
