//! What a spec may say but probably does not mean.

use super::diagnostic::Diagnostic;
use super::load::Loaded;
use super::model::{CommandSpec, Spec};
use super::template::Template;
use crate::search::{History, Proposal, SamplerKind, Suggestion, grid_size, sampler};
use crate::space::{Domain, Param, Scale, Space, Value};
use crate::train::hyper::is_hyperparameter;
use crate::train::method::{MethodKind, uses};
use crate::train::{Hyper, TrainSpec};

/// A grid beyond this many configs gets a word of warning.
const LARGE_GRID: u128 = 10_000;
/// How many configs are looked at for mistakes that show only in whole configs.
const SAMPLE: usize = 2_000;

/// Everything that looks like a slip, as warnings with places.
pub fn lint(loaded: &Loaded) -> Vec<Diagnostic> {
    let spec = &loaded.spec;
    let mut out = Vec::new();
    let mut warn = |path: &str, message: String, help: String| {
        let place =
            loaded.places.place(path, &loaded.sources).or_else(|| loaded.places.place("params", &loaded.sources));
        out.push(Diagnostic::warning(message, place).help(help));
    };
    for (wanted, config) in spec.space.tries().iter().zip(spec.space.completed_tries()) {
        if !spec.space.accepts(&config) {
            let refused = spec.space.constraints().iter().find(|c| spec.space.verdict(c, &config) == Some(false));
            let constraint = refused.map_or("", |constraint| constraint.text());
            let message = format!("`try` asks for `{config}`, which `{constraint}` refuses: it does not run");
            warn("try", message, "change it or the constraint".into());
        }
        for (name, _) in wanted.iter().filter(|(name, _)| config.get(name).is_none()) {
            let message = format!("`try` sets `{name}`, which is not active in `{config}`");
            warn("try", message, "set what it depends on as well".into());
        }
    }
    for param in spec.space.params() {
        let path = format!("params.{}", param.name);
        if let Domain::Range(range) = &param.domain {
            let decades = if range.low > 0.0 { (range.high / range.low).log10() } else { f64::INFINITY };
            let is_rate =
                param.name.rsplit('.').next().is_some_and(|last| last == "lr" || last.contains("learning_rate"));
            if is_rate && range.scale == Scale::Float && decades >= 2.0 {
                let low = if range.low > 0.0 { Value::Float(range.low) } else { Value::Float(range.high * 1e-4) };
                warn(
                    &path,
                    format!("`{}` is searched on a linear scale over two decades or more", param.name),
                    format!("write `{}: {{log: [{low}, {}]}}`", param.name, Value::Float(range.high)),
                );
            }
        }
        let last = param.name.rsplit('.').next().unwrap_or("");
        if matches!(last, "seed" | "random_state" | "random_seed") && param.domain.is_searched() {
            warn(
                &path,
                format!("`{}` makes the seed a dimension of the search", param.name),
                "use `repeats: 5`".into(),
            );
        }
        if spec.train().is_some() {
            unused_hyperparameter(&spec.space, param, &mut |message, help| warn(&path, message, help));
        }
    }
    if spec.search.sampler == SamplerKind::Grid {
        let size = grid_size(&spec.space);
        if size.accepted > LARGE_GRID && spec.config_limit().is_none() {
            let help = "`search: random` with `configs: 200` finds a good config sooner".into();
            warn("search", format!("the grid has {} configs", size.accepted), help);
        }
    }
    if let Some(limit) = spec.config_limit().filter(|_| spec.search.sampler != SamplerKind::Grid) {
        let wanted = 10 * spec.space.searched() as u64;
        if limit < wanted {
            let searched = spec.space.searched();
            let plural = if searched == 1 { "" } else { "s" };
            let message = format!("{limit} configs are few for {searched} searched param{plural}");
            warn("search", message, format!("take at least 10 for each: `configs: {wanted}`"));
        }
    }
    if spec.repeats.count() < 3 && spec.space.searched() > 0 {
        let count = spec.repeats.count();
        let message =
            format!("with {count} repeat{} a difference cannot be told from luck", if count == 1 { "" } else { "s" });
        warn(
            if loaded.places.origin("repeats").is_some() { "repeats" } else { "params" },
            message,
            "write `repeats: 5`".into(),
        );
    }
    if let Some(train) = spec.train() {
        whole_configs(spec, train, &mut warn);
    }
    if let Some(command) = spec.command() {
        if loaded.places.origin("metric").is_none() {
            let help = "write `metric: min val_loss`, with a name that the program prints or reports".into();
            warn("run", "no `metric` is given: trials are compared by how long they take".into(), help);
        }
        for param in unpassed(spec, command) {
            let message = format!("`{param}` is never passed to the program");
            warn(&format!("params.{param}"), message, format!("add `--{param}={{{param}}}` or `{{args}}` to `run`"));
        }
        if spec.repeats.count() > 1 && !command.run.iter().any(Template::passes_seed) {
            let in_env = command.env.iter().any(|(_, value)| value.as_ref().is_some_and(Template::passes_seed));
            if !in_env {
                let help = "pass it: `--seed={seed}`; or read the variable `SWEEP_SEED`".into();
                warn("run", "the program has repeats but its command names no `{seed}`".into(), help);
            }
        }
    }
    out
}

