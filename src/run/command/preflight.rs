//! What can be known before the first trial starts: whether the program is there, and what it is given.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::launcher::find_program;
use crate::expr::nearest;
use crate::spec::{CommandSpec, Template};

/// Programs whose first argument is a script.
const INTERPRETERS: [&str; 12] =
    ["python", "python3", "bash", "sh", "zsh", "node", "perl", "ruby", "Rscript", "julia", "php", "lua"];

/// Why no trial could start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The key of the spec.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// Looks whether trials can start, for a spec in `folder`, where the user stands in `here`; gives the program, where it
/// is the same for every trial.
///
/// # Errors
/// What is in the way.
pub fn check_command(command: &CommandSpec, folder: &Path, here: &Path) -> Result<Option<PathBuf>, Obstacle> {
    // Without the `.` parts, for people.
    let directory: PathBuf = here.join(command.directory(folder)).components().collect();
    let obstacle = |key, message: String, help: Option<String>| Err(Obstacle { key, message, help });
    if !directory.is_dir() {
        let message = format!("the working directory `{}` is not there", directory.display());
        return obstacle("dir", message, Some("`dir` is relative to the folder of the spec".into()));
    }
    let templates = command.run.iter().map(|word| ("run", word));
    let values = command.env.iter().filter_map(|(_, value)| Some(("env", value.as_ref()?)));
    for (key, template) in templates.chain(values) {
        if let Some(name) = template.variables().find(|name| std::env::var_os(name).is_none()) {
            return obstacle(key, format!("the variable `{name}` is not set"), Some(format!("export {name}=...")));
        }
    }
    let Some(name) = command.run.first().and_then(Template::literal) else { return Ok(None) };
    let path = command.env.iter().find(|(name, _)| name == "PATH").map_or_else(
        || std::env::var_os("PATH"),
        |(_, value)| value.as_ref().and_then(Template::literal).map(OsString::from),
    );
    let Some(program) = find_program(name, &directory, path.as_ref()) else {
        let help = missing_program(name, &directory, here, path.as_ref());
        let message = match directory.join(name.trim_start_matches("./")) {
            file if name.contains('/') && file.is_file() => format!("`{}` may not be executed", file.display()),
            file if name.contains('/') => format!("there is no program `{}`", file.display()),
            _ => format!("there is no program `{name}`"),
        };
        return obstacle("run", message, help);
    };
    if let Some(script) = script(command, name)
        && !directory.join(script).exists()
    {
        let help = if here.join(script).exists() && here != directory {
            let here = pathdiff(&directory, here).unwrap_or_else(|| here.display().to_string());
            format!(
                "it is where you stand; a command runs in the folder of the spec unless `dir` says otherwise: add `dir: {here}`"
            )
        } else {
            "a command runs in the folder of the spec unless `dir` says otherwise; one after `--`, where you stand"
                .into()
        };
        return obstacle("run", format!("there is no `{script}` in `{}`", directory.display()), Some(help));
    }
    Ok(Some(program))
}

/// The script that an interpreter is given, if its place is certain.
fn script<'a>(command: &'a CommandSpec, program: &str) -> Option<&'a str> {
    let name = program.rsplit('/').next().unwrap_or(program);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if !INTERPRETERS.iter().any(|known| known.trim_end_matches('3') == name) {
        return None;
    }
    let first = command.run.get(1)?.literal()?;
    (!first.starts_with('-') && !first.is_empty()).then_some(first)
}

fn missing_program(name: &str, directory: &Path, here: &Path, path: Option<&OsString>) -> Option<String> {
    if directory.join(name).is_file() {
        return Some(if name.contains('/') {
            format!("chmod +x {name}")
        } else {
            format!("it is a file in the working directory: write `run: ./{name} ...`")
        });
    }
    if name.contains('/') {
        return here.join(name).is_file().then(|| {
            "it is where you stand; a command runs in the folder of the spec unless `dir` says otherwise".to_owned()
        });
    }
    let folders = std::env::split_paths(path?).filter_map(|folder| std::fs::read_dir(folder).ok());
    let names: Vec<String> =
        folders.flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let near = nearest(name, names.iter().map(String::as_str));
    let python = (name == "python" && names.iter().any(|other| other == "python3")).then_some("python3");
    python.or(near).map(|near| format!("did you mean `{near}`?"))
}

/// `to` as it is seen from `from`, where one lies above the other or they share a parent.
fn pathdiff(from: &Path, to: &Path) -> Option<String> {
    let (from, to) = (from.canonicalize().ok()?, to.canonicalize().ok()?);
    let shared = from.ancestors().find(|above| to.starts_with(above))?;
    let up = from.strip_prefix(shared).ok()?.components().map(|_| PathBuf::from(".."));
    let down = Some(to.strip_prefix(shared).ok()?.to_owned()).filter(|down| !down.as_os_str().is_empty());
    let path: PathBuf = up.chain(down).collect();
    Some(path.display().to_string())
}
