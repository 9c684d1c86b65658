//! Sweeps and trials by what a person types: `3`, `last`, `last~2`, a name or the start of one, `1-5`, `tag:x`, `3/17`,
//! `3/1-5`, the start of a config's identity.

use super::Scope;
use crate::expr::nearest;
use crate::store::{Store, StoreError, SweepRow, TrialRow};

/// What a selector stands for.
#[derive(Clone, Debug)]
pub enum Selected {
    /// A sweep.
    Sweep(Box<SweepRow>),
    /// A trial of a sweep.
    Trial(Box<SweepRow>, Box<TrialRow>),
}

/// Why a selector stands for nothing.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// The store has no sweep at all.
    #[error("the store has no sweep yet")]
    Empty,
    /// No sweep is meant by this.
    #[error("there is no sweep `{selector}`")]
    NoSweep {
        /// What was typed.
        selector: String,
        /// What may have been meant.
        hint: String,
    },
    /// Several sweeps are meant by this.
    #[error("`{selector}` is the start of several names: {}", names.join(", "))]
    Several {
        /// What was typed.
        selector: String,
        /// The names.
        names: Vec<String>,
    },
    /// The sweep has no such trial.
    #[error("sweep {sweep} has no trial `{selector}`")]
    NoTrial {
        /// The sweep.
        sweep: i64,
        /// What was typed.
        selector: String,
        /// The trials there are.
        hint: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SelectError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Empty => Some("`sweep run SPEC.yaml` makes one".into()),
            Self::NoSweep { hint, .. } | Self::NoTrial { hint, .. } => Some(hint.clone()),
            Self::Several { .. } => Some("type more of the name, or take the number that `sweep ls` shows".into()),
            Self::Store(error) => error.hint(),
        }
    }
}

/// The sweep or trial that `selector` stands for; a name may be given by its start.
///
/// # Errors
/// Nothing or several things are meant.
pub fn select(store: &Store, selector: &str) -> Result<Selected, SelectError> {
    Ok(match select_many(store, selector)? {
        Selection::Sweep(sweep) => Selected::Sweep(sweep),
        Selection::Trials(sweep, numbers) => match store.trial(&sweep, numbers[0])? {
            Some(trial) => Selected::Trial(sweep, Box::new(trial)),
            None => return Err(no_trial(&sweep, selector)),
        },
    })
}

/// What a selector stands for, where trials are given by the dozen.
#[derive(Clone, Debug)]
pub enum Selection {
    /// A sweep.
    Sweep(Box<SweepRow>),
    /// Trials of a sweep, by number.
    Trials(Box<SweepRow>, Vec<i64>),
}

/// The sweep or trials that `selector` stands for; `3/1-5` is five trials, `3/5b6c` the trials of a config.
///
/// # Errors
/// Nothing or several things are meant.
pub fn select_many(store: &Store, selector: &str) -> Result<Selection, SelectError> {
    let parts = selector.rsplit_once('/').filter(|(sweep, trial)| !sweep.is_empty() && !trial.is_empty());
    let Some((sweep, trial)) = parts else {
        return match select_sweep(store, selector) {
            Ok(sweep) => Ok(Selection::Sweep(Box::new(sweep))),
            Err(error) => by_config(store, selector)?.ok_or(error),
        };
    };
    let sweep = match select_sweep(store, sweep) {
        Ok(sweep) => sweep,
        // A name may have a slash itself.
        Err(error) => match select_sweep(store, selector) {
            Ok(sweep) => return Ok(Selection::Sweep(Box::new(sweep))),
            Err(_) => return Err(error),
        },
    };
    let numbers = match (range(trial), hexadecimal(trial, 4)) {
        (Some((first, last)), _) => store.numbers_between(sweep.id, first, last)?,
        (None, Some(prefix)) => store.numbers_of_config(sweep.id, &prefix)?,
        (None, None) => Vec::new(),
    };
    // A number first; `1234` may also be the start of a config's identity.
    let numbers = if numbers.is_empty() && trial.bytes().all(|b| b.is_ascii_digit()) {
        hexadecimal(trial, 4).map_or(Ok(Vec::new()), |prefix| store.numbers_of_config(sweep.id, &prefix))?
    } else {
        numbers
    };
    if numbers.is_empty() { Err(no_trial(&sweep, trial)) } else { Ok(Selection::Trials(Box::new(sweep), numbers)) }
}

