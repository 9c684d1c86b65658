//! `sweep best`: the best configs, or the best of each value of a param.

use super::args::{BestArgs, Common};
use super::error::CliError;
use super::input::open_store;
use super::output::Output;
use super::trials::filter;
use crate::analyse::{Standing, TrialNames, best_by, rank, rank_accepted, select_sweep};
use crate::expr::nearest;
use crate::render::{Format, group_listing, in_common, plural, ranked_listing};

/// Shows the best configs; gives the exit code.
///
/// # Errors
/// No such sweep or param, a filter that names nothing.
pub fn best(args: &BestArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let store = open_store(common)?;
    let sweep = select_sweep(&store, &args.sweep)?;
    let ranking = match &args.filter {
        None => rank(&store, &sweep)?,
        Some(text) => {
            let names = TrialNames::of(&store, std::slice::from_ref(&sweep))?;
            rank_accepted(&store, &sweep, &filter(text, &names)?)?
        }
    };
    let params = sweep.in_spec_order(store.param_names(sweep.id)?);
    let format = args.format.format();
    if ranking.standings.is_empty() && format == Format::Table {
        output.say(&format!(
            "no trial of sweep {} has a result{}",
            sweep.id,
            if args.filter.is_some() { " that matches" } else { " yet" }
        ));
        return Ok(0);
    }
    let mut common = None;
    let listing = match &args.by {
        Some(by) => {
            if !params.iter().any(|param| param == by) {
                let error = CliError::user(format!("sweep {} has no param `{by}`", sweep.id));
                return Err(match nearest(by, params.iter().map(String::as_str)) {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error.hint(format!("its params are {}", params.join(", "))),
                });
            }
            let groups = best_by(&store, &sweep, &ranking, by, args.top)?;
            group_listing(&groups, by, &params, &sweep.metric)
        }
        None => {
            let top = ranking.top(&store, args.top)?;
            // A column is shown only where its values differ; what was searched and came out the same is said below.
            common = in_common(&top.iter().collect::<Vec<_>>(), &sweep.varied());
            ranked_listing(&top, &params, &sweep.metric)
        }
    };
    output.table(&listing, format, !args.format.no_trunc)?;
    if format == Format::Table {
        if let Some(common) = common {
            output.say(&format!("all of these: {common}"));
        }
        let configs = plural(ranking.standings.len() as u64, "config");
        let mut words = format!("{configs} of sweep {}, {} {}", sweep.id, sweep.goal, sweep.metric);
        let lost = |count: fn(&Standing) -> usize| ranking.standings.iter().map(count).sum::<usize>() as u64;
        for (count, word) in [(lost(|s| s.failed), "failed"), (lost(|s| s.diverged), "diverged")] {
            if count > 0 {
                words += &format!(", {} {word}", plural(count, "trial"));
            }
        }
        output.say(&words);
    }
    Ok(0)
}
