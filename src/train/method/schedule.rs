//! How the learning rate goes over the steps of a run.
//!
//! Over the first `warmup` steps the rate rises linearly, `(step + 1) / warmup` of its value, and reaches it at the last
//! of them. Over the `T = steps - warmup` steps that remain, with `t = 0, ..., T - 1` counting them:
//!
//! | schedule | factor |
//! |---|---|
//! | constant | 1 |
//! | cosine | `(1 + cos(pi t / T)) / 2`; I. Loshchilov and F. Hutter, "SGDR", ICLR 2017, eq. 5, without restarts |
//! | exponential | `100^(-t / T)`: from 1 towards 1/100 |

use std::fmt;
use std::str::FromStr;

/// The course of the learning rate after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schedule {
    /// The rate stays.
    #[default]
    Constant,
    /// Half a period of the cosine, from the full rate towards 0.
    Cosine,
    /// The same factor in every step, from the full rate towards a hundredth.
    Exponential,
}

impl Schedule {
    /// All schedules.
    pub const ALL: [Self; 3] = [Self::Constant, Self::Cosine, Self::Exponential];

    /// The name in a spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Cosine => "cosine",
            Self::Exponential => "exponential",
        }
    }

    /// What the learning rate of step `step` (from 0) of `steps` is multiplied by.
    #[inline]
    pub fn factor(self, step: u64, steps: u64, warmup: u64) -> f64 {
        if step < warmup {
            return (step + 1) as f64 / warmup as f64;
        }
        if self == Self::Constant {
            return 1.0;
        }
        let share = (step - warmup) as f64 / steps.saturating_sub(warmup).max(1) as f64;
        match self {
            Self::Constant => 1.0,
            Self::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * share).cos()),
            Self::Exponential => 100f64.powf(-share),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Schedule {
    type Err = String;

    /// The schedule of a name.
    ///
    /// # Errors
    /// The names there are, when `name` is none of them.
    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|schedule| schedule.name() == name);
        found.ok_or_else(|| format!("`{name}` is not one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (schedule, step, expected) in [
            (Schedule::Constant, 0, 0.25),
            (Schedule::Constant, 3, 1.0),
            (Schedule::Constant, 99, 1.0),
            (Schedule::Cosine, 1, 0.5),
            (Schedule::Cosine, 4, 1.0),
            (Schedule::Cosine, 54, 0.5),
            (Schedule::Cosine, 104, 0.0),
            (Schedule::Exponential, 4, 1.0),
            (Schedule::Exponential, 54, 0.1),
            (Schedule::Exponential, 104, 0.01),
        ] {
            let factor = schedule.factor(step, 104, 4);
            assert!((factor - expected).abs() < 1e-15, "{schedule} {step}: {factor}");
        }
        assert_eq!(Schedule::Cosine.factor(0, 0, 0), 1.0);
        assert_eq!(Schedule::Cosine.factor(9, 10, 20), 0.5);
    }

    #[test]
    fn names_go_both_ways() {
        for schedule in Schedule::ALL {
            assert_eq!(schedule.name().parse(), Ok(schedule));
        }
        assert!("linear".parse::<Schedule>().is_err());
    }
}
