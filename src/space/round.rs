//! Rounding of the numbers that a range generates.

/// Rounds `x` to 6 significant digits, or to as many more as keep numbers apart that lie a millionth of `width` apart
/// (within an eighth).
///
/// The result is the float nearest to a short decimal number, so that what is typed (`0.001`) is what was generated,
/// on every machine. At most 17 digits are kept; `width` is the distance between the ends of the range.
pub fn significant(x: f64, width: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return if x == 0.0 { 0.0 } else { x };
    }
    let exponent = x.abs().log10().floor();
    let wanted = exponent + 1.0 - (width.abs() * 1e-6).log10();
    // A range of a little less than a decade's width, such as [0.001, 1], must not ask for one more digit.
    let digits = if wanted.is_finite() { (wanted - 0.05).ceil().clamp(6.0, 17.0) } else { 6.0 };
    format!("{:.*e}", digits as usize - 1, x).parse().expect("a number in scientific notation parses")
}

/// The multiple of `quantum` nearest to `x`, clean of binary dust (`0.3`, not `0.30000000000000004`).
pub fn multiple(x: f64, quantum: f64) -> f64 {
    clean((x / quantum).round() * quantum, quantum)
}

/// `x` to 12 digits beyond the magnitude of `quantum` at most, which removes what binary arithmetic added.
pub(super) fn clean(x: f64, quantum: f64) -> f64 {
    if x == 0.0 {
        return 0.0;
    }
    // A whole number has no dust, and no more digits than are kept.
    if x.fract() == 0.0 && x.abs() < 1e15 && quantum.abs() < 1e9 {
        return x;
    }
    let digits = (x.abs().log10().floor() - quantum.abs().log10().floor() + 10.0).clamp(6.0, 15.0);
    format!("{:.*e}", digits as usize - 1, x).parse().expect("a number in scientific notation parses")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn gives_the_number_a_person_would_write() {
        assert_eq!(significant(1e-4 * 10f64.powf(0.5), 1.0), 0.000316228);
        assert_eq!(significant(0.000_999_999_999_9, 1.0), 0.001);
        assert_eq!(significant(0.123_456_789, 0.2), 0.1234568);
        assert_eq!(significant(1_000_000.123_456, 1e-3), 1_000_000.123_456);
        assert_eq!(significant(-0.0, 1.0).to_bits(), 0);
        assert_eq!(multiple(0.31, 0.1), 0.3);
        assert_eq!(multiple(7.3, 0.5), 7.5);
        assert_eq!(multiple(1e9 + 0.04, 0.1), 1e9);
        assert_eq!(multiple(123_456_789_012_345.0, 1.0), 123_456_789_012_345.0);
    }

    proptest! {
        #[test]
        fn rounding_twice_changes_nothing(x in -1e6f64..1e6, width in 1e-6f64..1e6) {
            let once = significant(x, width);
            prop_assert_eq!(significant(once, width), once);
            prop_assert!((once - x).abs() <= (x.abs() * 5.1e-6).max(1e-300));
        }

        #[test]
        fn a_millionth_of_the_range_stays_apart(low in -1e3f64..1e3, width in 1e-3f64..1e3, at in 0.0f64..0.99) {
            let x = low + at * width;
            prop_assert!(significant(x, width) != significant(x + width * 1.2e-6, width));
        }
    }
}
