//! Listings: the same rows as a table for people, JSON, CSV or Markdown.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Map, Value as Json};

use super::text::{clean, shorten};

/// What stands before the names of columns that a table has no room for.
pub const DROPPED: &str = "not shown for want of width: ";

/// How a listing is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// An array of objects.
    Json,
    /// Comma-separated values with a header.
    Csv,
    /// A Markdown table.
    Md,
}

/// On which side the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers, aligned at the point.
    Number,
}

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    /// The header.
    pub name: String,
    /// The alignment.
    pub align: Align,
    /// Dropped first where the terminal is too narrow; 0 is never dropped.
    pub droppable: u8,
}

impl Column {
    /// A column of texts.
    pub fn text(name: impl Into<String>) -> Self {
        Self { name: name.into(), align: Align::Left, droppable: 0 }
    }

    /// A column of numbers.
    pub fn number(name: impl Into<String>) -> Self {
        Self { name: name.into(), align: Align::Number, droppable: 0 }
    }

    /// The same column, dropped early where space is short: the higher, the earlier.
    #[must_use]
    pub fn droppable(mut self, rank: u8) -> Self {
        self.droppable = rank;
        self
    }
}

/// A cell: what a person sees, and what a program gets.
#[derive(Clone, Debug)]
pub struct Cell {
    /// For people.
    pub shown: String,
    /// For programs.
    pub value: Json,
}

impl Cell {
    /// A text, the same for both.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { value: Json::String(text.clone()), shown: text }
    }

    /// A whole number.
    pub fn int(int: i64) -> Self {
        Self { shown: int.to_string(), value: int.into() }
    }

    /// A metric; none is an empty cell.
    pub fn metric(x: Option<f64>) -> Self {
        x.map_or_else(Self::empty, |x| Self { shown: super::metric(x), value: crate::space::float_json(x) })
    }

    /// Shown one way, passed on another.
    pub fn new(shown: impl Into<String>, value: Json) -> Self {
        Self { shown: shown.into(), value }
    }

    /// Nothing.
    pub fn empty() -> Self {
        Self { shown: String::new(), value: Json::Null }
    }
}

/// Rows under columns.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each with a cell for each column.
    pub rows: Vec<Vec<Cell>>,
    /// What JSON gets instead of the cells, one for each row.
    pub objects: Option<Vec<Json>>,
}

