//! Line charts in a terminal, of braille dots: two columns and four rows of dots a character.

/// A chart of named series over steps, `width` columns wide and `height` rows high, axes included.
///
/// Values that are not finite leave gaps. The scale is logarithmic where all values are above 0 and span more than two
/// decades. Empty where there is nothing to draw.
pub fn line_chart(series: &[(&str, &[u64], &[f64])], width: usize, height: usize) -> String {
    let finite = || {
        series.iter().flat_map(|(_, steps, values)| {
            steps.iter().zip(*values).filter(|(_, value)| value.is_finite()).map(|(step, value)| (*step as f64, *value))
        })
    };
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), (_, y)| (a.min(y), b.max(y)));
    let (first, last) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), (x, _)| (a.min(x), b.max(x)));
    if low > high {
        return String::new();
    }
    let log = low > 0.0 && high / low > 100.0;
    let scale = |y: f64| if log { y.ln() } else { y };
    let (bottom, top) = (scale(low), scale(high));
    let spread = if top > bottom { top - bottom } else { 1.0 };
    let labels = [super::metric(high), super::metric(low)];
    let margin = labels.iter().map(String::len).max().unwrap_or(0) + 1;
    let columns = width.saturating_sub(margin + 1).max(10);
    let rows = height.saturating_sub(2).max(3);
    let mut out = String::new();
    // Each series has its own canvas, so that the first one wins where they cross and marks can differ.
    let mut canvas = vec![0u8; columns * rows];
    for (_, steps, values) in series {
        let mut before: Option<(i64, i64)> = None;
        for (step, value) in steps.iter().zip(*values) {
            if !value.is_finite() {
                before = None;
                continue;
            }
            let x = if last > first { (*step as f64 - first) / (last - first) } else { 0.0 };
            let y = (scale(*value) - bottom) / spread;
            let here =
                ((x * (columns * 2 - 1) as f64).round() as i64, ((1.0 - y) * (rows * 4 - 1) as f64).round() as i64);
            line(before.unwrap_or(here), here, &mut |x, y| dot(&mut canvas, columns, rows, x, y));
            before = Some(here);
        }
    }
    for row in 0..rows {
        let label = if row == 0 {
            labels[0].as_str()
        } else if row + 1 == rows {
            labels[1].as_str()
        } else {
            ""
        };
        let dots: String = canvas[row * columns..(row + 1) * columns]
            .iter()
            .map(|bits| if *bits == 0 { ' ' } else { char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' ') })
            .collect();
        out += format!("{label:>width$} │{dots}", width = margin - 1).trim_end();
        out.push('\n');
    }
    out += &format!("{:>margin$}└{}\n", "", "─".repeat(columns));
    let (left, right) = (format!("{first:.0}"), format!("{last:.0}"));
    let gap = columns.saturating_sub(left.len() + right.len()).max(1);
    out += &format!("{:>margin$} {left}{:gap$}{right}{}\n", "", "", if log { "  (log scale)" } else { "" });
    out
}

/// Sets one dot.
fn dot(canvas: &mut [u8], columns: usize, rows: usize, x: i64, y: i64) {
    const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
    let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
    if x < columns * 2 && y < rows * 4 {
        canvas[y / 4 * columns + x / 2] |= BITS[y % 4][x % 2];
    }
}

/// The dots of a straight line (Bresenham).
fn line(from: (i64, i64), to: (i64, i64), dot: &mut dyn FnMut(i64, i64)) {
    let (dx, dy) = ((to.0 - from.0).abs(), -(to.1 - from.1).abs());
    let (sx, sy) = ((to.0 - from.0).signum(), (to.1 - from.1).signum());
    let (mut x, mut y) = from;
    let mut error = dx + dy;
    loop {
        dot(x, y);
        if (x, y) == to {
            return;
        }
        let twice = 2 * error;
        if twice >= dy {
            error += dy;
            x += sx;
        }
        if twice <= dx {
            error += dx;
            y += sy;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_falling_curve() {
        let steps: Vec<u64> = (0..50).map(|i| i * 10).collect();
        let values: Vec<f64> = (0..50).map(|i| 2.0 * (-0.08 * f64::from(i)).exp()).collect();
        insta::assert_snapshot!(line_chart(&[("loss", &steps, &values)], 50, 10));
    }

    #[test]
    fn strange_series() {
        assert_eq!(line_chart(&[("x", &[], &[])], 40, 8), "");
        assert_eq!(line_chart(&[("x", &[1], &[f64::NAN])], 40, 8), "");
        assert!(line_chart(&[("x", &[1], &[3.0])], 40, 8).contains('3'));
        assert!(line_chart(&[("x", &[0, 1, 2], &[1.0, f64::INFINITY, 1e9])], 40, 8).contains("log scale"));
        assert!(line_chart(&[("x", &[0, u64::MAX], &[-1.0, f64::MAX])], 5, 1).contains('│'));
    }
}
