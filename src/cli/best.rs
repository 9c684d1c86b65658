//! `sweep best`: the best configs, or the best of each value of a param.

use super::args::{BestArgs, Common};
use super::error::CliError;
use super::input::open_store;
use super::output::Output;
use super::trials::filter;
use crate::analyse::{TrialNames, best_by, rank, select_sweep};
use crate::expr::nearest;
use crate::render::{Format, group_listing, plural, ranked_listing};
use crate::space::State;

/// Shows the best configs; gives the exit code.
///
/// # Errors
/// No such sweep or param, a filter that names nothing.
pub fn best(args: &BestArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let store = open_store(common)?;
    let sweep = select_sweep(&store, &args.sweep)?;
    let mut trials = store.trials(&sweep)?;
    let names = TrialNames::of(&trials);
    if let Some(text) = &args.filter {
        let filter = filter(text, &names)?;
        trials.retain(|trial| filter.accepts(trial));
    }
    let mut params: Vec<String> = Vec::new();
    for setting in trials.iter().flat_map(|trial| &trial.config.settings) {
        if !params.iter().any(|name| **name == *setting.name) {
            params.push(setting.name.to_string());
        }
    }
    let ranked = rank(&trials, sweep.goal == "max");
    let format = args.format.format();
    if ranked.is_empty() && format == Format::Table {
        output.say(&format!("no trial of sweep {} has a result yet", sweep.id));
        return Ok(0);
    }
    let listing = match &args.by {
        Some(by) => {
            if !params.iter().any(|param| param == by) {
                let error = CliError::user(format!("sweep {} has no param `{by}`", sweep.id));
                return Err(match nearest(by, params.iter().map(String::as_str)) {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error.hint(format!("its params are {}", params.join(", "))),
                });
            }
            group_listing(&best_by(&ranked, by), by, &params, &sweep.metric)
        }
        None => ranked_listing(&ranked[..ranked.len().min(args.top)], &params, &sweep.metric),
    };
    output.listing(&listing, format)?;
    if format == Format::Table {
        let lost = |state: State| trials.iter().filter(|trial| trial.state == state).count() as u64;
        let mut words =
            format!("{} of sweep {}, {} {}", plural(ranked.len() as u64, "config"), sweep.id, sweep.goal, sweep.metric);
        for state in [State::Failed, State::Diverged] {
            if lost(state) > 0 {
                words += &format!(", {} {state}", plural(lost(state), "trial"));
            }
        }
        output.say(&words);
    }
    Ok(0)
}
