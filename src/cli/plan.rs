//! `sweep plan`: what a spec would run, and what looks like a slip in it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::args::{Common, PlanArgs};
use super::error::CliError;
use super::input::store_path;
use super::output::Output;
use super::work::{Program, Work};
use crate::render::{clean, duration, plural, shell_word, shorten};
use crate::run::planned_trials;
use crate::search::{GridSize, History, Pending, Proposal, SamplerKind, Suggestion, grid_size, sampler};
use crate::space::{Config, Domain};
use crate::spec::{Filling, Job, Loaded, Parallel, Repeats, Spec, canonical, lint, load};
use crate::store::{Access, Store};
use crate::train::TrainSpec;
use crate::train::hyper::HYPERPARAMETERS;
use crate::train::trainer::{Observer, Trainer};

/// How many configs are shown at each end.
const ENDS: usize = 3;
/// A search with more configs than this is not walked to its end.
const WALKED: u64 = 400_000;
/// How long one trial is tried out.
const TRYOUT: Duration = Duration::from_millis(300);

/// Shows the plan; gives the exit code.
///
/// # Errors
/// Mistakes in the spec or the data.
pub fn plan(args: &PlanArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let loaded = load(&args.spec, &args.changes.overrides())?;
    output.warnings(&loaded.warnings.list, &loaded.sources);
    output.warnings(&lint(&loaded), &loaded.sources);
    let path = store_path(common);
    let store = if path.exists() { Store::open(&path, Access::Read).ok() } else { None };
    let work = Work::prepare(&loaded, store.as_ref())?;
    let plan = Plan::of(&loaded, &work, store.as_ref());
    if args.json {
        output.data(&format!("{}\n", plan.json(&loaded.spec)))?;
    } else {
        output.data(&plan.text(&loaded, &work, output.width()))?;
    }
    Ok(0)
}

/// What a spec comes to.
struct Plan {
    trials: Option<u64>,
    configs: Option<u64>,
    grid: Option<GridSize>,
    first: Vec<Config>,
    last: Vec<Config>,
    seconds: Option<f64>,
}

impl Plan {
    fn of(loaded: &Loaded, work: &Work, store: Option<&Store>) -> Self {
        let spec = &loaded.spec;
        let trials = planned_trials(spec);
        let configs = trials.map(|trials| trials / u64::from(spec.repeats.count()));
        let grid = (spec.search.sampler == SamplerKind::Grid).then(|| grid_size(&spec.space));
        let (first, last) = ends(spec, configs);
        // Only built-in trials are tried out: a command may do anything. It is judged by an earlier sweep of the name.
        let seconds = match work {
            Work::Train(trainer) => expected_seconds(spec, trainer, work.slots(spec), &first, &last, trials),
            Work::Command(_) => store.and_then(|store| {
                let before = store.latest_named(&spec.name).ok()??;
                let each = store.mean_seconds(before.id).ok()??;
                Some(each * trials? as f64 / work.slots(spec) as f64)
            }),
        };
        Self { trials, configs, grid, first, last, seconds }
    }

    fn json(&self, spec: &Spec) -> Json {
        let config = |config: &Config| -> Json {
            Json::Object(config.settings.iter().map(|s| (s.name.to_string(), s.value.to_json())).collect())
        };
        json!({
            "name": spec.name,
            "trials": self.trials,
            "configs": self.configs,
            "repeats": spec.repeats.count(),
            "combinations": self.grid.as_ref().map(|grid| grid.combinations.to_string()),
            "accepted_share": self.grid.as_ref().map(share),
            "first": self.first.iter().map(config).collect::<Vec<_>>(),
            "last": self.last.iter().map(config).collect::<Vec<_>>(),
            "seconds": self.seconds,
            "spec": canonical(spec),
        })
    }

