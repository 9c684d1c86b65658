//! `sweep extend`: more values, repeats or trials for a sweep that ran or runs.

use serde_json::{Map, Value as Json, json};

use super::args::{Common, ExtendArgs};
use super::ask::ask;
use super::error::CliError;
use super::input::{checkpoint_file, store_path};
use super::output::Output;
use super::refusal::owned;
use super::run::{start_lock, stored_spec, unreadable};
use super::session::{Start, go};
use super::work::Work;
use crate::analyse::select_sweep;
use crate::expr::nearest;
use crate::run::{OTHER_FILES, changed_files, extension, hash_files, planned_trials};
use crate::space::{Domain, Space};
use crate::spec::{Overrides, canonical, changes, load_canonical};
use crate::store::{Access, Owner, Store};

/// Extends a sweep; gives the exit code.
///
/// # Errors
/// The change does more than add, or the sweep cannot be run.
pub fn extend(args: &ExtendArgs, common: &Common, output: &Output) -> Result<u8, CliError> {
    let mut store = Store::open(&store_path(common), Access::Write)?;
    store.reap()?;
    let sweep = select_sweep(&store, &args.sweep)?;
    let before = stored_spec(&sweep, &Overrides::default())?;
    let mut meant = canonical(&before.spec);
    for assignment in &args.assignments {
        add(&mut meant, &before.spec.space, assignment)?;
    }
    // A budget that was frozen as a default gives way to the one that is asked for.
    if let (Some(top), true) = (meant.as_object_mut(), args.trials.is_some() || args.configs.is_some()) {
        top.shift_remove("configs");
        top.shift_remove("trials");
    }
    let overrides = Overrides {
        trials: args.trials,
        configs: args.configs,
        repeats: args.repeats,
        parallel: args.parallel.map(|n| n as usize),
        ..Overrides::default()
    };
    let mut loaded = load_canonical(&meant.to_string(), &before.folder, &overrides)?;
    loaded.written = sweep.spec_written.clone();
    let meant = canonical(&loaded.spec);
    let differences = changes(&canonical(&before.spec), &meant);
    if differences.is_empty() {
        return Err(CliError::user(format!("this adds nothing to sweep {}", sweep.id))
            .hint("give more values (`lr=0.3`), `--repeats`, `--trials` or `--configs`"));
    }
    if let Err(why) = extension(&store, &sweep, &meant.to_string())? {
        return Err(CliError::user(format!("this does more than add to sweep {}: {why}", sweep.id)));
    }
    if let Some(answer) = ask(&mut store, &sweep, "extend", &json!({ "spec": meant.to_string() }))? {
        output.say(&format!("sweep {}: {answer}", sweep.id));
        return Ok(0);
    }
    let checkpoint = checkpoint_file(&loaded, Some(&store))?;
    let files = hash_files(&loaded.spec, &loaded.folder, checkpoint.as_deref())
        .map_err(|(path, error)| unreadable(&path, &error, &loaded))?;
    let changed = changed_files(&files, &store.files(sweep.id)?);
    if !changed.is_empty() && !args.anyway {
        let message = format!("the content of {} has changed since sweep {} began", changed.join(", "), sweep.id);
        return Err(CliError::user(message).hint("`--anyway` goes on and marks the new trials"));
    }
    let work = Work::prepare(&loaded, Some(&store))?;
    let starting = start_lock(&store)?;
    if let owner @ Owner::Alive(_) = store.owner(&sweep.uid) {
        return Err(owned(sweep.id, &owner));
    }
    let planned = planned_trials(&loaded.spec);
    store.set_spec(sweep.id, &meant.to_string(), planned)?;
    let note: Vec<String> = differences.iter().map(|change| format!("extended: {change}")).collect();
    note.iter().for_each(|line| output.say(line));
    let start = Start {
        note: note.join("; "),
        mark: if changed.is_empty() { String::new() } else { OTHER_FILES.into() },
        planned,
        ..Start::default()
    };
    go(store, sweep.id, &sweep.uid, loaded, work, starting, &start, output)
}

/// Adds the values of `name=values` to a param of a spec in canonical form.
fn add(meant: &mut Json, space: &Space, assignment: &str) -> Result<(), CliError> {
    let Some((name, text)) = assignment.split_once('=') else {
        return Err(CliError::user(format!("`{assignment}` adds nothing")).hint("write `lr=0.3` or `lr=[0.3, 1]`"));
    };
    let name = name.trim();
    let params = meant["params"].as_object_mut().filter(|params| params.contains_key(name));
    let (Some(params), Some(param)) = (params, space.param(name)) else {
        let error = CliError::user(format!("the sweep has no param `{name}`"));
        let near = nearest(name, space.params().iter().map(|param| &*param.name));
        return Err(match near {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("a param that no trial has had would make other configs: begin a new sweep"),
        });
    };
    let given: Json = serde_yaml::from_str(text)
        .map_err(|error| CliError::user(format!("the value of `{name}` is not YAML: {error}")))?;
    let entry = &mut params[name];
    let when = entry.get("when").cloned();
    let mut new = match given {
        // A domain of its own.
        Json::Object(map) if map.keys().any(|key| !is_label(&map, key)) => Json::Object(map),
        Json::Object(labels) => match entry.get_mut("choice").and_then(Json::as_object_mut) {
            Some(choices) => {
                choices.extend(labels);
                entry.clone()
            }
            None => return Err(CliError::user(format!("the values of `{name}` have no labels"))),
        },
        given => {
            let more = if let Json::Array(items) = given { items } else { vec![given] };
            let mut values = values(entry, &param.domain, name)?;
            for value in more {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            json!({ "choice": values })
        }
    };
    if let (Some(when), Some(map)) = (when, new.as_object_mut()) {
        map.entry("when").or_insert(when);
    }
    *entry = new;
    Ok(())
}

/// Whether a key of a mapping is a label rather than a word of a domain.
fn is_label(map: &Map<String, Json>, key: &str) -> bool {
    const WORDS: [&str; 10] =
        ["float", "int", "log", "logint", "pow2", "choice", "const", "normal", "lognormal", "betadist"];
    !map.keys().any(|other| WORDS.contains(&other.as_str())) || !map.contains_key(key)
}

/// The values that a param has so far.
fn values(entry: &Json, domain: &Domain, name: &str) -> Result<Vec<Json>, CliError> {
    if entry.get("weights").is_some() {
        return Err(CliError::user(format!("the choices of `{name}` have weights"))
            .hint(format!("give all of them anew: `{name}={{choice: [...], weights: [...]}}`")));
    }
    match domain {
        Domain::Const(value) => Ok(vec![value.to_json()]),
        Domain::Choice(_) => entry.get("choice").and_then(Json::as_array).cloned().ok_or_else(|| {
            CliError::user(format!("the values of `{name}` have labels"))
                .hint(format!("write `{name}={{label: value}}`"))
        }),
        Domain::Range(range) => match range.grid_points() {
            Some(points) => Ok(points.iter().map(crate::space::Value::to_json).collect()),
            None => Err(CliError::user(format!("`{name}` is a range")).hint(format!(
                "give a wider one: `{name}='{{{}: [{}, {}]}}'`",
                range.scale.word(),
                range.low,
                range.high
            ))),
        },
        _ => Err(CliError::user(format!("`{name}` has no list of values to add to"))),
    }
}
