//! Realistic tasks: specs of the built-in trainers, each trial of a few milliseconds.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use sweep::space::Config;
use sweep::spec::{At, Goal, Job, Overrides, load};
use sweep::train::trainer::{Observer, Point, Selection, Trainer, Verdict};

use crate::problem::Problem;

/// Does not look.
struct Silent;

impl Observer for Silent {
    fn point(&mut self, _: u64, _: &[(&'static str, f64)]) {}
}

/// The tasks of a folder, by name.
pub fn all(folder: &Path) -> Vec<Problem> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    files.iter().map(|path| task(path)).collect()
}

fn task(path: &Path) -> Problem {
    let loaded = load(path, &Overrides::default()).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
    let spec = &loaded.spec;
    let Job::Train(train) = &spec.job else { panic!("{} trains nothing", path.display()) };
    let maximize = spec.objective.goal == Goal::Max;
    let point = match spec.objective.at {
        At::Last => Point::Last,
        At::Best => Point::Best,
        At::Step(step) => Point::Step(step),
        At::Mean(count) => Point::Mean(count),
    };
    let selection = Selection { metric: spec.objective.metric.clone(), maximize, point };
    let trainer = Trainer::new(train, selection, &loaded.folder, None)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let seed = spec.trial_seed(0);
    let cancel = AtomicBool::new(false);
    let cost = move |config: &Config| {
        // Pre-training is the same for most configs of a task, but kept for none: it takes milliseconds.
        let needs = trainer.source_key(config, seed).ok()?.is_some();
        let anchor = if needs { trainer.pretrain(config, seed, &cancel).ok()? } else { None };
        let finish = trainer.run(config, seed, anchor, false, &cancel, &mut Silent).ok()?;
        let objective = finish.objective.filter(|_| finish.verdict == Verdict::Done)?;
        Some(if maximize { -objective } else { objective })
    };
    Problem {
        name: path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        group: "task",
        space: spec.space.clone(),
        cost: Box::new(cost),
        noise: 0.0,
        best: None,
    }
}