impl Listing {
    /// A listing without rows.
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, ..Self::default() }
    }

    /// Writes the listing; a table fits `width` columns where that is given.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn write(&self, out: &mut dyn Write, format: Format, width: Option<usize>) -> io::Result<()> {
        match format {
            Format::Table => out.write_all(self.table(width).as_bytes()),
            Format::Json => self.write_json(out),
            Format::Csv => self.write_csv(out),
            Format::Md => out.write_all(self.markdown().as_bytes()),
        }
    }

    /// The rows as JSON objects.
    pub fn to_json(&self) -> Vec<Json> {
        if let Some(objects) = &self.objects {
            return objects.clone();
        }
        let object = |row: &Vec<Cell>| {
            let entries = self.columns.iter().zip(row).map(|(column, cell)| (column.name.clone(), cell.value.clone()));
            Json::Object(entries.collect::<Map<_, _>>())
        };
        self.rows.iter().map(object).collect()
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let objects = self.to_json();
        if objects.is_empty() {
            return writeln!(out, "[]");
        }
        for (i, object) in objects.iter().enumerate() {
            let (open, close) = (if i == 0 { "[" } else { " " }, if i + 1 == objects.len() { "]" } else { "," });
            writeln!(out, "{open}{object}{close}")?;
        }
        Ok(())
    }

    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let field = |text: &str| {
            if text.contains([',', '"', '\n', '\r']) {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text.to_owned()
            }
        };
        let header: Vec<String> = self.columns.iter().map(|column| field(&column.name)).collect();
        writeln!(out, "{}", header.join(","))?;
        for row in &self.rows {
            let cells = row.iter().map(|cell| match &cell.value {
                Json::Null => String::new(),
                Json::String(text) => field(text),
                other => field(&other.to_string()),
            });
            writeln!(out, "{}", cells.collect::<Vec<_>>().join(","))?;
        }
        Ok(())
    }

    fn markdown(&self) -> String {
        let field = |text: &str| clean(text).replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;");
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = line(self.columns.iter().map(|column| field(&column.name)).collect());
        text +=
            &line(self.columns.iter().map(|c| if c.align == Align::Number { "--:" } else { "---" }.into()).collect());
        for row in &self.rows {
            text += &line(row.iter().map(|cell| field(&cell.shown)).collect());
        }
        text
    }

    /// The table for people.
    pub fn table(&self, width: Option<usize>) -> String {
        let mut cells: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(|cell| clean(&cell.shown)).collect()).collect();
        for (i, column) in self.columns.iter().enumerate() {
            if column.align == Align::Number {
                align_at_point(&mut cells, i);
            }
        }
        let mut kept: Vec<usize> = (0..self.columns.len()).collect();
        let mut most: Vec<usize> = vec![usize::MAX; self.columns.len()];
        if let Some(width) = width {
            self.fit(&cells, width, &mut kept, &mut most);
        }
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        let header = |i: &usize| shorten(&clean(&self.columns[*i].name), most[*i]);
        table.set_header(kept.iter().map(header));
        for row in &cells {
            table.add_row(kept.iter().map(|&i| cut(&row[i], most[i])));
        }
        for (place, &i) in kept.iter().enumerate() {
            if let Some(column) = table.column_mut(place) {
                column.set_padding((u16::from(place > 0), 1));
                if self.columns[i].align == Align::Number {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        let mut text: String = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
        let dropped = self.columns.len() - kept.len();
        if dropped > 0 {
            let names: Vec<String> = (0..self.columns.len())
                .filter(|i| !kept.contains(i))
                .map(|i| shorten(&clean(&self.columns[i].name), 24))
                .collect();
            let room = width.unwrap_or(100).clamp(50, 110) - 29;
            text += &format!("{DROPPED}{}\n", shorten(&names.join(", "), room));
        }
        text
    }

    /// Chooses which columns are kept and how long their cells may be, so that a row takes at most `width` columns.
    fn fit(&self, cells: &[Vec<String>], width: usize, kept: &mut Vec<usize>, most: &mut [usize]) {
        const SHORT: usize = 16;
        let natural = |i: usize| {
            let longest = cells.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
            longest.max(clean(&self.columns[i].name).chars().count())
        };
        let total = |kept: &[usize], most: &[usize]| -> usize {
            kept.iter().map(|&i| natural(i).min(most[i]) + 2).sum::<usize>().saturating_sub(2)
        };
        while total(kept, most) > width {
            // First the longest cells are shortened, then columns are dropped, the most droppable and last first.
            let longest = kept.iter().copied().max_by_key(|&i| natural(i).min(most[i]));
            match longest.filter(|&i| natural(i).min(most[i]) > SHORT) {
                Some(i) => most[i] = natural(i).min(most[i]) - 1,
                None => {
                    let droppable = kept.iter().copied().filter(|&i| self.columns[i].droppable > 0);
                    match droppable.max_by_key(|&i| (self.columns[i].droppable, i)) {
                        Some(i) => kept.retain(|&other| other != i),
                        None => return,
                    }
                }
            }
        }
    }
}

/// A cell in at most `width` characters; spaces that only align a number go first.
fn cut(cell: &str, width: usize) -> String {
    let bare = cell.trim_end();
    if bare.chars().count() <= width { cell.chars().take(width).collect() } else { shorten(bare, width) }
}

/// Pads the cells of a column so that their decimal points stand below each other.
fn align_at_point(cells: &mut [Vec<String>], column: usize) {
    let after = |text: &str| text.find('.').map_or(0, |point| text.chars().count() - text[..point].chars().count());
    // Texts among the numbers (labels, words) are left as they are.
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    let longest = cells.iter().map(|row| &row[column]).filter(|text| is_number(text)).map(|text| after(text)).max();
    let longest = longest.unwrap_or(0);
    for row in cells {
        let cell = &mut row[column];
        if is_number(cell) {
            let lacking = longest - after(cell);
            cell.extend(std::iter::repeat_n(' ', lacking));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Listing {
        let mut listing = Listing::new(vec![
            Column::text("name"),
            Column::number("lr"),
            Column::number("loss"),
            Column::text("why").droppable(1),
        ]);
        for (name, lr, loss, why) in [
            ("a", "0.001", Some(0.25), "x, \"y\""),
            ("b|c", "1.0", Some(f64::NAN), "line\nbreak"),
            ("<i>", "10", None, ""),
        ] {
            listing.rows.push(vec![Cell::text(name), Cell::text(lr), Cell::metric(loss), Cell::text(why)]);
        }
        listing
    }

    fn shown(format: Format, width: Option<usize>) -> String {
        let mut out = Vec::new();
        sample().write(&mut out, format, width).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_format() {
        insta::assert_snapshot!("table", shown(Format::Table, None));
        insta::assert_snapshot!("narrow", shown(Format::Table, Some(22)));
        insta::assert_snapshot!("json", shown(Format::Json, None));
        insta::assert_snapshot!("csv", shown(Format::Csv, None));
        insta::assert_snapshot!("md", shown(Format::Md, None));
    }
}