/// What several selectors stand for: besides those of [`select_many`], `1-5` is the sweeps with these numbers, `tag:x`
/// those with the tag, `all` all. A sweep that is named twice comes once.
///
/// # Errors
/// One of them stands for nothing.
pub fn select_list(store: &Store, selectors: &[String]) -> Result<Vec<Scope>, SelectError> {
    let names = store.sweep_names()?;
    if names.is_empty() {
        return Err(SelectError::Empty);
    }
    let mut out: Vec<Scope> = Vec::new();
    let mut add = |sweep: SweepRow, numbers: Option<Vec<i64>>| match out.iter_mut().find(|s| s.sweep.id == sweep.id) {
        None => out.push(Scope { sweep, numbers }),
        Some(before) => {
            before.numbers = before.numbers.take().zip(numbers).map(|(mut all, more)| {
                all.extend(more);
                all.sort_unstable();
                all.dedup();
                all
            });
        }
    };
    for selector in selectors {
        let is_name = names.iter().any(|(_, name)| name == selector);
        let ids: Option<Vec<i64>> = match (selector.strip_prefix("tag:"), range(selector)) {
            _ if is_name => None,
            (Some(tag), _) => Some(store.tagged(tag)?),
            (None, Some((first, last))) if selector.contains('-') => {
                Some(names.iter().map(|(id, _)| *id).filter(|id| (first..=last).contains(id)).collect())
            }
            _ if selector == "all" => Some(names.iter().map(|(id, _)| *id).collect()),
            _ => None,
        };
        match ids {
            Some(ids) if ids.is_empty() => {
                let tags = store.tags()?;
                let hint = match selector.strip_prefix("tag:") {
                    Some(_) if tags.is_empty() => "no sweep has a tag; `sweep tag SWEEP TAG` adds one".to_owned(),
                    Some(tag) => match nearest(tag, tags.iter().map(String::as_str)) {
                        Some(near) => format!("did you mean `tag:{near}`?"),
                        None => format!("the tags are {}", tags.join(", ")),
                    },
                    None => "`sweep ls` lists them".to_owned(),
                };
                return Err(SelectError::NoSweep { selector: selector.clone(), hint });
            }
            Some(ids) => {
                for id in ids {
                    if let Some(sweep) = store.sweep(id)? {
                        add(sweep, None);
                    }
                }
            }
            None => match select_many(store, selector)? {
                Selection::Sweep(sweep) => add(*sweep, None),
                Selection::Trials(sweep, numbers) => add(*sweep, Some(numbers)),
            },
        }
    }
    Ok(out)
}

/// Whether a text means sweeps by itself, so that a sweep of that name could hardly be named.
pub fn is_selector(text: &str) -> bool {
    range(text).is_some() || matches!(text, "last" | "all") || text.starts_with("last~") || text.starts_with("tag:")
}

/// `3-7`, or `5` for `5-5`; the ends may stand either way round.
fn range(text: &str) -> Option<(i64, i64)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse::<i64>().ok()?, last.parse::<i64>().ok()?);
    Some((first.min(last), first.max(last)))
}

/// The text in lower case if it is at least `least` hexadecimal digits.
fn hexadecimal(text: &str, least: usize) -> Option<String> {
    (text.len() >= least && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| text.to_ascii_lowercase())
}

fn no_trial(sweep: &SweepRow, trial: &str) -> SelectError {
    let total = sweep.counts.total();
    let hint = if total == 0 { "it has no trials yet".into() } else { format!("it has {total} trials, from 1") };
    SelectError::NoTrial { sweep: sweep.id, selector: trial.to_owned(), hint }
}

