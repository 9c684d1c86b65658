//! How well and how fast the samplers search.
//!
//!     cargo bench --bench search -- [--samplers bayes,tpe] [--seeds 5] [--trials 100] [--pending 1] [--instance 1]
//!         [--only PART,...] [--without PART,...] [--init N] [--held-out] [--save FILE] [--against FILE] [--costs]
//!         [--at 20,50,100] [--regret]
//!
//! Prints, for each problem, the mean score after 20, 50 and all trials: 1 is the best known cost, 0 is where random
//! search is after 100 trials (median of 15 runs). Best known is the optimum where there is one, else the least cost that
//! any run of this and earlier calls saw (`target/search-bench/`). `--save` keeps the costs that a variant found, `--against`
//! shows the differences to one that was saved, with 95 % intervals over seeds. `--at` says after how many trials scores
//! are read; `--regret` shows, in place of scores, the logarithm to base 10 of what is left to the best known cost (-12 at
//! the least), for budgets after which all scores are 1.
//! `--costs` prints instead how long a proposal takes after so many results.

#![expect(clippy::print_stdout, reason = "a table is what is wanted")]

mod problem;
mod synthetic;
mod tasks;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use problem::Problem;
use rayon::prelude::*;
use sweep::search::{AskTell, Recipe, SamplerKind, Setup};

/// After how many trials scores are read.
const AT: &str = "20,50,100";
/// Runs of random search that the scale is taken from.
const RANDOM_RUNS: u64 = 15;

/// One run: the noiseless cost of the incumbent after each trial, the least cost, seconds of the sampler.
struct Run {
    incumbent: Vec<f64>,
    least: f64,
    seconds: f64,
    proposals: usize,
}

fn run(
    problem: &Problem,
    kind: SamplerKind,
    (recipe, init): (Recipe, Option<u64>),
    seed: u64,
    trials: usize,
    pending: usize,
) -> Run {
    let mut search =
        AskTell::new(kind, problem.space.clone(), Setup { seed, budget: Some(trials as u64), init, recipe });
    let mut out = Run { incumbent: Vec::with_capacity(trials), least: f64::INFINITY, seconds: 0.0, proposals: 0 };
    let (mut best, mut at_best) = (f64::INFINITY, f64::INFINITY);
    let mut waiting = std::collections::VecDeque::new();
    let mut asked = 0;
    while out.incumbent.len() < trials {
        while asked < trials && waiting.len() < pending {
            let start = Instant::now();
            let next = search.ask();
            out.seconds += start.elapsed().as_secs_f64();
            let Ok(Some(next)) = next else {
                asked = trials;
                break;
            };
            out.proposals += 1;
            asked += 1;
            waiting.push_back(next);
        }
        let Some(next) = waiting.pop_front() else {
            // The space is used up: nothing changes any more.
            out.incumbent.resize(trials, at_best);
            break;
        };
        let seen = problem.observe(&next.suggestion.config, seed, next.number);
        search.tell(next.number, seen.map(|(observed, _)| observed)).expect("it was asked for");
        if let Some((observed, cost)) = seen {
            out.least = out.least.min(cost);
            if observed < best {
                (best, at_best) = (observed, cost);
            }
        }
        out.incumbent.push(at_best);
    }
    out
}

/// Numbers by name that are kept from one call to the next.
fn remembered(path: &Path) -> BTreeMap<String, f64> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(k, v)| Some((k.into(), v.parse().ok()?)))
        .collect()
}

fn keep(path: &Path, numbers: &BTreeMap<String, f64>) {
    let text: String = numbers.iter().map(|(k, v)| format!("{k} {v:e}\n")).collect();
    fs::write(path, text).expect("the folder can be written");
}

