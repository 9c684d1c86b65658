//! Questions to a store: selecting, filtering, grouping, comparing, SQL, export, import, labels, hiding.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::env::Env;

/// Two sweeps: a small one of built-in trials with seeds, and a script whose trials fail and diverge.
fn two_sweeps() -> Env {
    let env = Env::new();
    env.write(
        "a.yaml",
        "train: {model: {quadratic: {dim: 10}}, steps: 20}\nrepeats: 2\nparams:\n  method: [gd, sgd]\n  lr: [0.01, 0.1, 0.3]\n",
    );
    env.write(
        "b.sh",
        "case $1 in 1) echo loss=0.5 acc=1;; 2) echo loss=nan acc=2;; 3) echo no layer >&2; exit 3;; 4) echo loss=0.25 acc=3;; esac\n",
    );
    env.write(
        "b.yaml",
        "run: [sh, b.sh, '{n}']\nmetric: min loss\nparams: {n: [1, 2, 3, 4], lr: 0.1}\ntags: [scripts]\n",
    );
    env.ok(&["run", "a.yaml", "-q"]);
    assert_eq!(env.sweep(&["run", "b.yaml", "-q"]).code, 1);
    env
}

fn numbers(env: &Env, args: &[&str]) -> Vec<String> {
    env.trials(args).iter().map(|trial| format!("{}/{}", trial["sweep"], trial["trial"])).collect()
}

#[test]
fn sweeps_and_trials_are_selected_in_many_ways() {
    let env = two_sweeps();
    assert_eq!(env.trials(&["1-2"]).len(), 16);
    assert_eq!(env.trials(&["all"]).len(), 16);
    assert_eq!(env.trials(&["2-1", "last"]).len(), 16, "a sweep that is named twice comes once");
    assert_eq!(numbers(&env, &["tag:scripts"]), ["2/1", "2/2", "2/3", "2/4"]);
    assert_eq!(numbers(&env, &["2/4-3", "1/1"]), ["2/3", "2/4", "1/1"]);
    let config = env.trials(&["1/5"])[0]["config"].as_str().unwrap().to_owned();
    let of_config = numbers(&env, &[&format!("1/{}", &config[..8])]);
    assert_eq!(of_config.len(), 2, "both seeds: {of_config:?}");
    let shown = env.ok(&["show", "--json", &config[..10]]).stdout;
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["config"], config.as_str());
    for (selector, hint) in
        [("tag:script", "did you mean `tag:scripts`?"), ("7-9", "`sweep ls` lists them"), ("1/99", "it has 12 trials")]
    {
        let output = env.sweep(&["trials", selector]);
        assert_eq!(output.code, 2, "{selector}");
        assert!(output.stderr.contains(hint), "{}", output.stderr);
    }
}

#[test]
fn filters_find_what_they_say() {
    let env = two_sweeps();
    let found = |filter: &str| numbers(&env, &["2", "-F", filter]).join(" ");
    assert_eq!(found("state = failed"), "2/3");
    assert_eq!(found("reason ~ 'no l[a-z]yer'"), "2/3");
    assert_eq!(found("state != failed and reason !~ x and state in [done]"), "2/1 2/4");
    assert_eq!(found("loss is missing"), "2/3");
    assert_eq!(found("loss is not missing and not loss < 1"), "2/2", "NaN is a value, and less than nothing");
    assert_eq!(found("loss != 0.5"), "2/2 2/4");
    for wrong in ["started > 2026-1-1", "ended < 2026-11-31", "state = don"] {
        assert_eq!(env.sweep(&["trials", "2", "-F", wrong]).code, 2, "{wrong}");
    }
    assert_eq!(found("objective < 0.3 or n = 1"), "2/1 2/4");
    assert_eq!(found("started > 1h ago and ended > 2020-01-01 and took < 1m").matches('/').count(), 4);
    assert_eq!(found("tags ~ scripts and sweep_name = b and metric.acc >= 2 and param.n < 4"), "2/2");
    assert_eq!(
        numbers(&env, &["1", "2", "-F", "lr = 0.1", "--sort", "-sweep", "--top", "5"])[..4],
        ["2/1", "2/2", "2/3", "2/4"]
    );
    assert_eq!(numbers(&env, &["2", "--sort", "loss"]), ["2/4", "2/1", "2/2", "2/3"], "NaN and nothing come last");
    assert_eq!(numbers(&env, &["2", "--sort", "-loss"]), ["2/1", "2/4", "2/2", "2/3"]);
}

