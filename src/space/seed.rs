//! All randomness: seeds derived from what they are for, and a generator whose draws never change.
//!
//! Invariants: a seed is a hash of (sweep seed, purpose, index) and of nothing else, so that neither timing nor the
//! number of workers can move it. The generator is PCG XSL RR 128/64, which is documented as portable; the
//! distributions over it are written here, because those of general libraries may change between versions.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng as _, SeedableRng};

/// The number of distinct trial seeds: a trial's seed lies in `[0, 2^31)`, so that NumPy takes it.
const TRIAL_SEEDS: u64 = 1 << 31;

/// The seed for one purpose of a sweep: the first 8 bytes of BLAKE3 over the sweep's seed, the purpose and an index.
pub fn derive(sweep_seed: u64, purpose: &str, index: u64) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"sweep seed v1\0");
    hasher.update(&sweep_seed.to_le_bytes());
    hasher.update(&(purpose.len() as u64).to_le_bytes());
    hasher.update(purpose.as_bytes());
    hasher.update(&index.to_le_bytes());
    let hash = hasher.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// The seed of repeat `repeat` of every config of a sweep, in `[0, 2^31)`.
pub fn trial_seed(sweep_seed: u64, repeat: u64) -> u64 {
    derive(sweep_seed, "trial", repeat) % TRIAL_SEEDS
}

/// A seeded generator of random numbers.
#[derive(Clone, Debug)]
pub struct Rng(Pcg64);

impl Rng {
    /// A generator for `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Pcg64::seed_from_u64(seed))
    }

    /// A generator for one purpose of a sweep; see [`fn@derive`].
    pub fn for_purpose(sweep_seed: u64, purpose: &str, index: u64) -> Self {
        Self::new(derive(sweep_seed, purpose, index))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A uniform number in `[0, 1)`, a multiple of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A uniform integer in `[0, n)`, without bias (multiplication and rejection).
    ///
    /// # Panics
    /// When `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "no integer lies below 0");
        let threshold = n.wrapping_neg() % n;
        loop {
            let wide = u128::from(self.bits()) * u128::from(n);
            if wide as u64 >= threshold {
                return (wide >> 64) as u64;
            }
        }
    }

    /// A standard normal number, by inversion.
    pub fn normal(&mut self) -> f64 {
        // The middle of the 2^53 cells, so that neither 0 nor 1 is ever asked for.
        normal_quantile((self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64) + 0.5 / (1u64 << 53) as f64)
    }

    /// Puts `items` in a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i as u64 + 1) as usize;
            items.swap(i, j);
        }
    }
}

/// The quantile function of the standard normal distribution for `p` in `(0, 1)`, to about 1e-16 relative.
///
/// Source: M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics
/// 37 (1988), routine PPND16.
pub fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 8] = [
        3.387_132_872_796_366_5,
        1.331_416_678_917_843_8e2,
        1.971_590_950_306_551_3e3,
        1.373_169_376_550_946e4,
        4.592_195_393_154_987e4,
        6.726_577_092_700_87e4,
        3.343_057_558_358_813e4,
        2.509_080_928_730_122_7e3,
    ];
    const B: [f64; 8] = [
        1.0,
        4.231_333_070_160_091e1,
        6.871_870_074_920_579e2,
        5.394_196_021_424_751e3,
        2.121_379_430_158_659_7e4,
        3.930_789_580_009_271e4,
        2.872_908_573_572_194_3e4,
        5.226_495_278_852_545e3,
    ];
    const C: [f64; 8] = [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        2.417_807_251_774_506e-1,
        2.272_384_498_926_918_4e-2,
        7.745_450_142_783_414e-4,
    ];
    const D: [f64; 8] = [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        6.897_673_349_851e-1,
        1.481_039_764_274_800_8e-1,
        1.519_866_656_361_645_7e-2,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ];
    const E: [f64; 8] = [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        2.965_605_718_285_048_7e-1,
        2.653_218_952_657_612_4e-2,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ];
    const F: [f64; 8] = [
        1.0,
        5.998_322_065_558_88e-1,
        1.369_298_809_227_358e-1,
        1.487_536_129_085_061_5e-2,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ];
    let ratio = |x: f64, top: &[f64; 8], bottom: &[f64; 8]| {
        let poly = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, c| sum * x + c);
        poly(top) / poly(bottom)
    };
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(0.180_625 - q * q, &A, &B);
    }
    let tail = (-(if q < 0.0 { p } else { 1.0 - p }).ln()).sqrt();
    let z = if tail <= 5.0 { ratio(tail - 1.6, &C, &D) } else { ratio(tail - 5.0, &E, &F) };
    if q < 0.0 { -z } else { z }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_never_change() {
        let mut rng = Rng::new(7);
        let bits: Vec<u64> = (0..3).map(|_| rng.bits()).collect();
        insta::assert_debug_snapshot!((
            bits,
            rng.unit(),
            rng.below(10),
            rng.normal(),
            derive(0, "trial", 0),
            trial_seed(0, 1)
        ));
    }

    #[test]
    fn normal_quantile_meets_known_values() {
        // Values of the inverse error function to 16 digits.
        for (p, z) in [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.001, -3.090_232_306_167_813_5),
            (1e-20, -9.262_340_089_798_408),
            (0.25, -0.674_489_750_196_081_7),
        ] {
            assert!((normal_quantile(p) - z).abs() <= 1e-14 * z.abs().max(1.0), "{p}: {}", normal_quantile(p));
        }
    }

    #[test]
    fn below_is_even_and_in_range() {
        let mut rng = Rng::new(1);
        let mut counts = [0; 7];
        for _ in 0..70_000 {
            counts[rng.below(7) as usize] += 1;
        }
        assert!(counts.iter().all(|&c| (9_500..10_500).contains(&c)), "{counts:?}");
    }

    #[test]
    fn shuffle_keeps_the_items() {
        let mut items: Vec<u32> = (0..100).collect();
        Rng::new(3).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
