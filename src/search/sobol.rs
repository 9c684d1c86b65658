//! Sobol search: the points of a scrambled Sobol sequence, which fill the space evenly at every length.
//!
//! Sources: I. M. Sobol, USSR Comput. Math. Math. Phys. 7 (1967), with the direction numbers of Joe and Kuo (2008);
//! scrambled as A. Owen, "Randomly permuted (t,m,s)-nets" (1995), by the hash of S. Laine and T. Karras, "Stratified
//! sampling for stochastic transparency" (2011), as B. Burley, "Practical hash-based Owen scrambling", JCGT 9 (2020), uses
//! it. Dimensions beyond the table are independent draws.

use std::sync::Arc;

use super::blind::{Blind, Points};
use super::joe_kuo::DIRECTIONS;
use crate::space::Space;
use crate::space::seed::{Rng, derive};

/// Bits of a coordinate.
const BITS: usize = 32;

/// Proposes the configs of `try`, then the points of a scrambled Sobol sequence.
pub type Sobol = Blind<Scrambled>;

/// A scrambled Sobol sequence.
pub struct Scrambled {
    seed: u64,
    /// The number of the point, from 0; none before the first.
    index: Option<u64>,
    /// Direction numbers and the key of the scrambling of each dimension that was asked for.
    dimensions: Vec<Option<([u32; BITS], u32)>>,
    rng: Rng,
}

impl Sobol {
    /// Sobol search over `space` with the sweep's search seed.
    pub fn new(space: Arc<Space>, seed: u64) -> Self {
        Self::over(space, Scrambled::new(seed))
    }
}

impl Scrambled {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, index: None, dimensions: Vec::new(), rng: Rng::for_purpose(seed, "sobol search", 0) }
    }

    /// A coordinate of the point `index`, from 0.
    pub(super) fn at(&mut self, index: u32, dimension: usize) -> f64 {
        self.index = Some(u64::from(index));
        self.unit(dimension)
    }
}

impl Points for Scrambled {
    fn advance(&mut self) {
        self.index = Some(self.index.map_or(0, |index| index + 1));
    }

    fn unit(&mut self, dimension: usize) -> f64 {
        let index = self.index.unwrap_or(0);
        // The table and the bits of an index have an end.
        if dimension > DIRECTIONS.len() || index >= 1 << BITS {
            return self.rng.unit();
        }
        if self.dimensions.len() <= dimension {
            self.dimensions.resize(dimension + 1, None);
        }
        let seed = self.seed;
        let (directions, key) = self.dimensions[dimension]
            .get_or_insert_with(|| (directions(dimension), derive(seed, "sobol dimension", dimension as u64) as u32));
        let scrambled = scramble(point(directions, index as u32), *key);
        (f64::from(scrambled) + 0.5) / (1u64 << BITS) as f64
    }

    fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }
}

/// The direction numbers of a dimension, each with its first digit at the highest bit.
fn directions(dimension: usize) -> [u32; BITS] {
    let mut v = [0u32; BITS];
    let Some((polynomial, first)) = dimension.checked_sub(1).map(|i| DIRECTIONS[i]) else {
        return std::array::from_fn(|i| 1 << (BITS - 1 - i));
    };
    let degree = first.len();
    for i in 0..BITS {
        v[i] = match first.get(i) {
            Some(m) => u32::from(*m) << (BITS - 1 - i),
            // The recurrence of the polynomial (Bratley and Fox, "Algorithm 659", 1988).
            None => (1..degree).fold(v[i - degree] ^ (v[i - degree] >> degree), |sum, k| {
                if polynomial >> (degree - k) & 1 == 1 { sum ^ v[i - k] } else { sum }
            }),
        };
    }
    v
}

/// A coordinate of a point, as a fraction of 2^32, in the order of the Gray code.
fn point(directions: &[u32; BITS], index: u32) -> u32 {
    let gray = index ^ (index >> 1);
    directions.iter().enumerate().filter(|(i, _)| gray >> i & 1 == 1).fold(0, |x, (_, v)| x ^ v)
}