/// The trials of the latest sweep that has a config whose identity begins so, with at least six digits.
fn by_config(store: &Store, prefix: &str) -> Result<Option<Selection>, SelectError> {
    let Some(prefix) = hexadecimal(prefix, 6) else { return Ok(None) };
    for (id, _) in store.sweep_names()?.into_iter().rev() {
        let numbers = store.numbers_of_config(id, &prefix)?;
        if let (false, Some(sweep)) = (numbers.is_empty(), store.sweep(id)?) {
            return Ok(Some(Selection::Trials(Box::new(sweep), numbers)));
        }
    }
    Ok(None)
}

/// The sweep that `selector` stands for: its number, `last`, `last~N`, its name, or the unique start of its name.
///
/// # Errors
/// Nothing or several things are meant.
pub fn select_sweep(store: &Store, selector: &str) -> Result<SweepRow, SelectError> {
    let ids = store.sweep_names()?;
    if ids.is_empty() {
        return Err(SelectError::Empty);
    }
    let id = resolve(&ids, selector)?;
    store.sweep(id)?.ok_or(SelectError::Empty)
}

fn resolve(ids: &[(i64, String)], selector: &str) -> Result<i64, SelectError> {
    let back = match selector.strip_prefix("last") {
        Some("") => Some(0),
        Some(rest) => rest.strip_prefix('~').and_then(|n| n.parse::<usize>().ok()),
        None => None,
    };
    if let Some(back) = back {
        let place = ids.len().checked_sub(1 + back);
        return place.map(|place| ids[place].0).ok_or_else(|| SelectError::NoSweep {
            selector: selector.to_owned(),
            hint: format!("there are {} sweeps", ids.len()),
        });
    }
    if let Ok(number) = selector.parse::<i64>()
        && ids.iter().any(|(id, _)| *id == number)
    {
        return Ok(number);
    }
    // The latest of a name is meant.
    if let Some((id, _)) = ids.iter().rev().find(|(_, name)| name == selector) {
        return Ok(*id);
    }
    let mut starting: Vec<&(i64, String)> =
        ids.iter().rev().filter(|(_, name)| !selector.is_empty() && name.starts_with(selector)).collect();
    starting.dedup_by(|a, b| a.1 == b.1);
    let mut names: Vec<String> = starting.iter().map(|(_, name)| name.clone()).collect();
    names.sort();
    names.dedup();
    match (names.len(), starting.first()) {
        (1, Some((id, _))) => Ok(*id),
        (0, _) => {
            let hint = match nearest(selector, ids.iter().map(|(_, name)| name.as_str())) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`sweep ls` lists them".to_owned(),
            };
            Err(SelectError::NoSweep { selector: selector.to_owned(), hint })
        }
        _ => Err(SelectError::Several { selector: selector.to_owned(), names }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors() {
        let ids: Vec<(i64, String)> = [(1, "grid"), (2, "random"), (3, "grid"), (5, "grid-wide")]
            .map(|(id, name)| (id, name.to_owned()))
            .to_vec();
        let shown = |selector: &str| match resolve(&ids, selector) {
            Ok(id) => id.to_string(),
            Err(error) => format!("{error} ({})", error.hint().unwrap_or_default()),
        };
        assert_eq!(shown("last"), "5");
        assert_eq!(shown("last~1"), "3");
        assert_eq!(shown("last~9"), "there is no sweep `last~9` (there are 4 sweeps)");
        assert_eq!(shown("2"), "2");
        assert_eq!(shown("grid"), "3");
        assert_eq!(shown("r"), "2");
        assert_eq!(
            shown("g"),
            "`g` is the start of several names: grid, grid-wide (type more of the name, or take the number that `sweep ls` shows)"
        );
        assert_eq!(shown("radnom"), "there is no sweep `radnom` (did you mean `random`?)");
        assert_eq!(shown("4"), "there is no sweep `4` (`sweep ls` lists them)");
        assert_eq!(shown(""), "there is no sweep `` (`sweep ls` lists them)");
    }
}