    fn text(&self, loaded: &Loaded, work: &Work, width: Option<usize>) -> String {
        let spec = &loaded.spec;
        let mut lines = vec![format!("sweep      {}", clean(&spec.name))];
        match work {
            Work::Train(trainer) => lines.extend(data_lines(spec, trainer)),
            Work::Command(program) => lines.extend(self.command_lines(spec, program)),
        }
        lines.push(format!(
            "metric     {} {}{}",
            spec.objective.goal.word(),
            spec.objective.metric,
            match spec.objective.at {
                crate::spec::At::Last => ", the last value".to_owned(),
                crate::spec::At::Best => ", the best value".to_owned(),
                crate::spec::At::Step(step) => format!(", at step {step}"),
                crate::spec::At::Mean(count) => format!(", the mean of the last {count} points"),
            }
        ));
        lines.push(format!("search     {}", self.search_words(spec)));
        let about = sampler(spec.search.sampler, spec.space.clone(), spec.search_setup()).about();
        if !about.is_empty() {
            lines.push(format!("           {about}"));
        }
        lines.extend(self.constraint_lines(spec));
        let auto = match (spec.parallel, work) {
            (Parallel::Auto, Work::Train(_)) => ", one for each core",
            (Parallel::Auto, Work::Command(program)) if program.allotment.gpus.iter().any(Option::is_some) => {
                ", by the GPUs that are there"
            }
            _ => "",
        };
        lines.push(format!("parallel   {} at once{auto}", work.slots(spec)));
        lines.extend(work.notes().iter().filter(|_| spec.command().is_some()).map(|note| format!("           {note}")));
        if let Some(seconds) = self.seconds {
            lines.push(format!("time       about {}", duration(seconds)));
        }
        lines.push("params".into());
        for param in spec.space.params() {
            lines.push(format!("  {}", clean(&param_line(param))));
        }
        lines.push(String::new());
        lines.push(if self.last.is_empty() { "configs".into() } else { "first and last configs".into() });
        let cut = width.unwrap_or(200).max(40);
        lines.extend(self.first.iter().map(|config| shorten(&format!("  {}", clean(&config.to_string())), cut)));
        if !self.last.is_empty() {
            lines.push("  ...".into());
            lines.extend(self.last.iter().map(|config| shorten(&format!("  {}", clean(&config.to_string())), cut)));
        }
        lines.push(String::new());
        lines.push("settings (those in brackets by default)".into());
        lines.extend(match &spec.job {
            Job::Train(train) => default_lines(spec, train),
            Job::Command(_) => each_lines(spec),
        });
        lines.join("\n") + "\n"
    }

    /// The command as it is for the first trial.
    fn command_lines(&self, spec: &Spec, program: &Program) -> Vec<String> {
        let (Some(command), Some(config)) = (spec.command(), self.first.first()) else { return Vec::new() };
        let filling = Filling {
            config,
            seed: spec.trial_seed(0),
            number: 1,
            folder: Path::new("FOLDER"),
            dir: Path::new("DIR"),
            env: &|name| std::env::var(name).ok(),
        };
        let words = command.run.iter().flat_map(|word| word.fill(&filling).unwrap_or_default());
        let words: Vec<String> = words.map(|word| shell_word(&word)).collect();
        vec![format!("command    {}", words.join(" ")), format!("           in {}", program.directory.display())]
    }

