//! Tables as a person sees them: every width, many columns, long names, a pager.

use std::process::Command;

use serde_json::{Value, json};

use crate::env::Env;

/// A store whose tables are hard to draw: 40 params, a long name, losses.
fn wide_store() -> Env {
    let env = Env::new();
    let mut params: serde_json::Map<String, Value> =
        (0..38).map(|i| (format!("p{i}"), json!(f64::from(i) * 0.1))).collect();
    params.insert(format!("a_{}_name", "very_long".repeat(8)), json!([1, 2]));
    params.insert("lr".into(), json!([1e-5, 0.012345678912345, 3, 1_000_000]));
    let script = "case $SWEEP_TRIAL in 3) exit 7;; 5) echo loss=nan;; *) echo loss=0.$SWEEP_TRIAL;; esac";
    let spec = json!({ "run": ["sh", "-c", script, "sh", "{lr}"], "metric": "min loss", "params": params, "name": "n".repeat(80) });
    env.write("s.yaml", &spec.to_string());
    assert_eq!(env.sweep(&["run", "s.yaml", "-q"]).code, 1);
    env
}

#[test]
fn tables_fit_every_width_and_show_what_matters() {
    let env = wide_store();
    let mut shown = String::new();
    for width in ["60", "80", "120", "200"] {
        for args in [
            &["ls"][..],
            &["trials", "--columns", "trial,state,lr,loss,reason", "--top", "4"],
            &["trials", "--group", "--sort", "loss", "--top", "2"],
            &["trials", "--group-by", "lr", "--sort", "loss"],
            &["best", "--top", "3"],
        ] {
            let output = env.command(args).env("COLUMNS", width).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= width.parse().unwrap(), "{args:?} at {width}:\n{text}");
            shown += &format!("{width}: {}\n{text}\n", args.join(" "));
        }
    }
    insta::with_settings!({ filters => vec![(r"\d+ (s|min) ago|just now", "AGO")] }, { insta::assert_snapshot!(shown) });
}

#[test]
fn long_output_goes_to_the_pager_of_a_terminal() {
    let env = Env::new();
    env.write(
        "s.yaml",
        "train: {model: {quadratic: {}}, steps: 1, method: gd}\nparams: {lr: {float: [0.1, 0.2], grid: 40}}\n",
    );
    env.ok(&["run", "s.yaml", "-q"]);
    let script = r#"
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    os.execv(sys.argv[1], sys.argv[1:])
out = b""
try:
    while block := os.read(terminal, 65536): out += block
except OSError: pass
os.waitpid(pid, 0)
sys.stdout.write(out.decode())
"#;
    let in_terminal = |pager: &str, args: &[&str]| -> String {
        let mut command = Command::new("python3");
        command.args(["-c", script, env!("CARGO_BIN_EXE_sweep")]).args(args).current_dir(env.path(""));
        let output = command.env("PAGER", pager).env_remove("SWEEP_PAGER").env_remove("COLUMNS").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let paged = in_terminal("sed s/^/page:/", &["trials"]);
    assert_eq!(paged.lines().filter(|line| line.starts_with("page:")).count(), 41, "{paged}");
    assert!(!in_terminal("sed s/^/page:/", &["trials", "--top", "5"]).contains("page:"), "it fits");
    for none in ["cat", "", "no-such-pager"] {
        let plain = in_terminal(none, &["trials"]);
        assert!(plain.lines().count() > 40 && !plain.contains("page:"), "{plain}");
    }
}
