//! Sweeps and trials by what a person types: `3`, `last`, `last~2`, a name or the start of one, `3/17`.

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
    let Some((sweep, trial)) =
        selector.rsplit_once('/').filter(|(sweep, trial)| !sweep.is_empty() && !trial.is_empty())
    else {
        return select_sweep(store, selector).map(|sweep| Selected::Sweep(Box::new(sweep)));
    };
    let sweep = match select_sweep(store, sweep) {
        Ok(sweep) => sweep,
        // A name may have a slash itself.
        Err(error) => match select_sweep(store, selector) {
            Ok(sweep) => return Ok(Selected::Sweep(Box::new(sweep))),
            Err(_) => return Err(error),
        },
    };
    let found = match trial.parse::<i64>() {
        Ok(number) if number > 0 => store.trial(&sweep, number)?,
        _ => by_config(store, &sweep, trial)?,
    };
    match found {
        Some(trial) => Ok(Selected::Trial(Box::new(sweep), Box::new(trial))),
        None => {
            let total = sweep.counts.total();
            let hint =
                if total == 0 { "it has no trials yet".into() } else { format!("it has {total} trials, from 1") };
            Err(SelectError::NoTrial { sweep: sweep.id, selector: trial.to_owned(), hint })
        }
    }
}

/// What a selector stands for, where trials are given by the dozen.
#[derive(Clone, Debug)]
pub enum Selection {
    /// A sweep.
    Sweep(Box<SweepRow>),
    /// Trials of a sweep, by number.
    Trials(Box<SweepRow>, Vec<i64>),
}

/// The sweep or trials that `selector` stands for; `3/1-5` is five trials.
///
/// # Errors
/// Nothing or several things are meant.
pub fn select_many(store: &Store, selector: &str) -> Result<Selection, SelectError> {
    if let Some((sweep, trials)) = selector.rsplit_once('/')
        && let Some((first, last)) = trials.split_once('-')
        && let (Ok(first), Ok(last)) = (first.parse::<i64>(), last.parse::<i64>())
        && let Ok(sweep) = select_sweep(store, sweep)
    {
        let there = store.recorded(sweep.id)?;
        let mut numbers: Vec<i64> = there.iter().map(|trial| trial.number as i64).collect();
        numbers.retain(|number| (first..=last).contains(number));
        numbers.sort_unstable();
        if numbers.is_empty() {
            let hint = format!("it has {} trials", there.len());
            return Err(SelectError::NoTrial { sweep: sweep.id, selector: trials.to_owned(), hint });
        }
        return Ok(Selection::Trials(Box::new(sweep), numbers));
    }
    Ok(match select(store, selector)? {
        Selected::Sweep(sweep) => Selection::Sweep(sweep),
        Selected::Trial(sweep, trial) => Selection::Trials(sweep, vec![trial.number]),
    })
}

/// The first trial whose config's identity begins with `prefix` (at least four hexadecimal digits).
fn by_config(store: &Store, sweep: &SweepRow, prefix: &str) -> Result<Option<TrialRow>, SelectError> {
    if prefix.len() < 4 || !prefix.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let prefix = prefix.to_ascii_lowercase();
    Ok(store.trials(sweep)?.into_iter().find(|trial| trial.config_id.starts_with(&prefix)))
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
