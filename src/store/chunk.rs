//! Series of one metric, packed.
//!
//! A chunk takes 8 bytes a point where the steps are evenly spaced, else 12 (16 for steps beyond 32 bits).

/// Points of one metric that wait to be stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// The steps.
    pub steps: Vec<u64>,
    /// The values.
    pub values: Vec<f64>,
}

/// A packed series.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// How many points.
    pub count: i64,
    /// The first step.
    pub start: i64,
    /// The distance of the steps; 0 where they are listed.
    pub stride: i64,
    /// The steps, where they are not evenly spaced.
    pub steps: Option<Vec<u8>>,
    /// The values.
    pub values: Vec<u8>,
}

impl Series {
    /// Adds a point.
    pub fn push(&mut self, step: u64, value: f64) {
        self.steps.push(step);
        self.values.push(value);
    }

    /// The points, packed; none where there are none.
    pub fn pack(&self) -> Option<Chunk> {
        let &start = self.steps.first()?;
        let stride = match self.steps.get(1) {
            Some(second) => second.wrapping_sub(start) as i64,
            None => 1,
        };
        let even = self.steps.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) as i64 == stride);
        let steps = (!even).then(|| {
            if self.steps.iter().all(|step| u32::try_from(*step).is_ok()) {
                self.steps.iter().flat_map(|step| (*step as u32).to_le_bytes()).collect()
            } else {
                self.steps.iter().flat_map(|step| (*step as i64).to_le_bytes()).collect()
            }
        });
        Some(Chunk {
            count: self.steps.len() as i64,
            start: start as i64,
            stride: if even { stride } else { 0 },
            steps,
            values: self.values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        })
    }
}

impl Chunk {
    /// Adds the points to `out`.
    ///
    /// # Errors
    /// Lengths that do not fit each other.
    pub fn unpack(&self, out: &mut Series) -> Result<(), String> {
        let count = usize::try_from(self.count).map_err(|_| "a chunk with a negative count".to_owned())?;
        if self.values.len() != count * 8 {
            return Err(format!("a chunk of {count} points with {} bytes of values", self.values.len()));
        }
        match &self.steps {
            None => out.steps.extend((0..count).map(|i| (self.start + i as i64 * self.stride) as u64)),
            Some(bytes) if bytes.len() == count * 4 => {
                out.steps.extend(bytes.as_chunks::<4>().0.iter().map(|b| u64::from(u32::from_le_bytes(*b))));
            }
            Some(bytes) if bytes.len() == count * 8 => {
                out.steps.extend(bytes.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b) as u64));
            }
            Some(bytes) => return Err(format!("a chunk of {count} points with {} bytes of steps", bytes.len())),
        }
        out.values.extend(self.values.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(points in proptest::collection::vec((0u64..1 << 40, any::<f64>()), 1..50), even in any::<bool>()) {
            let mut series = Series::default();
            for (i, (step, value)) in points.iter().enumerate() {
                series.push(if even { 7 + 3 * i as u64 } else { *step }, *value);
            }
            let chunk = series.pack().unwrap();
            let mut out = Series::default();
            chunk.unpack(&mut out).unwrap();
            prop_assert_eq!(&out.steps, &series.steps);
            let bits = |s: &Series| s.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&out), bits(&series));
            if even {
                prop_assert_eq!(chunk.values.len() + chunk.steps.map_or(0, |s| s.len()), 8 * points.len());
            }
        }
    }

    #[test]
    fn uneven_steps_take_twelve_bytes_a_point() {
        let series = Series { steps: vec![1, 2, 4, 8], values: vec![0.0; 4] };
        let chunk = series.pack().unwrap();
        assert_eq!(chunk.values.len() + chunk.steps.unwrap().len(), 12 * 4);
        assert_eq!(Series::default().pack(), None);
    }
}
