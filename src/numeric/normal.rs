//! The standard normal distribution, with tails that do not vanish.

/// `1 / sqrt(2 pi)`.
const DENSITY_AT_0: f64 = 0.398_942_280_401_432_7;
/// `ln sqrt(2 pi)`.
pub const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_7;
/// `sqrt(pi / 2)`.
const SQRT_HALF_PI: f64 = 1.253_314_137_315_500_3;

/// The density of the standard normal distribution.
pub fn normal_density(z: f64) -> f64 {
    DENSITY_AT_0 * (-0.5 * z * z).exp()
}

/// The distribution function of the standard normal distribution.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// `ln` of [`normal_cdf`], also where that is 0 to working precision.
pub fn ln_normal_cdf(z: f64) -> f64 {
    if z > -1.0 {
        (-0.5 * libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2)).ln_1p()
    } else {
        -0.5 * z * z + (0.5 * erfcx(-z * std::f64::consts::FRAC_1_SQRT_2)).ln()
    }
}

/// The scaled complementary error function `e^(x^2) erfc(x)` for `x >= 0`.
///
/// Near 0 by its definition; beyond, by the continued fraction of Laplace (NIST Handbook of Mathematical Functions,
/// 7.9.1), evaluated backwards.
pub fn erfcx(x: f64) -> f64 {
    if x < 3.0 {
        return (x * x).exp() * libm::erfc(x);
    }
    if x > 1e8 {
        return std::f64::consts::FRAC_2_SQRT_PI * 0.5 / x;
    }
    let terms = if x > 30.0 { 8 } else { 60 };
    let mut fraction = x;
    for k in (1..=terms).rev() {
        fraction = x + 0.5 * f64::from(k) / fraction;
    }
    std::f64::consts::FRAC_2_SQRT_PI * 0.5 / fraction
}

/// `ln(phi(z) + z Phi(z))` and its derivative: the logarithm of the expected improvement in units of the standard
/// deviation, finite for every finite `z`.
///
/// Source: S. Ament et al., "Unexpected improvements to expected improvement for Bayesian optimization", NeurIPS 2023,
/// equation 9 and appendix A.
pub fn ln_improvement(z: f64) -> (f64, f64) {
    if z > -1.0 {
        let cdf = normal_cdf(z);
        let h = normal_density(z) + z * cdf;
        return (h.ln(), cdf / h);
    }
    let head = -0.5 * z * z - LN_SQRT_2PI;
    if z < -200.0 {
        // 1 + z m(z) cancels: the first terms of its series.
        let s = 1.0 / (z * z);
        return (head + (s * (1.0 - 3.0 * s + 15.0 * s * s)).ln(), -z - 2.0 / z + 6.0 / (z * z * z));
    }
    let mills = SQRT_HALF_PI * erfcx(-z * std::f64::consts::FRAC_1_SQRT_2);
    let rest = z * mills;
    (head + rest.ln_1p(), mills / (1.0 + rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64, relative: f64) -> bool {
        (a - b).abs() <= relative * b.abs().max(1e-300)
    }

    #[test]
    fn the_scaled_error_function_meets_known_values() {
        for (x, value) in [
            (0.0, 1.0),
            (0.5, 0.615_690_344_192_925_9),
            (2.0, 0.255_395_676_310_505_76),
            (5.0, 0.110_704_637_733_068_63),
            (25.0, 0.022_549_572_432_641_36),
            (1000.0, 0.000_564_189_301_453_387_6),
        ] {
            assert!(near(erfcx(x), value, 1e-13), "{x}: {}", erfcx(x));
        }
    }

    #[test]
    fn the_improvement_meets_known_values_far_into_the_tail() {
        for (z, value, slope) in [
            (10.0, std::f64::consts::LN_10, 0.1),
            (1.0, 0.080_026_218_849_306_94, 0.776_638_725_202),
            (0.0, -0.918_938_533_204_672_8, 1.253_314_137_32),
            (-1.0, -2.485_121_025_712_641_3, 1.904_271_233_33),
            (-2.0, -4.768_783_523_917_114, 2.679_416_883_96),
            (-5.0, -16.744_301_162_660_99, 5.361_816_241_29),
            (-10.0, -55.553_122_036_122_35, 10.194_383_033_4),
            (-20.0, -206.917_837_509_425_1, 20.099_262_811_1),
            (-38.0, -730.196_182_403_382_1, 38.052_522_76),
            (-100.0, -5_010.129_578_800_25, 100.019_994_004),
            (-1000.0, -500_014.734_452_091_16, 1_000.001_999_99),
        ] {
            let (found, derivative) = ln_improvement(z);
            assert!((found - value).abs() <= 2e-8 * value.abs().max(1.0), "{z}: {found}");
            assert!(near(derivative, slope, 1e-8), "{z}: {derivative}");
        }
        let (value, slope) = ln_improvement(-1e6);
        assert!(value.is_finite() && near(slope, 1e6, 1e-9));
    }

    #[test]
    fn the_branches_of_the_improvement_meet() {
        for seam in [-1.0, -200.0] {
            let (left, right) = (ln_improvement(seam - 1e-9), ln_improvement(seam + 1e-9));
            assert!((left.0 - right.0).abs() < 1e-6 && (left.1 - right.1).abs() < 1e-6, "{seam}: {left:?} {right:?}");
        }
    }

    #[test]
    fn the_distribution_function_and_its_logarithm_agree() {
        for (z, value) in [(0.0, 0.5), (1.0, 0.841_344_746_068_542_9), (-3.0, 0.001_349_898_031_630_094_6)] {
            assert!(near(normal_cdf(z), value, 1e-14));
            assert!(near(ln_normal_cdf(z), value.ln(), 1e-12));
        }
        assert!(near(ln_normal_cdf(-40.0), -804.608_442_013_753_9, 1e-12), "{}", ln_normal_cdf(-40.0));
    }
}
