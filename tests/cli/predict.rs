//! Saved models: applied to new rows, and trained on.

use crate::env::Env;

fn spec(more: &str) -> String {
    format!(
        "train: {{data: data/digits.csv, target: label, model: {{mlp: [16]}}, epochs: 10, rows: \"row < 1000\"}}\nparams: {{lr: [0.1]}}\neach: {{keep: [model]}}\n{more}"
    )
}

#[test]
fn a_kept_model_is_applied_to_new_rows() {
    let env = Env::with_sweeps();
    env.write("s.yaml", &spec(""));
    env.ok(&["run", "s.yaml"]);
    let output = env.ok(&["predict", "1/1", "data/digits.csv"]);
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(lines.len(), 1798);
    assert!(lines[0].starts_with("row,label,p(0),p(1)"), "{}", lines[0]);
    let accuracy: f64 = output.stderr.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(accuracy > 0.9, "{}", output.stderr);
    let trial = &env.trials(&[])[0];
    // The same model scored by hand on the rows it was tested on would agree; on all rows it is near its test score.
    assert!((trial["metrics"]["test_accuracy"].as_f64().unwrap() - accuracy).abs() < 0.08);
    let model = env.path("results/sweep.db.files");
    let found = std::fs::read_dir(model).unwrap().flatten().find(|e| e.path().join("1/model.safetensors").is_file());
    let file = found.unwrap().path().join("1/model.safetensors");
    let direct = env.ok(&["predict", file.to_str().unwrap(), "data/digits.csv"]);
    assert_eq!(direct.stdout, output.stdout);
}

#[test]
fn a_kept_model_is_a_source() {
    let env = Env::with_sweeps();
    env.write("s.yaml", &spec(""));
    env.ok(&["run", "s.yaml"]);
    env.write(
        "t.yaml",
        "train: {data: data/digits.csv, target: label, model: {mlp: [16]}, steps: 0, rows: \"row >= 1000\", source: {checkpoint: 1/1}}\nparams: {warm: [true, false]}\n",
    );
    env.ok(&["run", "t.yaml"]);
    let accuracy = |warm: &str| {
        let trials = env.trials(&["last", "-F", &format!("warm = {warm}")]);
        trials[0]["metrics"]["val_accuracy"].as_f64().unwrap()
    };
    assert!(accuracy("true") > 0.85 && accuracy("false") < 0.5, "{} {}", accuracy("true"), accuracy("false"));
    env.write("u.yaml", "train: {data: data/digits.csv, target: label, model: softmax, steps: 1, warm: true, source: {checkpoint: 1/1}}\nparams: {lr: [0.1]}\n");
    let output = env.sweep(&["run", "u.yaml"]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("the saved model is"), "{}", output.stderr);
}

#[test]
fn mistakes() {
    let env = Env::with_sweeps();
    env.write(
        "s.yaml",
        "train: {data: data/digits.csv, target: label, model: softmax, epochs: 1}\nparams: {lr: [0.1]}\n",
    );
    env.ok(&["run", "s.yaml"]);
    env.write("few.csv", "p0,p1\n1,2\n");
    env.write("nonsense.safetensors", "nonsense");
    for (args, words) in [
        (["predict", "1/1", "data/digits.csv"], "kept no model"),
        (["predict", "1", "data/digits.csv"], "is a sweep, a trial is expected"),
        (["predict", "nonsense.safetensors", "few.csv"], "is not a saved model of sweep"),
        (["predict", "nothing.safetensors", "few.csv"], "cannot read"),
    ] {
        let output = env.sweep(&args);
        assert_eq!(output.code, 2, "{args:?}");
        assert!(output.stderr.contains(words), "{args:?}: {}", output.stderr);
    }
}
