//! Reading a spec: the file, what it includes, the overrides of the command line.

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Problems};
use super::model::{Overrides, Spec};
use super::native;
use super::source::{MAX_FILE, Origin, Place, Source, Sources};
use super::yaml::{self, Entry, Node, Yaml};

/// How many files may be included, in all.
const MAX_INCLUDES: usize = 50;

/// A spec with where its parts came from and what was noticed about it.
#[derive(Debug)]
pub struct Loaded {
    /// The spec.
    pub spec: Spec,
    /// The texts it was read from.
    pub sources: Sources,
    /// Where keys stand, by dotted path (`train.target`, `params.lr`).
    pub places: Places,
    /// Warnings.
    pub warnings: Problems,
    /// The folder that data files are relative to when the spec is stored.
    pub folder: PathBuf,
    /// The main file as it was written.
    pub written: String,
}

/// Where keys stand, by dotted path.
#[derive(Clone, Debug, Default)]
pub struct Places(pub(super) HashMap<String, Origin>);

impl Places {
    /// The origin of the value at `path`, or of the nearest path above it.
    pub fn origin(&self, path: &str) -> Option<Origin> {
        let mut path = path;
        loop {
            if let Some(origin) = self.0.get(path) {
                return Some(*origin);
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    /// The place of the value at `path`, or of the nearest path above it.
    pub fn place(&self, path: &str, sources: &Sources) -> Option<Place> {
        self.origin(path).map(|origin| sources.locate(origin))
    }
}

/// Why a spec cannot be used: all mistakes that were found.
#[derive(Debug, thiserror::Error)]
#[error("{}", problems.render(sources, false))]
pub struct LoadError {
    /// The mistakes and warnings.
    pub problems: Problems,
    /// The texts they point into.
    pub sources: Sources,
}

/// Reads and checks the spec at `path`.
///
/// # Errors
/// All mistakes that were found.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Loaded, LoadError> {
    let mut reader = Reader::default();
    let tree = reader.file(path, None);
    let stem = path.file_stem().map_or_else(|| "sweep".into(), |stem| stem.to_string_lossy().into_owned());
    reader.finish(tree, overrides, &stem)
}

/// Reads a spec that [`super::canonical`] wrote, such as a stored one; relative paths are relative to `folder`.
///
/// # Errors
/// As [`load`]; none is expected of a text that this program wrote.
pub fn load_canonical(text: &str, folder: &Path, overrides: &Overrides) -> Result<Loaded, LoadError> {
    let mut reader = Reader::default();
    let tree = reader.text(text.to_owned(), "stored spec".into(), folder.to_owned());
    reader.finish(tree, overrides, "sweep")
}

#[derive(Default)]
struct Reader {
    sources: Sources,
    problems: Problems,
    /// Files being read, to notice circles of includes.
    open: Vec<PathBuf>,
    included: usize,
}

impl Reader {
    fn finish(mut self, tree: Option<Node>, overrides: &Overrides, stem: &str) -> Result<Loaded, LoadError> {
        let Some(mut tree) = tree.filter(|_| !self.problems.has_errors()) else {
            return Err(LoadError { problems: self.problems, sources: self.sources });
        };
        let main = self.sources.get(0).clone();
        self.command(&mut tree, overrides);
        let params = self.assignments(&mut tree, &overrides.assignments);
        let outcome = native::read(&tree, params, overrides, stem, &self.sources, &mut self.problems);
        match outcome {
            Some((spec, places)) if !self.problems.has_errors() => Ok(Loaded {
                spec,
                sources: self.sources,
                places,
                warnings: self.problems,
                folder: main.folder,
                written: main.text,
            }),
            _ => Err(LoadError { problems: self.problems, sources: self.sources }),
        }
    }

    fn fail(&mut self, diagnostic: Diagnostic) -> Option<Node> {
        self.problems.list.push(diagnostic);
        None
    }

    /// Reads a file and what it includes; `wanted_at` is where an include names it.
    fn file(&mut self, path: &Path, wanted_at: Option<Origin>) -> Option<Node> {
        let place = wanted_at.map(|origin| self.sources.locate(origin));
        let shown = path.display().to_string();
        let identity = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if self.open.contains(&identity) {
            return self.fail(Diagnostic::error(format!("`{shown}` includes itself"), place));
        }
        let text = match read_text(path) {
            Ok(text) => text,
            Err(message) => {
                let mut diagnostic = Diagnostic::error(format!("cannot read `{shown}`: {message}"), place);
                if wanted_at.is_none() && !path.exists() {
                    diagnostic = diagnostic.help(missing_file_help(path));
                }
                return self.fail(diagnostic);
            }
        };
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        self.open.push(identity);
        let tree = self.text(text, shown, folder);
        self.open.pop();
        tree
    }

    fn text(&mut self, text: String, name: String, folder: PathBuf) -> Option<Node> {
        let number = self.sources.add(Source { name, folder: folder.clone(), text, start: 0 });
        let text = &self.sources.get(number.into()).text;
        let tree = match yaml::read(text, number) {
            Ok(tree) => tree,
            Err(error) => {
                let place = error.at.map(|at| {
                    let start = at.min(text.len());
                    let start = (0..=start).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
                    let end = text[start..].chars().next().map_or(start, |c| start + c.len_utf8());
                    Place { source: number.into(), start, end }
                });
                return self.fail(Diagnostic::error(format!("this is not YAML: {}", error.message), place));
            }
        };
        for entry in &tree.duplicates {
            let place = self.sources.locate(entry.key_at);
            let problem = Diagnostic::error(format!("`{}` stands twice in this mapping", entry.key), Some(place));
            self.problems.list.push(problem.help("remove one of the two"));
        }
        let mut root = tree.root;
        let Yaml::Map(entries) = &mut root.yaml else {
            let place = Some(self.sources.locate(root.at));
            let message = if matches!(root.yaml, Yaml::Null) {
                "the spec is empty".to_owned()
            } else {
                format!("a spec is a mapping, this is {}", root.what())
            };
            return self.fail(Diagnostic::error(message, place).help(MINIMAL));
        };
        let include = entries.iter().position(|entry| entry.key == "include").map(|at| entries.remove(at));
        let Some(include) = include else { return Some(root) };
        let mut base: Option<Node> = None;
        for (path, origin) in self.include_paths(&include.value) {
            self.included += 1;
            if self.included > MAX_INCLUDES {
                let place = Some(self.sources.locate(origin));
                return self.fail(Diagnostic::error(format!("more than {MAX_INCLUDES} files are included"), place));
            }
            let tree = self.file(&folder.join(path), Some(origin))?;
            base = Some(match base {
                None => tree,
                Some(base) => merge(base, tree),
            });
        }
        Some(match base {
            None => root,
            Some(base) => merge(base, root),
        })
    }

    fn include_paths(&mut self, node: &Node) -> Vec<(String, Origin)> {
        let items = match &node.yaml {
            Yaml::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut paths = Vec::new();
        for item in items {
            match item.text() {
                Some(path) => paths.push((path.to_owned(), item.at)),
                None => {
                    let place = Some(self.sources.locate(item.at));
                    let message = format!("`include` lists files, this is {}", item.what());
                    self.problems.list.push(Diagnostic::error(message, place).help("write `include: [base.yaml]`"));
                }
            }
        }
        paths
    }

    /// Puts the command after `--` into the tree, as `run` and `dir`.
    fn command(&mut self, tree: &mut Node, overrides: &Overrides) {
        let Some(text) = overrides.command.first().map(|_| overrides.command.join(" ")) else { return };
        if let Some(entry) = tree.entries().and_then(|e| e.iter().find(|e| matches!(e.key.as_str(), "run" | "train"))) {
            let message = format!("the spec has a `{}`, and there is a command after `--`", entry.key);
            let problem = Diagnostic::error(message, Some(self.sources.locate(entry.key_at)));
            self.problems.list.push(problem.help("leave out one of the two"));
            return;
        }
        let start = text.len();
        let source = Source { name: "command line".into(), folder: overrides.here.clone(), text, start };
        let at = Origin::override_name(self.sources.add(source));
        let word = |word: &str| Node { yaml: Yaml::Text(word.to_owned()), at };
        let run = overrides.command.iter().map(|text| word(text)).collect();
        set(tree, "run", &Node { yaml: Yaml::List(run), at }, at);
        if tree.get("dir").is_none() {
            set(tree, "dir", &word(&overrides.here.display().to_string()), at);
        }
    }

    /// Puts `train.k=v` into the tree; gives back `k=v` for params.
    fn assignments(&mut self, tree: &mut Node, assignments: &[String]) -> Vec<Entry> {
        let mut params = Vec::new();
        for assignment in assignments {
            let Some((key, _)) = assignment.split_once('=').filter(|(key, _)| !key.trim().is_empty()) else {
                let message = format!("`{assignment}` is not an override");
                let problem = Diagnostic::error(message, None).help("write `param=value` or `train.key=value`");
                self.problems.list.push(problem);
                continue;
            };
            if assignment[key.len() + 1..].trim().is_empty() {
                let problem = Diagnostic::error(format!("`{assignment}` has no value"), None);
                self.problems
                    .list
                    .push(problem.help(format!("write `{assignment}0.1`; `{assignment}null` is the value null")));
                continue;
            }
            let folder = PathBuf::new();
            // The value is read in place, so that a mistake in it is shown in the whole argument.
            let start = key.len() + 1;
            let source = Source { name: "command line".into(), folder, text: assignment.clone(), start };
            let padded = source.yaml().into_owned();
            let number = self.sources.add(source);
            let value = match yaml::read(&padded, number) {
                Ok(tree) => tree.root,
                Err(error) => {
                    let start = error.at.unwrap_or(0).min(assignment.len());
                    let place = Place { source: number.into(), start, end: assignment.len() };
                    let message = format!("the value of `{}` is not YAML: {}", key.trim(), error.message);
                    self.problems.list.push(Diagnostic::error(message, Some(place)));
                    continue;
                }
            };
            let key = key.trim();
            match key.strip_prefix("train.") {
                Some(path) => set(tree, &format!("train.{path}"), &value, Origin::override_name(number)),
                None => {
                    let key = key.strip_prefix("params.").unwrap_or(key).to_owned();
                    params.push(Entry { key, key_at: Origin::override_name(number), value });
                }
            }
        }
        params
    }
}

const MINIMAL: &str = "the smallest spec:
run: python train.py {args}
metric: min val_loss
params:
  lr: {log: [1e-4, 0.1], grid: 4}
  batch: [16, 32, 64]";

fn read_text(path: &Path) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|error| io_words(&error))?;
    let length = file.metadata().map_err(|error| io_words(&error))?;
    if length.is_dir() {
        return Err("it is a folder".into());
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| io_words(&error))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("it is larger than {} KiB, which no spec is", MAX_FILE / 1024));
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned())?;
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}

