//! The one place that writes to the terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use super::error::CliError;
use crate::render::{Format, Listing, clean, shell_word};
use crate::spec::{Diagnostic, Problems, Sources};

/// Standard output for data, standard error for everything else.
#[derive(Clone, Debug)]
pub struct Output {
    quiet: bool,
    colour: bool,
    /// ` --db FILE` where the store was named, for commands to type next.
    store: String,
}

impl Output {
    /// Output that says only what goes wrong where `quiet`.
    pub fn new(quiet: bool, store: Option<&Path>) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let store = store.map_or_else(String::new, |path| format!(" --db {}", shell_word(&path.display().to_string())));
        Self { quiet, colour: !no_colour && io::stderr().is_terminal(), store }
    }

    /// What to add to a command to type next, so that it means the same store.
    pub fn store(&self) -> &str {
        &self.store
    }

    /// Whether a live display makes sense.
    pub fn is_live(&self) -> bool {
        !self.quiet && io::stderr().is_terminal() && std::env::var("TERM").map_or(true, |term| term != "dumb")
    }

    /// Whether only what goes wrong is said.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The width of the terminal: that of standard output, or `COLUMNS`; none for a file or pipe.
    pub fn width(&self) -> Option<usize> {
        let set = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|width| *width >= 20);
        set.or_else(|| comfy_table::Table::new().width().map(usize::from))
    }

    /// Prints data.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn data(&self, text: &str) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(())
    }

    /// Prints a listing.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn listing(&self, listing: &Listing, format: Format) -> Result<(), CliError> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        listing.write(&mut out, format, self.width())?;
        out.flush()?;
        Ok(())
    }

    /// Says something on standard error, unless quiet.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.warn(text);
        }
    }

    /// Says something on standard error.
    pub fn warn(&self, text: &str) {
        // Nobody is left to tell where standard error is closed.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Shows warnings about a spec.
    pub fn warnings(&self, list: &[Diagnostic], sources: &Sources) {
        if !list.is_empty() && !self.quiet {
            let problems = Problems { list: list.to_vec() };
            self.warn(&format!("{}\n", problems.render(sources, self.colour)));
        }
    }

    /// Shows an error.
    pub fn error(&self, error: &CliError) {
        match error {
            CliError::Spec(error) => self.warn(&error.problems.render(&error.sources, self.colour)),
            CliError::Message { message, hints, .. } => {
                let message: Vec<String> = message.lines().map(clean).collect();
                let (bold, plain) =
                    if self.colour { ("\x1b[1;31merror\x1b[0m", "\x1b[1;36mhint\x1b[0m") } else { ("error", "hint") };
                self.warn(&format!("{bold}: {}", message.join("\n")));
                for hint in hints {
                    let hint: Vec<String> = hint.lines().map(clean).collect();
                    self.warn(&format!("{plain}: {}", hint.join("\n")));
                }
            }
            CliError::BrokenPipe => {}
        }
    }
}
