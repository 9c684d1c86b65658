//! Mini-batches: rows drawn without replacement, in a new order for every epoch.
//!
//! Invariants: every row is visited once in each epoch; the last batch of an epoch holds what is left, at least one
//! row; the order depends on the seed and the number of rows alone.

use crate::space::seed::Rng;

/// An endless row of batches.
pub struct Batches {
    order: Vec<u32>,
    next: usize,
    size: usize,
    rng: Rng,
}

impl Batches {
    /// Batches of `size` of `rows` rows; a size of 0 is taken as 1.
    ///
    /// # Panics
    /// When the rows do not fit 32 bits.
    pub fn new(rows: usize, size: usize, rng: Rng) -> Self {
        let rows = u32::try_from(rows).expect("a part is held in memory and has fewer than 2^32 rows");
        let order: Vec<u32> = (0..rows).collect();
        Self { next: order.len(), order, size: size.max(1), rng }
    }

    /// The rows of the next batch.
    #[inline]
    pub fn next_batch(&mut self) -> &[u32] {
        if self.next == self.order.len() {
            self.shuffle();
            self.next = 0;
        }
        let end = (self.next + self.size).min(self.order.len());
        let batch = &self.order[self.next..end];
        self.next = end;
        batch
    }

    /// Puts the rows in a new order (Fisher and Yates), two draws from each 64 random bits.
    ///
    /// A draw below `n` is the high half of `n` times 32 bits, without bias: products whose low half is below
    /// `2^32 mod n` are drawn again (D. Lemire, "Fast random integer generation in an interval", 2019, algorithm 5).
    fn shuffle(&mut self) {
        let (mut bits, mut halves) = (0, 0);
        let mut draw = |n: u32| {
            loop {
                if halves == 0 {
                    (bits, halves) = (self.rng.bits(), 2);
                }
                let wide = (bits & 0xffff_ffff) * u64::from(n);
                bits >>= 32;
                halves -= 1;
                let low = wide as u32;
                if low >= n || low >= n.wrapping_neg() % n {
                    return (wide >> 32) as usize;
                }
            }
        };
        for i in (1..self.order.len()).rev() {
            let j = draw(i as u32 + 1);
            self.order.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_visits_each_row_once() {
        for (rows, size) in [(10, 3), (10, 10), (10, 25), (1, 1), (7, 0), (64, 32)] {
            let mut batches = Batches::new(rows, size, Rng::new(1));
            let mut orders = Vec::new();
            for _ in 0..3 {
                let mut seen = Vec::new();
                while seen.len() < rows {
                    let batch = batches.next_batch();
                    assert!(batch.len() == size.max(1).min(rows - seen.len()), "{rows} {size}");
                    seen.extend_from_slice(batch);
                }
                orders.push(seen.clone());
                seen.sort_unstable();
                assert_eq!(seen, (0..rows as u32).collect::<Vec<_>>());
            }
            assert!(rows < 10 || orders[0] != orders[1]);
        }
    }

    #[test]
    fn the_order_is_that_of_the_seed() {
        let first = |seed| Batches::new(100, 20, Rng::new(seed)).next_batch().to_vec();
        assert_eq!(first(3), first(3));
        assert_ne!(first(3), first(4));
    }

    #[test]
    fn every_row_comes_first_equally_often() {
        let mut batches = Batches::new(5, 5, Rng::new(9));
        let mut counts = [0; 5];
        for _ in 0..50_000 {
            counts[batches.next_batch()[0] as usize] += 1;
        }
        assert!(counts.iter().all(|&c| (9_600..10_400).contains(&c)), "{counts:?}");
    }
}
