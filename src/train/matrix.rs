//! What the trainers read: a dense matrix, the targets, and one part (training, validation, test) of a data set.
//!
//! Invariants: a matrix is row-major and holds exactly `rows * cols` numbers; a part has one target for each row, and
//! the id of a class is below the number of classes. A part is never changed once it is built, so that the trials that
//! run at once share it behind one [`std::sync::Arc`].

/// A dense row-major matrix of float64.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    data: Vec<f64>,
}

impl Matrix {
    /// A matrix of `rows` x `cols` over `data`, row after row.
    ///
    /// # Panics
    /// When `data` does not hold exactly `rows * cols` numbers.
    pub fn new(rows: usize, cols: usize, data: Vec<f64>) -> Self {
        assert_eq!(data.len(), rows * cols, "a {rows} x {cols} matrix needs {} numbers", rows * cols);
        Self { rows, cols, data }
    }

    /// A matrix of zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { rows, cols, data: vec![0.0; rows * cols] }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Row `i`, `cols` numbers.
    ///
    /// # Panics
    /// When there is no row `i`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// All numbers, row after row.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// All numbers, row after row, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [f64] {
        &mut self.data
    }
}

/// What is to be predicted, one for each row.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Classes: the id of each row's class, below `count`. A class may have no row (it was seen in another part).
    Classes {
        /// The class of each row, in `0..count`.
        ids: Vec<u32>,
        /// The number of classes.
        count: usize,
    },
    /// Real values, for regression.
    Values(Vec<f64>),
}

impl Targets {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes { ids, .. } => ids.len(),
            Self::Values(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Targets {
    /// No rows.
    fn default() -> Self {
        Self::Values(Vec::new())
    }
}

/// One part of a data set, scaled and ready.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// The features, one row for each example.
    pub x: Matrix,
    /// The targets, one for each row of `x`.
    pub y: Targets,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_contiguous() {
        let mut matrix = Matrix::new(2, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!((matrix.rows(), matrix.cols(), matrix.row(1)), (2, 3, &[4.0, 5.0, 6.0][..]));
        matrix.data_mut()[0] = 9.0;
        assert_eq!(matrix.data()[0], 9.0);
        assert_eq!(Matrix::zeros(2, 1), Matrix::new(2, 1, vec![0.0; 2]));
    }

    #[test]
    #[should_panic(expected = "a 2 x 2 matrix needs 4 numbers")]
    fn a_matrix_holds_what_it_says() {
        Matrix::new(2, 2, vec![0.0; 3]);
    }

    #[test]
    fn an_empty_part_has_no_rows() {
        assert!(Part::default().y.is_empty());
        assert_eq!(Targets::Classes { ids: vec![0, 1], count: 3 }.len(), 2);
    }
}