fn io_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}

fn missing_file_help(path: &Path) -> String {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".yaml") || name.ends_with(".yml"))
        .collect();
    names.sort();
    let wanted = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    match crate::expr::nearest(&wanted, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{}`?", folder.join(near).display()),
        None if names.is_empty() => format!("there is no .yaml file in `{}`", folder.display()),
        None => format!("in `{}` there are {}", folder.display(), names[..names.len().min(8)].join(", ")),
    }
}

/// `over` on top of `base`: mappings merge, everything else is replaced.
fn merge(base: Node, over: Node) -> Node {
    match (base.yaml, over.yaml) {
        (Yaml::Map(mut entries), Yaml::Map(new)) => {
            for entry in new {
                match entries.iter().position(|other| other.key == entry.key) {
                    Some(i) => {
                        let old = entries.remove(i);
                        let value = merge(old.value, entry.value);
                        entries.insert(i, Entry { key: entry.key, key_at: entry.key_at, value });
                    }
                    None => entries.push(entry),
                }
            }
            Node { yaml: Yaml::Map(entries), at: over.at }
        }
        (_, yaml) => Node { yaml, at: over.at },
    }
}

/// Sets the value at a dotted path, making mappings on the way.
fn set(node: &mut Node, path: &str, value: &Node, key_at: Origin) {
    let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
    if !matches!(node.yaml, Yaml::Map(_)) {
        node.yaml = Yaml::Map(Vec::new());
    }
    let Yaml::Map(entries) = &mut node.yaml else { return };
    let place = entries.iter().position(|entry| entry.key == head).unwrap_or_else(|| {
        let empty = Node { yaml: Yaml::Null, at: value.at };
        entries.push(Entry { key: head.to_owned(), key_at, value: empty });
        entries.len() - 1
    });
    match rest {
        Some(rest) => set(&mut entries[place].value, rest, value, key_at),
        None => {
            entries[place].key_at = key_at;
            entries[place].value = value.clone();
        }
    }
}

/// Whether a mapping with these keys is the domain of a param.
pub(super) fn is_domain<'a>(keys: impl Iterator<Item = &'a str>) -> bool {
    native::is_domain(keys)
}
