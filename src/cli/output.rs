//! The one place that writes to the terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::error::CliError;
use crate::render::{DROPPED, Format, Listing, clean, shell_word};
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

    /// Prints a text to read; one that is longer than the terminal is shown by a pager.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn text(&self, text: &str) -> Result<(), CliError> {
        let is_long = terminal_height().is_some_and(|height| text.lines().count() > height);
        if io::stdout().is_terminal() && is_long && page(text) {
            return Ok(());
        }
        self.data(text)
    }

    /// Prints a listing; a table is made to fit the terminal.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn listing(&self, listing: &Listing, format: Format) -> Result<(), CliError> {
        self.table(listing, format, true)
    }

    /// Prints a listing; a table is made to fit the terminal where `fit`. One that is longer than the terminal is shown
    /// by a pager.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn table(&self, listing: &Listing, format: Format, fit: bool) -> Result<(), CliError> {
        let width = if fit { self.width() } else { None };
        let is_terminal = io::stdout().is_terminal();
        if format == Format::Table
            && is_terminal
            && terminal_height().is_some_and(|height| listing.rows.len() + 3 > height)
            && page(&listing.table(width))
        {
            return Ok(());
        }
        let mut text = Vec::new();
        listing.write(&mut text, format, width)?;
        let mut out = io::stdout().lock();
        out.write_all(&text)?;
        out.flush()?;
        if format == Format::Table && text.windows(DROPPED.len()).any(|part| part == DROPPED.as_bytes()) {
            self.say("`--no-trunc` shows all columns");
        }
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

/// The rows of the terminal at standard output.
fn terminal_height() -> Option<usize> {
    // SAFETY: the structure is plain numbers, for which zero is a value.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: the call writes the structure that it is given and nothing else.
    let asked = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (asked == 0 && size.ws_row > 0).then_some(usize::from(size.ws_row))
}

/// Shows a text by the user's pager (`SWEEP_PAGER`, else `PAGER`, else `less`; empty or `cat` means none). False where
/// there is none.
fn page(text: &str) -> bool {
    let set = ["SWEEP_PAGER", "PAGER"].into_iter().find_map(|name| std::env::var(name).ok());
    let pager = set.unwrap_or_else(|| "less".into());
    let Some(words) = shlex::split(&pager).filter(|words| !words.is_empty() && words[0] != "cat") else { return false };
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        // Ends at once where all fits, keeps colours and the screen, cuts long lines instead of wrapping them.
        command.env("LESS", "FRSX");
    }
    let Ok(mut child) = command.spawn() else { return false };
    if let Some(mut stdin) = child.stdin.take() {
        // A pager that is left early has seen enough.
        let _ = stdin.write_all(text.as_bytes());
    }
    child.wait().is_ok_and(|status| status.success())
}