/// The mean of the differences by problem, and its 95 % interval over seeds.
fn difference<'a>(by_problem: impl Iterator<Item = &'a Vec<f64>>) -> (f64, f64) {
    let (mut means, mut variances) = (Vec::new(), Vec::new());
    for values in by_problem {
        let (m, n) = (mean(values), values.len());
        means.push(m);
        variances.push(values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (n.max(2) - 1) as f64 / n as f64);
    }
    (mean(&means), 1.96 * variances.iter().sum::<f64>().sqrt() / means.len().max(1) as f64)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Milliseconds of a proposal after so many results, on one thread: the middle of several, in a space of 6 numbers and
/// in one with categories and conditions.
fn costs(kinds: &[SamplerKind]) {
    let problems: Vec<Problem> =
        synthetic::all(1).into_iter().filter(|p| p.name == "product_6" || p.name == "tree_4_13").collect();
    println!("| results | space |{}", kinds.iter().map(|kind| format!(" {}, ms |", kind.word())).collect::<String>());
    println!("|---:|---|{}", "---:|".repeat(kinds.len()));
    for results in [20, 50, 100, 200, 400, 1_000, 2_000, 5_000, 10_000] {
        for problem in &problems {
            print!("| {results} | {} |", if problem.name == "product_6" { "6 numbers" } else { "10 params, mixed" });
            for kind in kinds {
                let setup = Setup { seed: 1, ..Setup::default() };
                let mut search = AskTell::new(*kind, problem.space.clone(), setup);
                let mut random = AskTell::new(SamplerKind::Random, problem.space.clone(), setup);
                for number in 0..results {
                    let config = random.ask().ok().flatten().expect("the space is endless").suggestion.config;
                    let cost = problem.observe(&config, 1, number).map(|seen| seen.1);
                    search.add_outside(config, cost);
                }
                let mut times: Vec<f64> = (0..if results > 400 { 5 } else { 15 })
                    .map(|_| {
                        let start = Instant::now();
                        let asked = search.ask().ok().flatten().expect("the space is endless");
                        let taken = start.elapsed().as_secs_f64();
                        let cost = problem.observe(&asked.suggestion.config, 1, asked.number).map(|seen| seen.1);
                        search.tell(asked.number, cost).expect("it was asked for");
                        taken * 1e3
                    })
                    .skip(1)
                    .collect();
                times.sort_by(f64::total_cmp);
                print!(" {:.3} |", times[times.len() / 2]);
            }
            println!();
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let option = |name: &str| arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1)).cloned();
    let whole = |name: &str, default: u64| option(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (seeds, trials, pending) =
        (whole("--seeds", 5), whole("--trials", 100) as usize, whole("--pending", 1) as usize);
    let held_out = arguments.iter().any(|a| a == "--held-out");
    let words = option("--samplers").unwrap_or_else(|| "bayes".into());
    let kinds: Vec<SamplerKind> =
        words.split(',').filter_map(|word| SamplerKind::ALL.into_iter().find(|kind| kind.word() == word)).collect();
    if arguments.iter().any(|a| a == "--costs") {
        costs(&kinds);
        return;
    }
    let read_at: Vec<usize> =
        option("--at").unwrap_or_else(|| AT.into()).split(',').filter_map(|at| at.parse().ok()).collect();
    let &[first, second, third] = read_at.as_slice() else { panic!("`--at` takes three numbers of trials") };
    let read_at = [first, second, third].map(|at| at.clamp(1, trials));
    let as_regret = arguments.iter().any(|a| a == "--regret");
    let mut recipe = Recipe::default();
    for word in option("--without").unwrap_or_default().split(',').filter(|word| !word.is_empty()) {
        match word {
            "trends" => recipe.trends = false,
            "effects" => recipe.effects = false,
            "own-lengths" => recipe.own_lengths = false,
            "warps" => recipe.warps = false,
            "probes" => recipe.probes = false,
            "centre" => recipe.centre = false,
            "belief" => recipe.belief = false,
            "evolution" => recipe.evolution = false,
            _ => panic!("`--without` takes trends, effects, own-lengths, warps, probes, centre, belief, evolution"),
        }
    }
    let init = option("--init").and_then(|text| text.parse().ok());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut problems = if held_out { Vec::new() } else { synthetic::all(whole("--instance", 1)) };
    problems.extend(tasks::all(&root.join(if held_out { "benches/tasks/held-out" } else { "benches/tasks" })));
    if let Some(parts) = option("--only") {
        problems.retain(|problem| parts.split(',').any(|part| problem.name.contains(part) || problem.group == part));
    }
    let folder = root.join("target/search-bench");
    fs::create_dir_all(&folder).expect("target can be written");
    let (best_file, scale_file) = (
        folder.join(format!("best-{}", whole("--instance", 1))),
        folder.join(format!("scale-{}", whole("--instance", 1))),
    );
    let (mut best, mut scale) = (remembered(&best_file), remembered(&scale_file));
    let lacking: Vec<&Problem> = problems.iter().filter(|problem| !scale.contains_key(&problem.name)).collect();
    let jobs: Vec<(&Problem, u64)> =
        lacking.iter().flat_map(|p| (0..RANDOM_RUNS).map(move |seed| (*p, 1000 + seed))).collect();
    let random: Vec<(String, f64, f64)> = jobs
        .par_iter()
        .map(|(problem, seed)| {
            let run = run(problem, SamplerKind::Random, (Recipe::default(), None), *seed, 100, 1);
            (problem.name.clone(), run.incumbent[99], run.least)
        })
        .collect();
    let note = |best: &mut BTreeMap<String, f64>, problem: &Problem, least: f64| {
        let known = best.entry(problem.name.clone()).or_insert(f64::INFINITY);
        *known = problem.best.unwrap_or(known.min(least));
    };
    for problem in &lacking {
        let mut ends: Vec<f64> =
            random.iter().filter(|(name, ..)| *name == problem.name).map(|(_, end, _)| *end).collect();
        ends.sort_by(f64::total_cmp);
        scale.insert(problem.name.clone(), ends[ends.len() / 2]);
        let least = random.iter().filter(|(name, ..)| *name == problem.name).map(|r| r.2).fold(f64::INFINITY, f64::min);
        note(&mut best, problem, least);
    }
    let jobs: Vec<(usize, SamplerKind, u64)> = (0..problems.len())
        .flat_map(|p| kinds.iter().flat_map(move |kind| (0..seeds).map(move |seed| (p, *kind, seed))))
        .collect();
    let runs: Vec<Run> = jobs
        .par_iter()
        .map(|&(p, kind, seed)| run(&problems[p], kind, (recipe, init), seed, trials, pending))
        .collect();
    for ((p, ..), run) in jobs.iter().zip(&runs) {
        note(&mut best, &problems[*p], run.least);
    }
    keep(&best_file, &best);
    keep(&scale_file, &scale);
    let mut costs: BTreeMap<String, f64> = BTreeMap::new();
    let scored = |name: &str, cost: f64| {
        let regret = cost - best[name];
        if as_regret {
            return regret.max(1e-12).log10();
        }
        (1.0 - regret / (scale[name] - best[name]).max(1e-300)).clamp(0.0, 1.0)
    };
    let mut rows: BTreeMap<(usize, &str), Vec<[f64; 3]>> = BTreeMap::new();
    for ((p, kind, seed), run) in jobs.iter().zip(&runs) {
        let name = &problems[*p].name;
        let score = read_at.map(|at| scored(name, run.incumbent[at - 1]));
        for at in read_at {
            costs.insert(format!("{} {name} {seed} {at}", kind.word()), run.incumbent[at - 1]);
        }
        rows.entry((*p, kind.word())).or_default().push(score);
    }
    print!("{:24}", "");
    kinds.iter().for_each(|kind| print!("  {:20}", kind.word()));
    println!();
    let line = |name: &str, values: Vec<[f64; 3]>| {
        print!("{name:24}");
        values.iter().for_each(|v| print!("  {:.3} / {:.3} / {:.3}", v[0], v[1], v[2]));
        println!();
    };
    let over = |list: &[[f64; 3]]| [0, 1, 2].map(|i| mean(&list.iter().map(|s| s[i]).collect::<Vec<_>>()));
    for (p, problem) in problems.iter().enumerate() {
        line(&problem.name, kinds.iter().map(|kind| over(&rows[&(p, kind.word())])).collect());
    }
    let mut groups: Vec<&str> = problems.iter().map(|problem| problem.group).collect();
    groups.dedup();
    groups.sort_unstable();
    groups.dedup();
    for group in groups.iter().copied().chain(["all"]) {
        let of = |kind: &SamplerKind| {
            let own = (0..problems.len()).filter(|p| group == "all" || problems[*p].group == group);
            over(&own.map(|p| over(&rows[&(p, kind.word())])).collect::<Vec<_>>())
        };
        line(&format!("mean: {group}"), kinds.iter().map(of).collect());
    }
    for kind in &kinds {
        let own = || jobs.iter().zip(&runs).filter(|((_, k, _), _)| k == kind);
        let (seconds, count) = own().fold((0.0, 0), |(s, n), (_, run)| (s + run.seconds, n + run.proposals));
        println!("{}: {:.3} ms a proposal", kind.word(), seconds / count as f64 * 1e3);
    }
    if let Some(path) = option("--save") {
        keep(&folder.join(path), &costs);
    }
    if let Some(path) = option("--against") {
        let other = remembered(&folder.join(path));
        for group in groups.iter().copied().chain(["all"]) {
            let is_own = |name: &str| group == "all" || problems.iter().any(|p| p.group == group && p.name == name);
            let parts = read_at.map(|at| {
                let mut by_problem: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
                for (key, cost) in costs.iter().filter(|(key, _)| key.ends_with(&format!(" {at}"))) {
                    let name = key.split(' ').nth(1).unwrap_or("");
                    if let Some(before) = other.get(key).filter(|_| is_own(name)) {
                        by_problem.entry(name).or_default().push(scored(name, *cost) - scored(name, *before));
                    }
                }
                let (centre, within) = difference(by_problem.values());
                format!("{centre:+.3} +- {within:.3}")
            });
            println!("difference: {group:12}  {}", parts.join(" / "));
        }
    }
}
