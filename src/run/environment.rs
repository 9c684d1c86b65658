//! Where a sweep runs: machine, user, folder, the state of the code, the files it depends on.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::spec::{CommandSpec, Job, Spec};
use crate::store::{DataFile, Process};
use crate::train::SourceFrom;

/// Where a sweep runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// The machine.
    pub host: String,
    /// The user.
    pub user: String,
    /// The folder in which the program was started.
    pub cwd: String,
    /// The commit of the code beside the spec, if that is a git repository.
    pub git_commit: Option<String>,
    /// Whether tracked files differ from that commit.
    pub git_dirty: Option<bool>,
}

impl Environment {
    /// The environment of this process, with the repository around `folder`.
    pub fn current(folder: &Path) -> Self {
        let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok().filter(|name| !name.is_empty());
        let user =
            user.or_else(|| nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name));
        let absolute = std::env::current_dir().map_or_else(|_| folder.to_owned(), |here| here.join(folder));
        let in_repository = absolute.ancestors().any(|above| above.join(".git").exists());
        let commit = in_repository.then(|| git(folder, &["rev-parse", "HEAD"])).flatten();
        let dirty = commit
            .is_some()
            .then(|| git(folder, &["--no-optional-locks", "status", "--porcelain", "--untracked-files=no"]))
            .flatten()
            .map(|status| !status.is_empty());
        Self {
            host: Process::current().host,
            user: user.unwrap_or_else(|| "unknown".into()),
            cwd: std::env::current_dir().map_or_else(|_| String::new(), |path| path.display().to_string()),
            git_commit: commit,
            git_dirty: dirty,
        }
    }
}

/// The files that a command's words name. A program that is found by its name alone is the machine's, not the sweep's.
fn named_files(command: &CommandSpec, folder: &Path) -> Vec<(String, PathBuf)> {
    let words = command.run.iter().enumerate().filter_map(|(i, word)| Some((i, word.literal()?)));
    words
        .filter(|(i, word)| !word.is_empty() && (*i > 0 || word.contains('/')))
        .map(|(i, word)| (format!("run.{i}"), command.dir.join(word)))
        .filter(|(_, path)| folder.join(path).is_file())
        .collect()
}

/// The trimmed output of a git command, if it worked.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The files a spec depends on, each with what it is to the spec. `checkpoint` is the file of a checkpoint source.
fn files_of(spec: &Spec, folder: &Path, checkpoint: Option<&Path>) -> Vec<(String, PathBuf)> {
    let mut wanted: Vec<(String, PathBuf)> = Vec::new();
    match &spec.job {
        Job::Train(train) => {
            if let Some(data) = &train.data {
                wanted.extend(data.files.named().into_iter().map(|(role, path)| (role.to_owned(), path.clone())));
            }
            match train.source.as_ref().map(|source| &source.from) {
                Some(SourceFrom::Data(path, _)) => wanted.push(("source".into(), path.clone())),
                Some(SourceFrom::Checkpoint(_)) => {
                    wanted.extend(checkpoint.map(|path| ("checkpoint".into(), path.into())));
                }
                _ => {}
            }
        }
        Job::Command(command) => wanted.extend(named_files(command, folder)),
    }
    wanted
}

/// Whether the files that a spec names can be opened; see [`hash_files`].
///
/// # Errors
/// The path of a file that cannot be opened, with the reason.
pub fn open_files(spec: &Spec, folder: &Path) -> Result<(), (String, std::io::Error)> {
    files_of(spec, folder, None)
        .into_iter()
        .try_for_each(|(_, path)| File::open(folder.join(&path)).map(drop).map_err(|e| (path.display().to_string(), e)))
}

/// The files a spec depends on, with their hashes; relative paths are relative to `folder`. `checkpoint` is the file
/// of a checkpoint source.
///
/// # Errors
/// The path of a file that cannot be read, with the reason.
pub fn hash_files(
    spec: &Spec,
    folder: &Path,
    checkpoint: Option<&Path>,
) -> Result<Vec<DataFile>, (String, std::io::Error)> {
    files_of(spec, folder, checkpoint)
        .into_iter()
        .map(|(role, path)| {
            let fail = |error| (path.display().to_string(), error);
            let file = File::open(folder.join(&path)).map_err(fail)?;
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(&file).map_err(fail)?;
            let bytes = hasher.count();
            Ok(DataFile { role, path: path.display().to_string(), bytes, hash: hasher.finalize().to_hex().to_string() })
        })
        .collect()
}
