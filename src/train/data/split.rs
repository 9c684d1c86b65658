//! Dividing rows into training, validation and test rows, as index lists.

use crate::space::seed::Rng;

/// Rows by part, each list ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Rows to train on.
    pub train: Vec<u32>,
    /// Rows to choose by.
    pub validation: Vec<u32>,
    /// Rows to judge by in the end.
    pub test: Vec<u32>,
}

/// Draws `share` of `rows` at random and gives back (drawn, rest), both ascending.
///
/// Every class keeps its share as nearly as whole rows allow (largest remainders); `class` is 0 for all rows where
/// there are no classes. A class of two rows or more is never drawn whole.
pub fn stratified(rows: &[u32], class: impl Fn(u32) -> u32, share: f64, rng: &mut Rng) -> (Vec<u32>, Vec<u32>) {
    let mut groups: std::collections::BTreeMap<u32, Vec<u32>> = std::collections::BTreeMap::new();
    for &row in rows {
        groups.entry(class(row)).or_default().push(row);
    }
    let wanted = (share * rows.len() as f64).round() as usize;
    let mut counts: Vec<usize> = groups.values().map(|group| (share * group.len() as f64) as usize).collect();
    let mut by_remainder: Vec<(usize, f64, usize)> =
        groups.values().enumerate().map(|(i, group)| (i, (share * group.len() as f64).fract(), group.len())).collect();
    by_remainder.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.2.cmp(&a.2)).then(a.0.cmp(&b.0)));
    let mut lacking = wanted.saturating_sub(counts.iter().sum());
    for (i, remainder, size) in by_remainder {
        if lacking > 0 && remainder > 0.0 && counts[i] + 1 < size.max(2) {
            counts[i] += 1;
            lacking -= 1;
        }
    }
    let (mut drawn, mut rest) = (Vec::new(), Vec::new());
    for (group, count) in groups.values_mut().zip(counts) {
        rng.shuffle(group);
        drawn.extend(&group[..count]);
        rest.extend(&group[count..]);
    }
    drawn.sort_unstable();
    rest.sort_unstable();
    (drawn, rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn parts_are_disjoint_and_stratified(n in 2usize..300, classes in 1u32..8, share in 0.0f64..0.9, seed in any::<u64>()) {
            let rows: Vec<u32> = (0..n as u32).collect();
            let (drawn, rest) = stratified(&rows, |row| row % classes, share, &mut Rng::new(seed));
            let mut all = [drawn.clone(), rest.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, rows.clone());
            for class in 0..classes {
                let size = rows.iter().filter(|row| **row % classes == class).count();
                let taken = drawn.iter().filter(|row| **row % classes == class).count();
                prop_assert!((taken as f64 - share * size as f64).abs() < 1.0 + 1e-9);
                prop_assert!(size == 0 || taken < size || size == 1);
            }
        }
    }

    #[test]
    fn the_draw_depends_on_the_seed_only() {
        let rows: Vec<u32> = (0..100).collect();
        let draw = |seed| stratified(&rows, |row| row % 3, 0.2, &mut Rng::new(seed)).0;
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_eq!(draw(1).len(), 20);
    }
}
