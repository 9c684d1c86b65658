//! The words of a command with their placeholders: checked when the spec is read, filled in for each trial.
//!
//! Replacement is one pass: what a value contains is never looked at again. No shell is involved: each word becomes one
//! argument whatever is in it (`{args}` becomes several).

use std::path::Path;

use super::config_file::{ConfigFormat, as_json};
use crate::expr::nearest;
use crate::space::{Config, Value};

/// Words between braces that are not params.
const KNOWN: [&str; 13] = [
    "args",
    "args:space",
    "args:hydra",
    "args:hydra+",
    "args:hydra++",
    "args:json",
    "args:flags",
    "config.yaml",
    "config.json",
    "config.toml",
    "seed",
    "trial",
    "dir",
];

/// One word of a command, or the value of a variable of its environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    Args(ArgStyle),
    Param(String),
    Config(ConfigFormat),
    Seed,
    Trial,
    Dir,
    Env(String),
}

/// How all params are passed as arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ArgStyle {
    /// `--k=v`
    Equals,
    /// `--k v`
    Space,
    /// `k=v`
    Hydra,
    /// `+k=v`
    HydraAdd,
    /// `++k=v`
    HydraForce,
    /// One argument: a JSON object.
    Json,
    /// `--k` for true, nothing for false, `--k=v` for the rest.
    Flags,
}

/// What a template is filled in with.
#[derive(Clone, Copy)]
pub struct Filling<'a> {
    /// The config.
    pub config: &'a Config,
    /// The trial's seed.
    pub seed: u64,
    /// The trial's number.
    pub number: u64,
    /// The folder of the trial, in which config files are written.
    pub folder: &'a Path,
    /// The directory that the trial has for itself.
    pub dir: &'a Path,
    /// The environment of this process.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

/// A mistake in a template: what is wrong and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl Template {
    /// Reads a word; `params` are the names of the params.
    ///
    /// # Errors
    /// An unknown placeholder, or a brace that belongs to none.
    pub fn parse(text: &str, params: &[&str]) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal += &rest[..at];
            let brace = &rest[at..=at];
            let after = &rest[at + 1..];
            if let Some(after) = after.strip_prefix(brace) {
                literal += brace;
                rest = after;
                continue;
            }
            let end = (brace == "{").then(|| after.find('}')).flatten();
            let Some(end) = end else {
                return Err(TemplateError {
                    message: format!("`{text}` has a `{brace}` that belongs to no placeholder"),
                    help: format!("write `{brace}{brace}` for a brace"),
                });
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(placeholder(&after[..end], params)?);
            rest = &after[end + 1..];
        }
        literal += rest;
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        let spread = parts.iter().any(|part| matches!(part, Part::Args(style) if *style != ArgStyle::Json));
        if spread && parts.len() > 1 {
            return Err(TemplateError {
                message: format!("`{text}`: `{{args}}` becomes several words and stands alone"),
                help: "put spaces around it, or write a single param as `{lr}`".into(),
            });
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The word `{args}`.
    pub fn args() -> Self {
        Self { text: "{args}".into(), parts: vec![Part::Args(ArgStyle::Equals)] }
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The word, where it has no placeholder.
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it has a placeholder of any kind.
    pub fn has_placeholder(&self) -> bool {
        self.literal().is_none()
    }

    /// Whether params are passed by it.
    pub fn passes_params(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Args(_) | Part::Param(_) | Part::Config(_)))
    }

    /// Whether all params are passed by it.
    pub fn passes_all(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Args(_) | Part::Config(_)))
    }

    /// The params that it names.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Param(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether the seed is passed by it.
    pub fn passes_seed(&self) -> bool {
        self.parts.contains(&Part::Seed)
    }

    /// The variables of the environment that it names.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Env(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The files with the config that it names.
    pub fn config_files(&self) -> impl Iterator<Item = ConfigFormat> + '_ {
        self.parts.iter().filter_map(|part| match part {
            Part::Config(format) => Some(*format),
            _ => None,
        })
    }

    /// The arguments of a trial: one, several for `{args}`, none where a param that it names is inactive.
    ///
    /// # Errors
    /// A variable that is not set.
    pub fn fill(&self, with: &Filling<'_>) -> Result<Vec<String>, String> {
        if let [Part::Args(style)] = self.parts.as_slice() {
            return Ok(arguments(with.config, *style));
        }
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => out += text,
                Part::Args(style) => out += &arguments(with.config, *style).concat(),
                Part::Param(name) => match with.config.get(name) {
                    Some(value) => out += &value.to_string(),
                    None => return Ok(Vec::new()),
                },
                Part::Config(format) => out += &with.folder.join(format.file_name()).to_string_lossy(),
                Part::Seed => out += &with.seed.to_string(),
                Part::Trial => out += &with.number.to_string(),
                Part::Dir => out += &with.dir.to_string_lossy(),
                Part::Env(name) => {
                    out += &(with.env)(name).ok_or_else(|| format!("the variable `{name}` is not set"))?;
                }
            }
        }
        Ok(vec![out])
    }
}

