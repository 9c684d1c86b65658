//! Files that are kept of a trial: those in its directory that match a pattern, with size and checksum.
//!
//! Nothing outside of the directory is ever read: a symbolic link is followed only to a file inside.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::store::KeptFile;

/// A file larger than this is not kept.
const MOST_BYTES: u64 = 10 << 30;
/// No more files than this are kept of a trial.
const MOST_FILES: usize = 10_000;

/// What was kept, and what was not and why.
#[derive(Debug, Default)]
pub struct Kept {
    /// The files.
    pub files: Vec<KeptFile>,
    /// Why something that matches was left out.
    pub notes: Vec<String>,
}

/// Moves the files in `from` that match one of `patterns` into `to`. A pattern matches the path from `from` on; one
/// without a slash matches a name in any folder. `*` does not match a slash, `**` does.
///
/// # Errors
/// When a file cannot be read or moved.
pub fn keep(from: &Path, to: &Path, patterns: &[String]) -> io::Result<Kept> {
    let patterns: Vec<(glob::Pattern, bool)> = patterns
        .iter()
        .filter_map(|text| Some((glob::Pattern::new(text.trim_end_matches('/')).ok()?, text.contains('/'))))
        .collect();
    let mut kept = Kept::default();
    let Ok(inside) = fs::canonicalize(from) else { return Ok(kept) };
    let mut found = Vec::new();
    walk(&inside, Path::new(""), &mut found)?;
    // Links first: what they point to may be moved itself.
    found.sort_by_cached_key(|path| (!inside.join(path).is_symlink(), path.clone()));
    let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
    for path in found {
        let matches = |part: &Path| {
            patterns.iter().any(|(pattern, whole)| {
                let name = part.file_name().map_or(part, Path::new);
                pattern.matches_path_with(if *whole { part } else { name }, options)
            })
        };
        // A pattern that matches a folder keeps all that is in it.
        if !path.ancestors().filter(|part| !part.as_os_str().is_empty()).any(matches) {
            continue;
        }
        let shown = path.display();
        let source = inside.join(&path);
        let Some(real) = fs::canonicalize(&source).ok().filter(|real| real.starts_with(&inside) && real.is_file())
        else {
            kept.notes.push(format!("`{shown}` is not kept: it is no file inside of the trial's directory"));
            continue;
        };
        let bytes = fs::metadata(&real)?.len();
        if bytes > MOST_BYTES {
            kept.notes.push(format!("`{shown}` is not kept: it has {bytes} bytes, more than {MOST_BYTES}"));
            continue;
        }
        if kept.files.len() >= MOST_FILES {
            kept.notes.push(format!("no more than {MOST_FILES} files are kept"));
            break;
        }
        let target = to.join(&path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        let is_link = fs::symlink_metadata(&source)?.file_type().is_symlink();
        if is_link || fs::rename(&source, &target).is_err() {
            fs::copy(&real, &target)?;
        }
        let file = File::open(&target)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&file)?;
        file.sync_all()?;
        kept.files.push(KeptFile {
            path: path.to_string_lossy().into_owned(),
            bytes: hasher.count(),
            hash: hasher.finalize().to_hex().to_string(),
        });
    }
    Ok(kept)
}

/// All files and links below `folder`; links to folders are not entered.
fn walk(root: &Path, below: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            walk(root, &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_matches_and_is_inside_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join("work");
        let secret = folder.path().join("secret.pt");
        fs::create_dir_all(work.join("plots/deep")).unwrap();
        fs::write(&secret, "secret").unwrap();
        for name in ["best.pt", "last.pt", "plots/a.png", "plots/deep/b.png", "plots/notes.txt", "odd \n<b>.pt"] {
            fs::write(work.join(name), name).unwrap();
        }
        std::os::unix::fs::symlink(&secret, work.join("link.pt")).unwrap();
        std::os::unix::fs::symlink("best.pt", work.join("z.pt")).unwrap();
        std::os::unix::fs::symlink("/etc", work.join("plots/etc")).unwrap();
        let to = folder.path().join("kept");
        let names = |patterns: &[&str], to: &Path| {
            let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
            let kept = keep(&work, to, &patterns).unwrap();
            (kept.files.iter().map(|file| file.path.clone()).collect::<Vec<_>>(), kept.notes)
        };
        let (files, notes) = names(&["plots/*.png"], &to);
        assert_eq!((files, notes.len()), (vec!["plots/a.png".to_owned()], 0));
        let (files, notes) = names(&["*.pt"], &to);
        assert_eq!(files, ["z.pt", "best.pt", "last.pt", "odd \n<b>.pt"]);
        assert_eq!(notes, ["`link.pt` is not kept: it is no file inside of the trial's directory"]);
        assert_eq!(fs::read_to_string(to.join("z.pt")).unwrap(), "best.pt");
        let (files, notes) = names(&["plots"], &to);
        assert_eq!(files, ["plots/deep/b.png", "plots/notes.txt"]);
        assert_eq!(notes.len(), 1, "the link to a folder: {notes:?}");
        assert_eq!(fs::read_to_string(secret).unwrap(), "secret");
    }
}
