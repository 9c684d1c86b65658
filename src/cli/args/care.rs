//! Arguments of the commands that care for a store and for the program itself.

use std::path::PathBuf;

use clap::Args;

/// Give a sweep tags, another name, a note
///
/// Without a change it shows them. `tag:x` selects the sweeps with a tag wherever several sweeps can be named.
#[derive(Debug, Args)]
pub struct TagArgs {
    /// The sweep
    #[arg(value_name = "SWEEP")]
    pub sweep: String,
    /// Tags to add
    #[arg(value_name = "TAG")]
    pub tags: Vec<String>,
    /// A tag to take away
    #[arg(long, value_name = "TAG")]
    pub remove: Vec<String>,
    /// Another name
    #[arg(long)]
    pub name: Option<String>,
    /// A note; an empty one takes it away
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// Hide sweeps, or delete them
///
/// A hidden sweep shows nowhere, and `--undo` brings it back. `--purge` deletes it with its trials and files: it asks on a
/// terminal and needs `--yes` without one.
#[derive(Debug, Args)]
pub struct RmArgs {
    /// The sweeps
    #[arg(value_name = "SWEEP", required = true)]
    pub sweeps: Vec<String>,
    /// Show hidden sweeps again
    #[arg(long, conflicts_with = "purge")]
    pub undo: bool,
    /// Delete for good
    #[arg(long)]
    pub purge: bool,
    /// Do not ask
    #[arg(long, requires = "purge")]
    pub yes: bool,
}

/// Check a store, and mend it
///
/// Looks for damage, rows that belong to nothing, traces of processes that are gone, states that cannot be, folders and
/// files without trials. Exit code 1 where something is wrong and was not mended.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Mend what can be mended
    #[arg(long)]
    pub repair: bool,
    /// Give up the claim of another machine on this sweep
    #[arg(long, value_name = "SWEEP")]
    pub release: Option<String>,
}

/// Copy a store that may be in use
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The new file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Replace the file
    #[arg(long)]
    pub force: bool,
}

/// Take over sweeps of another store
///
/// They keep their identity and get new numbers here; what is here already is not taken twice. The files of trials come
/// along.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The other store
    #[arg(value_name = "OTHER.db")]
    pub other: PathBuf,
    /// Sweeps of it [default: all]
    #[arg(value_name = "SWEEP")]
    pub sweeps: Vec<String>,
    /// Leave the files of trials where they are
    #[arg(long)]
    pub no_files: bool,
}

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Print what makes a shell complete commands, sweeps, params and metrics
///
///   bash: add to ~/.bashrc                    source <(sweep completion bash)
///   zsh:  add to ~/.zshrc after compinit      source <(sweep completion zsh)
///   fish: once                                sweep completion fish > ~/.config/fish/completions/sweep.fish
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// What a shell asks while a person types.
#[derive(Debug, Args)]
pub struct CompleteArgs {
    /// The words so far; the last one is being typed
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

/// Write manual pages, one for each command
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder, such as ~/.local/share/man/man1
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
}

/// Show help of a command or a topic: spec, filter, views, queries, commands, store
#[derive(Debug, Args)]
pub struct HelpArgs {
    /// The command or topic
    #[arg(value_name = "COMMAND|TOPIC")]
    pub topic: Option<String>,
}