fn placeholder(name: &str, params: &[&str]) -> Result<Part, TemplateError> {
    if params.contains(&name) {
        return Ok(Part::Param(name.to_owned()));
    }
    if let Some(variable) = name.strip_prefix("env:").filter(|variable| !variable.is_empty()) {
        return Ok(Part::Env(variable.to_owned()));
    }
    Ok(match name {
        "args" => Part::Args(ArgStyle::Equals),
        "args:space" => Part::Args(ArgStyle::Space),
        "args:hydra" => Part::Args(ArgStyle::Hydra),
        "args:hydra+" => Part::Args(ArgStyle::HydraAdd),
        "args:hydra++" => Part::Args(ArgStyle::HydraForce),
        "args:json" => Part::Args(ArgStyle::Json),
        "args:flags" => Part::Args(ArgStyle::Flags),
        "config.yaml" => Part::Config(ConfigFormat::Yaml),
        "config.json" => Part::Config(ConfigFormat::Json),
        "config.toml" => Part::Config(ConfigFormat::Toml),
        "seed" => Part::Seed,
        "trial" => Part::Trial,
        "dir" => Part::Dir,
        _ => {
            let near = nearest(name, KNOWN.iter().chain(params).copied());
            let is_name = !name.is_empty() && !name.contains([' ', '"', '\'', '$', '{']);
            let help = match near {
                Some(near) => format!("did you mean `{{{near}}}`?"),
                None if is_name => format!("placeholders are params, {} and env:NAME", KNOWN.join(" ")),
                None => "write `{{` and `}}` for braces".into(),
            };
            return Err(TemplateError { message: format!("there is no placeholder `{{{name}}}`"), help });
        }
    })
}

