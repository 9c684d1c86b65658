//! What stands at the end of `sweep run`: the summary, what failed, what to type next.

use super::error::CliError;
use super::logs::last_lines;
use super::output::Output;
use crate::analyse::{best_by, edges, rank};
use crate::render::{Summary, clean, duration, plural, shell_word, shorten};
use crate::run::command::LogPlace;
use crate::run::{Ending, Report};
use crate::space::State;
use crate::spec::{Goal, Loaded};
use crate::store::{Store, SweepRow};

/// How many configs the summary lists.
const TOP: usize = 8;
/// How many lines of a failed trial's output are shown.
const LINES: usize = 5;

/// The last lines that a failed trial printed, with the command to see the rest.
fn printed(store: &Store, row: &SweepRow, number: i64, at: &str) -> String {
    let place = |stream| LogPlace::of(&store.sweep_folder(&row.uid), number as u64, stream);
    let (stream, flag) = if place("stderr").file().exists() { ("stderr", " --stderr") } else { ("stdout", "") };
    let lines = last_lines(&place(stream), LINES);
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    format!("{lines}  sweep logs {}/{number}{flag}{at}   shows all of it\n", row.id)
}

/// Prints the summary of a sweep that has just been run (`report`) or is complete.
///
/// # Errors
/// When the store cannot be read or the output is closed.
pub fn conclude(
    store: &Store,
    row: &SweepRow,
    loaded: &Loaded,
    spec_path: Option<&str>,
    report: Option<&Report>,
    output: &Output,
) -> Result<(), CliError> {
    let counts: Vec<String> = State::ALL
        .iter()
        .filter(|state| row.counts.of(**state) > 0)
        .map(|state| format!("{} {state}", row.counts.of(*state)))
        .collect();
    let took =
        report.map_or_else(String::new, |report| format!(" in {}", duration(report.progress.elapsed.as_secs_f64())));
    let total = row.counts.total();
    let of = match row.planned {
        Some(planned) if planned != total => format!("{total} of {}", plural(planned, "trial")),
        _ => plural(total, "trial"),
    };
    let ending = match report.map(|report| &report.ending) {
        Some(Ending::TimeUp) => "; the time is up",
        Some(Ending::Target) => "; the target is reached",
        Some(Ending::Converged(_)) => "; converged",
        Some(Ending::Drained(_) | Ending::Interrupted(_)) => "; interrupted",
        Some(Ending::Asked) => "; stopped by `sweep stop`",
        Some(Ending::Failing(_)) => "; ended early",
        _ => "",
    };
    let name = clean(&row.name);
    let counts = if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) };
    output.data(&format!("sweep {} `{name}`: {of}{counts}{took}{ending}\n", row.id))?;
    if let Some(Ending::Converged(why)) = report.map(|report| &report.ending) {
        output.say(&format!("converged: {why}"));
        output.say("to go on, take `target: converged` out of the spec and run it with --extend");
    }
    let at = output.store();
    let maximize = loaded.spec.objective.goal == Goal::Max;
    let ranking = rank(store, row)?;
    if ranking.seeds_make_no_difference {
        output.say("note: the repeats of every config are identical to the last bit: seeds make no difference here");
    }
    let ranked = ranking.top(store, TOP)?;
    let params: Vec<String> = loaded.spec.space.params().iter().map(|param| param.name.to_string()).collect();
    let best = ranked.first().filter(|best| best.standing.is_sound());
    let mut edges = best.map_or_else(Vec::new, |best| edges(&loaded.spec.space, &best.config));
    // Where a config with another value is exactly as good, the end is not what made the best one.
    edges.retain(|edge| {
        !ranked.iter().any(|other| {
            best.is_some_and(|best| other.standing.mean == best.standing.mean)
                && other.config.get(&edge.param) != Some(&edge.value)
        })
    });
    let has = |name: &str| loaded.spec.space.param(name).is_some_and(|param| param.domain.is_searched());
    let mut groups = None;
    if has("method") {
        groups = Some(("method".to_owned(), best_by(store, row, &ranking, "method", usize::MAX)?));
    }
    let summary = Summary {
        sweep: row.id,
        metric: &row.metric,
        maximize,
        ranked: &ranked,
        configs: ranking.standings.len(),
        params: &params,
        groups,
        edges: &edges,
        store: at,
    };
    output.data(&format!("\n{}", summary.text(output.width())))?;
    for state in [State::Failed, State::Diverged] {
        if let Some(first) = store.first_in(row, state)? {
            let config = shorten(&clean(&first.config.to_string()), 100);
            let reason = clean(&first.reason);
            output.data(&format!(
                "\n{} {state}, the first: {}/{} {config}: {reason}\n  sweep trials {} -F 'state = {state}'{at}\n",
                row.counts.of(state),
                row.id,
                first.number,
                row.id
            ))?;
            if state == State::Failed && loaded.spec.command().is_some() {
                output.data(&printed(store, row, first.number, at))?;
            }
        }
    }
    if let Some(Ending::Failing(why)) = report.map(|report| &report.ending) {
        output.warn(&format!("error: ended early: {}", clean(why)));
        output.warn("hint: once it is mended, the same command goes on; `--retry-failed` runs the failed trials again");
    }
    let mut next = Vec::new();
    if !row.complete {
        // The file may say something else by now, or need the overrides that were typed.
        next.push(match spec_path {
            Some(path) => format!("sweep run {}{at}   goes on", shell_word(path)),
            None => format!("sweep run --resume {}{at}   goes on", row.id),
        });
    }
    if let Some(best) = best {
        next.push(format!("sweep show {}/{}{at}   the best config's curve", row.id, best.standing.first));
    }
    let by = params.iter().find(|param| *param != "method" && has(param));
    if let Some(by) = by {
        next.push(format!("sweep best {} --by {}{at}", row.id, shell_word(by)));
    }
    if !next.is_empty() {
        output.say(&format!("\nnext: {}", next.join("\n      ")));
    }
    Ok(())
}