#[test]
fn hostile_names_and_values_are_only_names_and_values() {
    let env = Env::new();
    let name = "a'); DROP TABLE trial_rows; --\n\"<b>";
    let spec = json!({
        "run": ["sh", "-c", "echo loss=1", "sh", "{args:json}"],
        "params": { name: ["x' OR 1=1 --", "y\u{1b}[31m", null, true], "size": {"choice": {"big": [1, 2]}}, "Trial": [1], "trial": [2] }
    });
    env.write("s.yaml", &spec.to_string());
    env.ok(&["run", "s.yaml", "-q"]);
    let quoted = format!("`{name}`");
    assert_eq!(numbers(&env, &["-F", &format!("{quoted} = \"x' OR 1=1 --\"")]), ["1/1"]);
    assert_eq!(numbers(&env, &["-F", "size = big and repeat = 0"]).len(), 4);
    assert_eq!(numbers(&env, &["-F", &format!("{quoted} = true")]), ["1/4"]);
    let rows = env.ok(&["query", "--json", "SELECT * FROM last ORDER BY 2"]).stdout;
    let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
    assert_eq!((&rows[0][name], &rows[3]["size"]), (&json!("x' OR 1=1 --"), &json!("big")));
    // Names that a column has already, to SQL also in another case, are told apart.
    assert_eq!((&rows[0]["param.Trial"], &rows[0]["param.param.trial"]), (&json!(1), &json!(2)));
    let table = env.ok(&["trials", "--wide"]).stdout + &env.ok(&["query", "SELECT * FROM last"]).stdout;
    assert!(!table.contains('\u{1b}') && env.trials(&[]).len() == 4);
}