fn arguments(config: &Config, style: ArgStyle) -> Vec<String> {
    if style == ArgStyle::Json {
        return vec![as_json(config).to_string()];
    }
    let mut out = Vec::with_capacity(config.settings.len());
    for setting in &config.settings {
        let (name, value) = (&setting.name, &setting.value);
        match (style, value) {
            (ArgStyle::Space, _) => out.extend([format!("--{name}"), value.to_string()]),
            (ArgStyle::Hydra, _) => out.push(format!("{name}={value}")),
            (ArgStyle::HydraAdd, _) => out.push(format!("+{name}={value}")),
            (ArgStyle::HydraForce, _) => out.push(format!("++{name}={value}")),
            (ArgStyle::Flags, Value::Bool(true)) => out.push(format!("--{name}")),
            (ArgStyle::Flags, Value::Bool(false)) => {}
            _ => out.push(format!("--{name}={value}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Setting;

    fn config() -> Config {
        let list = Value::List(vec![1.into(), "a b".into()]);
        let settings: [(&str, Value); 6] = [
            ("lr", 1e-5.into()),
            ("opt.name", "it's \"x\"\n$HOME {seed}".into()),
            ("opt.nesterov", true.into()),
            ("amp", false.into()),
            ("sizes", list),
            ("none", Value::Null),
        ];
        let settings = settings.map(|(name, value)| Setting { name: name.into(), value, label: Some("label".into()) });
        Config { settings: settings.to_vec() }
    }

    fn filled(text: &str) -> Vec<String> {
        let config = config();
        let with = Filling {
            config: &config,
            seed: 7,
            number: 17,
            folder: Path::new("/s/17"),
            dir: Path::new("/s/17/work"),
            env: &|name| (name == "HOME").then(|| "/home/{seed}".to_owned()),
        };
        let params: Vec<&str> = config.settings.iter().map(|s| &*s.name).chain(["inactive"]).collect();
        Template::parse(text, &params).unwrap().fill(&with).unwrap()
    }

    #[test]
    fn every_style() {
        let hostile = "it's \"x\"\n$HOME {seed}";
        let named = format!("--opt.name={hostile}");
        assert_eq!(
            filled("{args}"),
            ["--lr=1e-5", &named, "--opt.nesterov=true", "--amp=false", "--sizes=[1,\"a b\"]", "--none=null"]
        );
        assert_eq!(
            filled("{args:flags}"),
            ["--lr=1e-5", &named, "--opt.nesterov", "--sizes=[1,\"a b\"]", "--none=null"]
        );
        assert_eq!(filled("{args:space}")[..4], ["--lr", "1e-5", "--opt.name", hostile]);
        assert_eq!(filled("{args:hydra}")[0], "lr=1e-5");
        assert_eq!(filled("{args:hydra+}")[0], "+lr=1e-5");
        assert_eq!(filled("{args:hydra++}")[0], "++lr=1e-5");
        assert_eq!(
            filled("cfg={args:json}"),
            [
                "cfg={\"lr\":0.00001,\"opt\":{\"name\":\"it's \\\"x\\\"\\n$HOME {seed}\",\"nesterov\":true},\"amp\":false,\"sizes\":[1,\"a b\"],\"none\":null}"
            ]
        );
    }

    #[test]
    fn single_placeholders_in_one_pass() {
        assert_eq!(filled("{{{lr}}} {seed} {trial} {dir}"), ["{1e-5} 7 17 /s/17/work"]);
        assert_eq!(filled("--config={config.yaml}"), ["--config=/s/17/config.yaml"]);
        assert_eq!(filled("{env:HOME}"), ["/home/{seed}"]);
        assert_eq!(filled("{opt.name}"), ["it's \"x\"\n$HOME {seed}"]);
        assert_eq!(filled("--beta={inactive}"), Vec::<String>::new());
        assert_eq!(filled(""), [""]);
    }

    proptest::proptest! {
        #[test]
        fn a_value_is_passed_as_it_is(value in "\\PC{0,40}", before in "[a-z{} ]{0,6}") {
            let settings = vec![Setting { name: "a".into(), value: value.as_str().into(), label: None }];
            let config = Config { settings };
            let with =
                Filling { config: &config, seed: 1, number: 1, folder: Path::new("f"), dir: Path::new("d"), env: &|_| None };
            let escaped = before.replace('{', "{{").replace('}', "}}");
            let word = Template::parse(&format!("{escaped}{{a}}"), &["a"]).unwrap();
            proptest::prop_assert_eq!(word.fill(&with).unwrap(), vec![format!("{before}{value}")]);
            proptest::prop_assert_eq!(Template::args().fill(&with).unwrap(), vec![format!("--a={value}")]);
        }
    }

    #[test]
    fn mistakes() {
        let shown = |text: &str| {
            let error = Template::parse(text, &["lr", "opt.lr"]).unwrap_err();
            format!("{} ({})", error.message, error.help)
        };
        insta::assert_snapshot!(
            ["{lrr}", "{arg}", "{args:spaced}", "{config.yml}", "{zzz}", "{print $1}", "{", "a}", "{}", "x{args}"]
                .map(shown)
                .join("\n")
        );
    }
}