/// Owen's scrambling: every bit is flipped or not, as a hash of the bits above it and of the key says.
fn scramble(x: u32, key: u32) -> u32 {
    let mut x = x.reverse_bits().wrapping_add(key);
    for factor in [0x6c50_b47c_u32, 0xb82f_1e52, 0xc7af_e638, 0x8d22_f6e6] {
        x ^= x.wrapping_mul(factor);
    }
    x.reverse_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_points_are_the_published_ones() {
        let shown = |index: u32| [0, 1, 2].map(|d| f64::from(point(&directions(d), index)) / 4_294_967_296.0);
        assert_eq!(shown(0), [0.0, 0.0, 0.0]);
        assert_eq!(shown(1), [0.5, 0.5, 0.5]);
        assert_eq!(shown(2), [0.75, 0.25, 0.25]);
        assert_eq!(shown(3), [0.25, 0.75, 0.75]);
        assert_eq!(shown(4), [0.375, 0.375, 0.625]);
    }

    #[test]
    fn every_block_of_a_power_of_two_is_even_in_every_dimension() {
        for seed in [0, 1, 77] {
            let mut points = Scrambled::new(seed);
            for block in 0..4 {
                let mut seen = vec![[false; 64]; 256];
                for _ in 0..64 {
                    points.advance();
                    for (dimension, seen) in seen.iter_mut().enumerate() {
                        let x = points.unit(dimension);
                        assert!((0.0..1.0).contains(&x));
                        assert!(!std::mem::replace(&mut seen[(x * 64.0) as usize], true), "{seed} {block} {dimension}");
                    }
                }
            }
        }
    }

    #[test]
    fn pairs_of_dimensions_are_even_too() {
        // The first two dimensions make a (0, m, 2)-net: one point in each of the 4 x 16, 8 x 8, ... boxes.
        let mut points = Scrambled::new(5);
        let all: Vec<(f64, f64)> = (0..64)
            .map(|_| {
                points.advance();
                (points.unit(0), points.unit(1))
            })
            .collect();
        for rows in [1, 2, 4, 8, 16, 32, 64] {
            let columns = 64 / rows;
            let mut boxes: Vec<usize> =
                all.iter().map(|(x, y)| (x * rows as f64) as usize * columns + (y * columns as f64) as usize).collect();
            boxes.sort_unstable();
            boxes.dedup();
            assert_eq!(boxes.len(), 64, "{rows} x {columns}");
        }
    }

    /// The squared centred L2 discrepancy (F. J. Hickernell, "A generalized discrepancy and quadrature error bound", 1998).
    fn discrepancy(points: &[Vec<f64>]) -> f64 {
        let (n, d) = (points.len() as f64, points[0].len() as i32);
        let away = |x: f64| (x - 0.5).abs();
        let single: f64 = points
            .iter()
            .map(|x| x.iter().map(|x| 1.0 + 0.5 * away(*x) - 0.5 * away(*x).powi(2)).product::<f64>())
            .sum();
        let double: f64 = points
            .iter()
            .flat_map(|x| points.iter().map(move |y| (x, y)))
            .map(|(x, y)| {
                x.iter()
                    .zip(y)
                    .map(|(x, y)| 1.0 + 0.5 * away(*x) + 0.5 * away(*y) - 0.5 * (x - y).abs())
                    .product::<f64>()
            })
            .sum();
        (13.0f64 / 12.0).powi(d) - 2.0 / n * single + double / (n * n)
    }

    #[test]
    fn points_fill_the_space_better_than_random_ones() {
        for seed in 0..5 {
            let (mut sobol, mut rng) = (Scrambled::new(seed), Rng::new(seed));
            let even: Vec<Vec<f64>> = (0..100)
                .map(|_| {
                    sobol.advance();
                    (0..6).map(|d| sobol.unit(d)).collect()
                })
                .collect();
            let random: Vec<Vec<f64>> = (0..100).map(|_| (0..6).map(|_| rng.unit()).collect()).collect();
            assert!(discrepancy(&even) < 0.5 * discrepancy(&random), "seed {seed}");
        }
    }

    #[test]
    fn dimensions_without_directions_are_drawn() {
        let mut points = Scrambled::new(3);
        points.advance();
        let far: Vec<f64> = (250..400).map(|d| points.unit(d)).collect();
        assert!(far.iter().all(|x| (0.0..1.0).contains(x)) && far[10] != far[11]);
    }
}