/// The params that reach the program in no way that can be seen, where others do.
fn unpassed(spec: &Spec, command: &CommandSpec) -> Vec<String> {
    let words: Vec<&Template> =
        command.run.iter().chain(command.env.iter().filter_map(|(_, value)| value.as_ref())).collect();
    if words.iter().any(|word| word.passes_all()) || !words.iter().any(|word| word.passes_params()) {
        return Vec::new();
    }
    let space = &spec.space;
    let mut used: Vec<&str> = words.iter().flat_map(|word| word.params()).collect();
    used.extend(space.constraints().iter().flat_map(|constraint| constraint.names()));
    for param in space.params() {
        used.extend(param.when.iter().map(|when| &*when.name));
        if let Domain::Computed(expr) = &param.domain {
            used.extend(expr.names());
        }
    }
    let names = space.params().iter().map(|param| param.name.to_string());
    names.filter(|name| !used.iter().any(|other| other.strip_prefix("param.").unwrap_or(other) == name)).collect()
}

/// A param that some of the methods do not read, without a `when` that says so.
fn unused_hyperparameter(space: &Space, param: &Param, warn: &mut dyn FnMut(String, String)) {
    let name = &*param.name;
    if !is_hyperparameter(name) || !param.domain.is_searched() || param.when.iter().any(|w| &*w.name == "method") {
        return;
    }
    let Some(Domain::Choice(methods)) = space.param("method").map(|method| &method.domain) else { return };
    let kinds: Vec<MethodKind> = methods
        .items
        .iter()
        .filter_map(|item| MethodKind::ALL.into_iter().find(|kind| Some(kind.name()) == item.value.text()))
        .collect();
    // Names that only some methods read; all other hyperparameters belong to every method.
    let specific = MethodKind::ALL.iter().any(|kind| !uses(*kind).contains(&name))
        && MethodKind::ALL.iter().any(|kind| uses(*kind).contains(&name));
    if !specific {
        return;
    }
    let (used, unused): (Vec<MethodKind>, Vec<MethodKind>) =
        kinds.iter().partition(|kind| uses(**kind).contains(&name));
    if unused.is_empty() {
        return;
    }
    let words = |kinds: &[MethodKind]| kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    let verb = if unused.len() == 1 { "does" } else { "do" };
    let message = format!("{} {verb} not use `{name}`: its values repeat the same trial", words(&unused));
    let help = match used.as_slice() {
        [] => format!("remove `{name}`"),
        [one] => format!("add `when: {{method: {}}}` to `{name}`", one.name()),
        many => format!("add `when: {{method: [{}]}}` to `{name}`", words(many)),
    };
    warn(message, help);
}

/// What shows only in whole configs: a pull that outweighs the step, equal epochs but unequal updates.
fn whole_configs(spec: &Spec, train: &TrainSpec, warn: &mut dyn FnMut(&str, String, String)) {
    // What a search that learns will propose is not known yet: any config of the space may come.
    let kind = Some(spec.search.sampler).filter(|kind| !kind.is_adaptive()).unwrap_or(SamplerKind::Random);
    let mut sampler = sampler(kind, spec.space.clone(), spec.search_setup());
    let (mut transfers, mut climbing) = (0, 0);
    let (mut full, mut small) = (false, false);
    let mut by_epochs = true;
    for _ in 0..spec.config_limit().map_or(SAMPLE, |limit| (limit as usize).min(SAMPLE)) {
        let Proposal::Config(Suggestion { config, .. }) = sampler.propose(&History::default()) else {
            break;
        };
        let get = |name: &str| config.get(name).or_else(|| train.constant(name)).cloned();
        let Ok(hyper) = Hyper::settle(&mut |name| get(name)) else { continue };
        if hyper.method == MethodKind::Transfer {
            transfers += 1;
            climbing += u32::from(hyper.beta >= hyper.lr && hyper.lr > 0.0);
        }
        by_epochs &= matches!(hyper.length, crate::train::hyper::Length::Epochs(_));
        match hyper.batch {
            None => full = true,
            Some(_) => small = true,
        }
    }
    if climbing > 0 {
        let message = format!("`transfer` with beta >= lr: the first step climbs in {climbing} of {transfers} configs");
        let help = "tie the pull to the step: `pull: [0, 0.3, 0.9]` and `beta: = pull * lr`".to_owned();
        warn("params.beta", message, help);
    }
    if by_epochs && full && small && spec.space.param("method").is_some() {
        let message = "methods are compared at equal epochs but unequal numbers of updates".to_owned();
        warn("params.method", message, "give `steps: 1000` instead of `epochs`".to_owned());
    }
}