    fn search_words(&self, spec: &Spec) -> String {
        let repeats = spec.repeats.count();
        let seeds = match &spec.repeats {
            Repeats::Count(_) => plural(u64::from(repeats), "seed"),
            Repeats::Seeds(list) => format!("seeds {}", list.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")),
        };
        let word = spec.search.sampler.word();
        let size = match (self.configs, self.trials) {
            (Some(configs), Some(trials)) => {
                format!("{} x {seeds} = {}", plural(configs, "config"), plural(trials, "trial"))
            }
            _ => match &self.grid {
                Some(grid) => format!("about {} configs x {seeds}", grid.accepted),
                None => "without an end".into(),
            },
        };
        let why = match (spec.budget.configs, spec.budget.trials) {
            (None, None) if !spec.search.sampler.is_finite() => {
                format!(" (no budget given: {} configs)", spec.default_configs())
            }
            _ => String::new(),
        };
        format!("{word}: {size}{why}")
    }

    fn constraint_lines(&self, spec: &Spec) -> Vec<String> {
        let Some(grid) = &self.grid else {
            return spec
                .space
                .constraints()
                .iter()
                .map(|c| format!("           constraint `{}`", clean(c.text())))
                .collect();
        };
        if spec.space.constraints().is_empty() {
            return Vec::new();
        }
        let about = if grid.exact { "" } else { "about " };
        let mut lines = vec![format!(
            "           constraints accept {about}{} of {} combinations ({:.1} %)",
            grid.accepted,
            grid.combinations,
            share(grid) * 100.0
        )];
        for (constraint, (refused, unknown)) in spec.space.constraints().iter().zip(&grid.constraints) {
            let skipped = if *unknown > 0.0 {
                format!(", skipped in {:.1} % (an operand is inactive)", unknown * 100.0)
            } else {
                String::new()
            };
            lines.push(format!(
                "             `{}` refuses {:.1} %{skipped}",
                clean(constraint.text()),
                refused * 100.0
            ));
        }
        lines
    }
}

fn share(grid: &GridSize) -> f64 {
    grid.accepted as f64 / grid.combinations.max(1) as f64
}

/// The first and the last configs; no last ones where all are among the first or the end is too far away.
fn ends(spec: &Spec, configs: Option<u64>) -> (Vec<Config>, Vec<Config>) {
    let mut sampler = sampler(spec.search.sampler, spec.space.clone(), spec.search_setup());
    // One that learns is asked as if nothing had ended: these are the configs that it starts with.
    let mut running = Vec::new();
    let (mut first, mut last) = (Vec::new(), std::collections::VecDeque::new());
    let walk_to = configs.filter(|configs| *configs <= WALKED && !sampler.is_adaptive()).unwrap_or(ENDS as u64);
    for _ in 0..walk_to {
        let history = History { running: &running, ..History::default() };
        let Proposal::Config(Suggestion { config, .. }) = sampler.propose(&history) else { break };
        if sampler.is_adaptive() {
            running.push(Pending { id: config.id(), config: Arc::new(config.clone()) });
        }
        if first.len() < ENDS {
            first.push(config);
        } else {
            if last.len() == ENDS {
                last.pop_front();
            }
            last.push_back(config);
        }
    }
    (first, last.into())
}

fn param_line(param: &crate::space::Param) -> String {
    let json = match &param.domain {
        Domain::Computed(expr) => format!("= {}", expr.text()),
        Domain::Const(value) => value.to_string(),
        Domain::Case => "from `cases`".into(),
        Domain::Choice(choices) => {
            let items: Vec<String> = choices
                .items
                .iter()
                .take(12)
                .map(|item| item.label.as_deref().map_or_else(|| item.value.to_string(), str::to_owned))
                .collect();
            let more =
                if choices.items.len() > 12 { format!(", ... ({})", choices.items.len()) } else { String::new() };
            format!("[{}{more}]", items.join(", "))
        }
        domain => {
            let ends = |word: &str, a: f64, b: f64, whole: bool| {
                let number = |x: f64| if whole { format!("{x}") } else { crate::space::Value::Float(x).to_string() };
                format!("{word} {} to {}", number(a), number(b))
            };
            match domain {
                Domain::Range(range) => {
                    let mut text = ends(range.scale.word(), range.low, range.high, range.scale.is_int());
                    if let Some(points) = range.grid_points() {
                        text += &format!(", {}", plural(points.len() as u64, "point"));
                        let shown: Vec<String> = points.iter().take(12).map(ToString::to_string).collect();
                        text += &format!(": {}{}", shown.join(" "), if points.len() > 12 { " ..." } else { "" });
                    }
                    text
                }
                Domain::Normal { mean, sd, log, .. } => {
                    format!("{} of mean {mean} and sd {sd}", if *log { "lognormal" } else { "normal" })
                }
                Domain::Beta { a, b, .. } => format!("beta distribution with shapes {a} and {b}"),
                _ => String::new(),
            }
        }
    };
    let when: Vec<String> = param
        .when
        .iter()
        .map(|when| {
            let values: Vec<String> = when.values.iter().map(ToString::to_string).collect();
            format!("{} is {}", when.name, values.join(" or "))
        })
        .collect();
    let when = if when.is_empty() { String::new() } else { format!("  when {}", when.join(" and ")) };
    format!("{}: {json}{when}", param.name)
}

/// The data of built-in training.
fn data_lines(spec: &Spec, trainer: &Trainer) -> Vec<String> {
    let section = spec.train().and_then(|train| train.data.as_ref());
    let (Some(data), Some(section)) = (trainer.data(), section) else { return Vec::new() };
    let (train, validation, test) = data.counts(spec.trial_seed(0));
    let files: Vec<String> = section.files.named().iter().map(|(_, path)| clean(&path.display().to_string())).collect();
    let classes = match data.classes().len() {
        0 => "a number".into(),
        n => format!("{n} classes"),
    };
    let mut lines = vec![format!(
        "data       {}: {train} training, {validation} validation, {test} test rows; {} -> `{}`, {classes}",
        files.join(", "),
        plural(data.inputs() as u64, "input"),
        clean(&section.target),
    )];
    lines.extend(data.notes.iter().map(|note| format!("           {}", clean(note))));
    lines
}

/// The limits of a command's trials.
fn each_lines(spec: &Spec) -> Vec<String> {
    let each = &spec.each;
    let length = |length: Option<Duration>| length.map(|length| duration(length.as_secs_f64()));
    let rows: [(&str, Option<String>, &str, &str); 9] = [
        ("cpu", each.cpu.map(|cpu| cpu.to_string()), "not counted", "cores of each trial"),
        ("gpu", each.gpu.map(|gpu| gpu.to_string()), "one where there are any", "GPUs of each trial"),
        (
            "mem",
            each.mem.map(|mem| format!("{:.1} GiB", mem as f64 / f64::from(1 << 30))),
            "no limit",
            "memory of each trial",
        ),
        ("timeout", length(each.timeout), "none", "a trial that runs longer fails"),
        ("stall", length(each.stall), "none", "a trial that prints nothing for so long fails"),
        ("grace", length(each.grace), "10 s", "from the signal TERM to KILL"),
        ("retries", Some(each.retries.to_string()), "0", "how often a failed trial is tried again"),
        ("keep", (!each.keep.is_empty()).then(|| each.keep.join(" ")), "all of $SWEEP_DIR", "files that stay"),
        (
            "max_failures",
            spec.max_failures.map(|n| n.to_string()),
            "the first 5 in a row",
            "failed trials that end the run",
        ),
    ];
    let line = |(name, value, default, about): (&str, Option<String>, &str, &str)| {
        let value = value.unwrap_or_else(|| format!("[{default}]"));
        format!("  {name:<13} {:<32} {about}", clean(&value))
    };
    let mut lines: Vec<String> = rows.into_iter().map(line).collect();
    lines.push(format!("  {:<13} {}", "seed", spec.seed));
    lines
}

/// Every hyperparameter with its value or default, and the other keys of `train`.
fn default_lines(spec: &Spec, train: &TrainSpec) -> Vec<String> {
    let mut lines = Vec::new();
    for info in &HYPERPARAMETERS {
        let value = match (train.constant(info.name), spec.space.param(info.name)) {
            (_, Some(_)) => continue,
            (Some(value), None) => value.to_string(),
            (None, None) => format!("[{}]", info.default),
        };
        lines.push(format!("  {:<13} {:<32} {}", info.name, clean(&value), info.about));
    }
    let meant = canonical(spec);
    for key in ["split", "scale", "report", "source"] {
        if let Some(value) = meant["train"].get(key) {
            lines.push(format!("  {key:<13} {}", clean(&value.to_string())));
        }
    }
    lines.push(format!("  {:<13} {}", "seed", spec.seed));
    lines
}

/// The time that all trials take, judged by trying out the first and the last config for a moment.
fn expected_seconds(
    spec: &Spec,
    trainer: &Trainer,
    slots: usize,
    first: &[Config],
    last: &[Config],
    trials: Option<u64>,
) -> Option<f64> {
    let trials = trials?;
    let tried: Vec<f64> =
        first.first().into_iter().chain(last.last()).filter_map(|config| tried_out(spec, trainer, config)).collect();
    if tried.is_empty() {
        return None;
    }
    let each = tried.iter().sum::<f64>() / tried.len() as f64;
    Some(each * trials as f64 / slots as f64)
}

/// The seconds that a trial of this config takes.
fn tried_out(spec: &Spec, trainer: &Trainer, config: &Config) -> Option<f64> {
    struct Last(u64);
    impl Observer for Last {
        fn point(&mut self, step: u64, _: &[(&'static str, f64)]) {
            self.0 = step;
        }
    }
    let seed = spec.trial_seed(0);
    let total = trainer.total_steps(config, seed)?;
    let cancel = AtomicBool::new(false);
    let start = Instant::now();
    let mut last = Last(0);
    let done = std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            let anchor = match trainer.source_key(config, seed) {
                Ok(Some(_)) => trainer.pretrain(config, seed, &cancel).ok().flatten(),
                _ => None,
            };
            let start = Instant::now();
            let finish = trainer.run(config, seed, anchor, false, &cancel, &mut last);
            (finish.is_ok(), start.elapsed().as_secs_f64())
        });
        while !run.is_finished() && start.elapsed() < TRYOUT {
            std::thread::sleep(Duration::from_millis(2));
        }
        cancel.store(true, Ordering::Relaxed);
        run.join().ok()
    });
    let (fine, seconds) = done?;
    let reached = last.0.max(1);
    fine.then(|| if reached >= total { seconds } else { seconds * total as f64 / reached as f64 })
}