#[test]
fn fields_keep_their_names_and_params_called_like_them_are_found() {
    let env = Env::new();
    env.write("s.yaml", "run: [sh, -c, 'test $1 != b && echo trial=9 loss=1', sh, '{state}']\nmetric: min loss\nparams: {state: [a, b], seed: 7}\n");
    assert_eq!(env.sweep(&["run", "s.yaml", "-q"]).code, 1);
    assert_eq!(numbers(&env, &["-F", "state = failed"]), ["1/2"]);
    assert_eq!(
        numbers(&env, &["-F", "param.state = a and metric.trial = 9 and trial = 1 and param.seed = 7"]),
        ["1/1"]
    );
    let header = env.ok(&["trials"]).stdout.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(header, "trial state param.state param.seed loss took reason");
    let row = env.ok(&[
        "query",
        "--json",
        "SELECT state, \"param.state\" AS p, \"metric.trial\" AS m FROM last WHERE trial = 1",
    ]);
    assert!(row.stdout.contains(r#"{"state":"done","p":"a","m":9.0}"#), "{}", row.stdout);
}

#[test]
fn what_the_shown_rows_have_in_common_is_said() {
    let env = two_sweeps();
    let output = env.ok(&["best", "1", "-F", "method = gd and lr = 0.1", "--top", "2"]);
    assert!(!output.stderr.contains("all of these"), "one config: {}", output.stderr);
    let output = env.ok(&["best", "1", "-F", "method = gd", "--top", "2"]);
    assert!(output.stderr.contains("all of these: method=gd\n"), "{}", output.stderr);
    // Which params differ does not depend on how many rows are shown.
    let header = env.ok(&["trials", "1", "--only-changed", "--top", "1"]).stdout;
    assert!(header.contains("method") && header.contains("lr"), "{header}");
    // The same config in two sweeps is not twice as many seeds.
    env.ok(&["run", "a.yaml", "--new", "-q"]);
    let rows: Value = serde_json::from_str(&env.ok(&["trials", "1", "3", "--group", "--json"]).stdout).unwrap();
    assert!(rows.as_array().unwrap().len() == 12 && rows[0]["loss.n"] == 2);
    let rows: Value =
        serde_json::from_str(&env.ok(&["trials", "1", "--json", "--columns", "trial, lr"]).stdout).unwrap();
    assert_eq!(rows[0], json!({"trial": 1, "lr": 0.01}));
}

#[test]
fn groups_have_mean_spread_and_losses() {
    let env = two_sweeps();
    let rows = env.ok(&["trials", "1", "--group", "--sort", "loss", "--json"]).stdout;
    let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
    assert_eq!(rows.len(), 6);
    let trials = env.trials(&["1", "-F", "method = sgd and lr = 0.1"]);
    let losses: Vec<f64> = trials.iter().map(|trial| trial["metrics"]["loss"].as_f64().unwrap()).collect();
    let row = rows.iter().find(|row| row["method"] == "sgd" && row["lr"] == 0.1).unwrap();
    let mean = f64::midpoint(losses[0], losses[1]);
    assert!((row["loss"].as_f64().unwrap() - mean).abs() < 1e-12);
    let sd = ((losses[0] - mean).powi(2) + (losses[1] - mean).powi(2)).sqrt();
    assert!((row["loss.sd"].as_f64().unwrap() - sd).abs() < 1e-12 && row["loss.n"] == 2);
    let rows = env.ok(&["trials", "2", "--group-by", "lr", "--columns", "acc", "--json"]).stdout;
    let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
    assert_eq!(
        (&rows[0]["lost"], &rows[0]["trials"], &rows[0]["acc"]),
        (&json!("1 diverged, 1 failed"), &json!(4), &json!(2.0))
    );
    let output = env.sweep(&["trials", "2", "--group-by", "loss"]);
    assert!(output.code == 2 && output.stderr.contains("grouped by params"), "{}", output.stderr);
}

#[test]
fn a_query_can_only_read() {
    let env = two_sweeps();
    let before = fs::read(env.db()).unwrap();
    for sql in [
        "DELETE FROM trial_rows",
        "UPDATE sweep_rows SET name = 'x'",
        "INSERT INTO tags VALUES (1, 'x')",
        "DROP TABLE tags",
        "CREATE TEMP TABLE x (a)",
        "CREATE VIEW x AS SELECT 1",
        "ATTACH 'other.db' AS other",
        "PRAGMA journal_mode = DELETE",
        "SELECT * FROM pragma_table_info('tags')",
        "SELECT load_extension('x')",
        "VACUUM INTO 'copy.db'",
        "REINDEX",
        "SELECT 1; DELETE FROM tags",
        "BEGIN",
    ] {
        let output = env.sweep(&["query", sql]);
        assert_eq!(output.code, 2, "{sql}: {}{}", output.stdout, output.stderr);
        assert!(output.stdout.is_empty() && output.stderr.starts_with("error"), "{sql}: {}", output.stderr);
    }
    assert_eq!(fs::read(env.db()).unwrap(), before);
    assert!(!env.path("other.db").exists() && !env.path("copy.db").exists());
    let endless = "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT max(x) FROM r";
    let output = env.sweep(&["query", "--timeout", "0.2", endless]);
    assert!(output.code == 2 && output.stderr.contains("stopped after 0.2 s"), "{}", output.stderr);
    let output =
        env.ok(&["query", "--limit", "3", "--format", "csv", "SELECT trial FROM trials ORDER BY sweep, trial"]);
    assert_eq!(output.stdout, "trial\n1\n2\n3\n");
    assert!(output.stderr.contains("only the first 3 rows"), "{}", output.stderr);
}

#[test]
fn views_and_functions_say_the_same_as_the_listings() {
    let env = two_sweeps();
    let query = |sql: &str| -> Value {
        let rows: Value = serde_json::from_str(&env.ok(&["query", "--json", sql]).stdout).unwrap();
        rows[0]["x"].clone()
    };
    assert_eq!(query("SELECT count(*) AS x FROM trials WHERE state = 'failed'"), 1);
    assert_eq!(query("SELECT loss AS x FROM sweep_2 WHERE trial = 4"), 0.25);
    assert_eq!(query("SELECT value AS x FROM metrics WHERE sweep = 2 AND trial = 4 AND name = 'acc'"), 3.0);
    let shown: Value = serde_json::from_str(&env.ok(&["show", "1/3", "--json"]).stdout).unwrap();
    let points = shown["series"]["loss"].as_array().unwrap();
    assert_eq!(query("SELECT count(*) AS x FROM series WHERE sweep = 1 AND trial = 3 AND name = 'loss'"), points.len());
    let last = points.last().unwrap();
    let sql =
        format!("SELECT value AS x FROM series WHERE sweep = 1 AND trial = 3 AND name = 'loss' AND step = {}", last[0]);
    assert_eq!(query(&sql), last[1]);
    assert_eq!(query("SELECT median(value) AS x FROM params WHERE sweep = 2 AND name = 'n'"), 2.5);
    assert_eq!(query("SELECT round(stddev(value), 6) AS x FROM params WHERE sweep = 2 AND name = 'n'"), 1.290994);
    assert_eq!(query("SELECT quantile(value, 0.25) AS x FROM params WHERE sweep = 2 AND name = 'n'"), 1.75);
    assert_eq!(query("SELECT round(log10(1000) + sqrt(4) + ln(exp(1)) + pow(2, 3) + log(2, 8), 9) AS x"), 17.0);
    assert_eq!(query("SELECT sum(reason REGEXP 'l.yer') AS x FROM trials"), 1);
    let errors: Vec<String> =
        ["SELECT los FROM last", "SELECT loss FROM trials", "SELECT 1 FROM trails", "SELEC", "  "]
            .iter()
            .map(|sql| format!("{sql}\n{}", env.sweep(&["query", sql]).stderr))
            .collect();
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn things_are_compared_side_by_side() {
    let env = two_sweeps();
    let rows: Vec<Value> = serde_json::from_str(&env.ok(&["compare", "1/1", "1/2", "--json"]).stdout).unwrap();
    let line = |name: &str| rows.iter().find(|row| row["name"] == name).cloned().unwrap_or_default();
    assert_eq!((&line("lr")["1/1"], &line("lr")["about"]), (&json!(0.01), &json!("params")));
    let loss = line("loss");
    let difference = loss["1/2"].as_f64().unwrap() - loss["1/1"].as_f64().unwrap();
    assert_eq!(loss["difference"].as_f64().unwrap(), difference);
    assert!(line("train.steps").is_null(), "what is the same is not shown");
    let rows: Vec<Value> = serde_json::from_str(&env.ok(&["compare", "1", "2", "--json"]).stdout).unwrap();
    assert!(rows.iter().any(|row| row["name"] == "train.steps" && row["1"] == 20 && row["2"].is_null()));
    let table = env.ok(&["compare", "2/1", "2/4"]).stdout;
    let marked = table.lines().find(|line| line.contains("best:")).unwrap();
    assert!(marked.contains(" loss ") && marked.ends_with("best: 2/4"), "{table}");
    assert!(env.ok(&["compare", "1/1", "1/1"]).stderr.contains("nothing differs"));
    assert_eq!(env.sweep(&["compare", "1"]).code, 2);
}

#[test]
fn an_exported_spec_gives_the_same_results() {
    let env = two_sweeps();
    fs::create_dir(env.path("elsewhere")).unwrap();
    env.ok(&["export", "1", "-F", "state = done", "--sort", "loss", "--top", "3", "-o", "elsewhere/again.yaml"]);
    env.ok(&["run", "elsewhere/again.yaml", "-q"]);
    let best = |sweep: &str| -> Value {
        let rows: Value = serde_json::from_str(&env.ok(&["best", sweep, "--json"]).stdout).unwrap();
        json!([rows[0]["config"], rows[0]["mean"], rows[0]["params"]])
    };
    assert_eq!(best("again"), best("1"));
    env.ok(&["export", "2/4", "-o", "elsewhere/script.yaml"]);
    env.ok(&["run", "elsewhere/script.yaml", "-q"]);
    assert_eq!(best("script"), best("2"));
    assert_eq!(env.sweep(&["export", "1-2", "--to", "spec"]).code, 2);
    // An export is written over; the user's own file is not.
    env.ok(&["export", "2/1", "-o", "elsewhere/script.yaml"]);
    let output = env.sweep(&["export", "2/1", "-o", "b.yaml"]);
    assert!(output.code == 2 && output.stderr.contains("--force"), "{}", output.stderr);
    assert!(fs::read_to_string(env.path("b.yaml")).unwrap().contains("tags: [scripts]"));
}

#[test]
fn exports_have_the_right_types_in_other_programs() {
    let env = two_sweeps();
    env.ok(&["export", "1-2", "-o", "t.csv"]);
    env.ok(&["export", "1-2", "-o", "t.parquet"]);
    env.ok(&["export", "1-2", "-o", "t.jsonl"]);
    env.ok(&["export", "1", "--series", "-o", "s.parquet"]);
    env.ok(&["export", "2", "--long", "-o", "l.parquet"]);
    let header = fs::read_to_string(env.path("t.csv")).unwrap().lines().next().unwrap().to_owned();
    let columns = "sweep,trial,config,repeat,seed,state,reason,attempts,objective,started,ended,took,method,lr,n,";
    assert!(header.starts_with(columns), "{header}");
    for name in ["x.foo", "missing/t.csv"] {
        assert!(env.sweep(&["export", "1", "-o", name]).code >= 2, "{name}");
    }
    let script = r#"
import json, pandas as pd, polars as pl, duckdb
for t in (pd.read_parquet("t.parquet"), pl.read_parquet("t.parquet").to_pandas(), duckdb.sql("FROM 't.parquet'").df()):
    assert t.shape[0] == 16 and t.trial.dtype == "int64" and t.lr.dtype == "float64", t.dtypes
    assert str(t.started.dtype).startswith("datetime64"), t.started.dtype
    assert t[t.sweep == 2].n.tolist() == [1, 2, 3, 4] and t[t.sweep == 1].n.isna().all()
    assert (t[t.sweep == 1].method.value_counts() == 6).all() and t.state.tolist().count("failed") == 1
c = pd.read_csv("t.csv", parse_dates=["started"])
assert str(c.started.dtype).startswith("datetime64") and c.objective.dtype == "float64" and c.shape[0] == 16
assert pl.read_csv("t.csv").schema["objective"] == pl.Float64
j = pd.read_json("t.jsonl", lines=True)
lines = [json.loads(line) for line in open("t.jsonl")]
assert lines[13]["objective"] is None or lines[13]["loss"] == "NaN", lines[13]
assert lines[0]["started"].endswith("Z") and "T" in lines[0]["started"]
assert j.shape[0] == 16 and j.lr.dtype == "float64"
s = duckdb.sql("SELECT name, count(*) AS n, min(step), max(step) FROM 's.parquet' GROUP BY name").df()
assert "loss" in set(s.name)
l = pl.read_parquet("l.parquet")
assert l.schema["value"] == pl.Float64 and l.filter((pl.col("name") == "acc"))["value"].to_list() == [1.0, 2.0, 3.0]
"#;
    env.ok(&["export", "1", "-o", "trials.parquet"]);
    // The lines of pandas in the docs, on the sweep here.
    let page = |path: &str| fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let lines = |path: &str, import: &str| {
        let text = page(path);
        let block = text.split("```python\n").skip(1).find(|block| block.contains(import)).unwrap().to_owned();
        block.split("```").next().unwrap().replace("val_loss", "loss")
    };
    let readme = lines("README.md", "read_parquet") + "\nassert trials.shape[0] == 12\n";
    let views = lines("docs/views.md", "read_sql") + "\nassert set(done.sweep) == {1, 2}\n";
    let script = format!("{script}\n{readme}\n{views}\nprint('read')\n");
    // The programs are no part of the tools that every machine has: `SWEEP_TEST_PYTHON` names a Python with them.
    let wanted = std::env::var_os("SWEEP_TEST_PYTHON");
    let python = wanted.clone().unwrap_or_else(|| "python3".into());
    let output = Command::new(python).args(["-c", &script]).current_dir(env.path("")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("read\n") || wanted.is_none() && said.contains("ModuleNotFoundError"), "{said}");
}

#[test]
fn stores_are_merged_once() {
    let (here, there) = (two_sweeps(), two_sweeps());
    let other = there.db().display().to_string();
    let output = here.ok(&["import", &other]);
    assert!(output.stderr.contains("2 sweeps imported"), "{}", output.stderr);
    assert!(here.ok(&["import", &other]).stderr.contains("0 sweeps imported"));
    let strip = |mut trials: Vec<Value>| {
        trials.iter_mut().for_each(|trial| trial["sweep"] = Value::Null);
        trials
    };
    for (mine, theirs) in [("3", "1"), ("4", "2")] {
        assert_eq!(strip(here.trials(&[mine])), strip(there.trials(&[theirs])));
    }
    let series = |env: &Env, trial: &str| {
        serde_json::from_str::<Value>(&env.ok(&["show", trial, "--json"]).stdout).unwrap()["series"].clone()
    };
    assert_eq!(series(&here, "3/2"), series(&there, "1/2"));
    assert!(here.ok(&["logs", "4/3", "--stderr"]).stdout.contains("no layer"), "files come along");
    assert_eq!(here.ok(&["doctor"]).code, 0);
    // More trials there: said, and nothing is overwritten.
    there.ok(&["extend", "1", "lr=0.2", "-q"]);
    let output = here.sweep(&["import", &other]);
    assert!(output.code == 1 && output.stderr.contains("rm --purge 3"), "{}", output.stderr);
    here.ok(&["rm", "--purge", "--yes", "3"]);
    here.ok(&["import", &other, "1"]);
    assert_eq!(here.trials(&["last"]).len(), 16);
    let itself = here.db().display().to_string();
    assert!(here.sweep(&["import", &itself]).stderr.contains("into itself"));
    assert_eq!(here.sweep(&["import", "nothing.db"]).code, 2);
}

#[test]
fn sweeps_are_labelled_hidden_and_deleted() {
    let env = two_sweeps();
    env.ok(&["tag", "1", "base line", "good", "--name", "first", "--note", "it's <b>"]);
    assert_eq!(env.ok(&["tag", "first"]).stdout, "1 first  tags: base line, good  note: it's <b>\n");
    env.ok(&["tag", "1", "--remove", "good", "--note", ""]);
    assert_eq!(env.ok(&["tag", "1"]).stdout, "1 first  tags: base line\n");
    assert_eq!(env.trials(&["tag:base line"]).len(), 12);
    for wrong in [
        &["tag", "1", "--name", "last"][..],
        &["tag", "1", "--name", "1-3"],
        &["tag", "1", "a,b"],
        &["tag", "1", "--remove", "no"],
        &["tag", "1", "--name", " "],
    ] {
        assert_eq!(env.sweep(wrong).code, 2, "{wrong:?}");
    }
    env.ok(&["rm", "1"]);
    assert!(!env.ok(&["ls"]).stdout.contains("first") && env.ok(&["ls", "--hidden"]).stdout.contains("first"));
    assert_eq!(env.sweep(&["trials", "1"]).code, 2);
    assert!(!env.ok(&["query", "SELECT * FROM trials"]).stdout.contains("first"));
    env.ok(&["rm", "--undo", "1"]);
    assert_eq!(env.trials(&["1"]).len(), 12);
    assert!(env.sweep(&["rm", "--undo", "2"]).stderr.contains("none is hidden"));
    assert_eq!(env.sweep(&["rm", "1/3"]).code, 2, "a trial is no sweep");
    let output = env.sweep(&["rm", "--purge", "2"]);
    assert!(output.code == 2 && output.stderr.contains("--yes"), "{}", output.stderr);
    let folder = env.trial_folder(3);
    assert!(folder.parent().unwrap().exists());
    env.ok(&["rm", "--purge", "2", "--yes"]);
    assert_eq!(env.ok(&["doctor"]).code, 0);
    assert!(!env.ok(&["ls"]).stdout.contains('b'.to_string().as_str()) || env.trials(&["1"]).len() == 12);
    // Its number is not given again.
    assert_eq!(env.sweep(&["run", "b.yaml", "-q"]).code, 1);
    assert_eq!(numbers(&env, &["last"])[0], "3/1");
    assert_eq!(env.sweep(&["rm", "2"]).code, 2);
}

#[test]
fn a_shell_completes_from_the_store() {
    let env = two_sweeps();
    let completed = |words: &[&str]| -> Vec<String> {
        let output = env.ok(&[&["complete", "--"], words].concat());
        output.stdout.lines().map(str::to_owned).collect()
    };
    assert_eq!(completed(&["tr"]), ["trials"]);
    assert_eq!(completed(&["trials", "--sor"]), ["--sort"]);
    assert_eq!(completed(&["trials", "--columns", "trial,me"]), ["trial,method"]);
    assert_eq!(completed(&["best", "--by", "l"]), ["lr", "loss"]);
    assert_eq!(completed(&["show", "ta"]), ["tag:scripts"]);
    assert_eq!(completed(&["ls", "--format", "c"]), ["csv"]);
    assert_eq!(completed(&["help", "vi"]), ["views"]);
    assert!(completed(&["run", ""]).is_empty(), "files are the shell's own");
    assert!(completed(&["nonsense", "x"]).is_empty());
    assert_eq!(Env::new().ok(&["complete", "--", "show", ""]).stdout, "");
    for shell in ["bash", "zsh", "fish"] {
        assert!(env.ok(&["completion", shell]).stdout.contains("sweep complete"));
    }
    let script = format!(
        "source <({} completion bash); PATH={}:$PATH; COMP_WORDS=(sweep best --by m); COMP_CWORD=3; _sweep; echo \"${{COMPREPLY[@]}}\"",
        env!("CARGO_BIN_EXE_sweep"),
        std::path::Path::new(env!("CARGO_BIN_EXE_sweep")).parent().unwrap().display()
    );
    let output = Command::new("bash").args(["-c", &script]).current_dir(env.path("")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "method\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn help_is_the_same_text_as_the_docs() {
    let env = Env::new();
    for topic in ["spec", "filter", "views", "queries", "commands", "store"] {
        let page = fs::read_to_string(format!("{}/docs/{topic}.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert_eq!(env.ok(&["help", topic]).stdout, page);
    }
    assert!(env.ok(&["help", "query"]).stdout.contains("--timeout"));
    assert!(env.sweep(&["help", "filters"]).stderr.contains("did you mean `filter`?"));
    env.ok(&["man", "man"]);
    let page = fs::read_to_string(env.path("man/sweep-trials.1")).unwrap();
    assert!(page.contains("sweep\\-trials") && page.contains("only\\-changed"));
}
