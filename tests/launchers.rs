//! What holds for every launcher. A new one is added to [`launchers`] and inherits all of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use sweep::run::command::{CommandPlace, Commands, Machine, MemoryLimit, allot};
use sweep::run::{Assignment, Builtin, Launcher, Mailbox, Message, Outcome, Train};
use sweep::space::{Config, Setting, State, Value};
use sweep::spec::{Overrides, Parallel, load};
use sweep::train::trainer::{Finish, Observer, SourceKey, TrainError, Verdict};

/// A launcher whose trials do what their config says: `finish` (one point, loss 0.5), `fail`, `wait` (until cancelled).
struct Subject {
    name: &'static str,
    launcher: Box<dyn Launcher>,
    mailbox: Receiver<Message>,
    _folder: tempfile::TempDir,
}

fn launchers(slots: usize) -> Vec<Subject> {
    vec![builtin(slots), commands(slots)]
}

struct Puppet;

impl Train for Puppet {
    fn source_key(&self, _: &Config, _: u64) -> Result<Option<SourceKey>, TrainError> {
        Ok(None)
    }

    fn pretrain(&self, _: &Config, _: u64, _: &AtomicBool) -> Result<Option<Arc<[f64]>>, TrainError> {
        Ok(None)
    }

    fn run(
        &self,
        config: &Config,
        _: u64,
        _: Option<Arc<[f64]>>,
        cancel: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<Finish, TrainError> {
        let mut verdict = Verdict::Done;
        match config.get("do").and_then(Value::text) {
            Some("fail") => return Err(TrainError::Source("it failed".into())),
            Some("wait") => {
                while !cancel.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                verdict = Verdict::Cancelled;
            }
            _ => observer.point(1, &[("loss", 0.5)]),
        }
        Ok(Finish { verdict, metrics: vec![("loss", 0.5)], objective: Some(0.5), model: None })
    }
}

fn builtin(slots: usize) -> Subject {
    let mailbox = Mailbox::default();
    let launcher = Builtin::new(Arc::new(Puppet), slots, mailbox.sender).unwrap();
    Subject {
        name: "builtin",
        launcher: Box::new(launcher),
        mailbox: mailbox.receiver,
        _folder: tempfile::tempdir().unwrap(),
    }
}

fn commands(slots: usize) -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let script = "case $1 in finish) echo loss=0.5;; fail) echo 'it failed' >&2; exit 1;; wait) exec sleep 100;; esac";
    let spec = serde_yaml::to_string(&serde_json::json!({
        "run": ["sh", "-c", script, "sh", "{do}"], "metric": "min loss", "params": {"do": ["finish", "fail", "wait"]},
    }));
    let path = folder.path().join("s.yaml");
    std::fs::write(&path, spec.unwrap()).unwrap();
    let loaded = load(&path, &Overrides::default()).unwrap();
    let place = CommandPlace {
        sweep: 1,
        token: format!("test-{}-{slots}", folder.path().display()),
        folder: folder.path().join("files"),
        directory: folder.path().to_owned(),
        program: Some(PathBuf::from("/bin/sh")),
        watchdog: Path::new(env!("CARGO_BIN_EXE_sweep")).to_owned(),
    };
    let machine = Machine { cpu: 64.0, gpu: Vec::new(), mem: 1 << 40 };
    let allotment = allot(Parallel::Count(slots), &loaded.spec.each, &machine).unwrap();
    let mailbox = Mailbox::default();
    let command = loaded.spec.command().unwrap();
    let launcher = Commands::new(&loaded.spec, command, &place, &allotment, MemoryLimit::None, mailbox.sender).unwrap();
    Subject { name: "commands", launcher: Box::new(launcher), mailbox: mailbox.receiver, _folder: folder }
}

impl Subject {
    fn launch(&mut self, token: u64, what: &str) -> Arc<AtomicBool> {
        let setting = Setting { name: "do".into(), value: what.into(), label: None };
        let cancel = Arc::new(AtomicBool::new(false));
        self.launcher.launch(Assignment {
            token,
            config: Arc::new(Config { settings: vec![setting] }),
            seed: 7,
            number: token + 1,
            attempt: 1,
            cancel: cancel.clone(),
        });
        cancel
    }

    /// The answers to `count` attempts, each exactly once; none where one was not started.
    fn answers(&self, count: usize) -> HashMap<u64, Option<Outcome>> {
        let mut out = HashMap::new();
        while out.len() < count {
            let message = self.mailbox.recv_timeout(Duration::from_secs(20));
            let message = message.unwrap_or_else(|_| panic!("{}: {} of {count} answers", self.name, out.len()));
            let (token, outcome) = match message {
                Message::Finished(token, outcome) => (token, Some(*outcome)),
                Message::NotStarted(token) => (token, None),
                _ => continue,
            };
            assert!(out.insert(token, outcome).is_none(), "{}: {token} is answered twice", self.name);
        }
        out
    }

    /// Waits until `count` attempts have told that they started.
    fn started(&self, count: usize) {
        let mut seen = 0;
        while seen < count {
            match self.mailbox.recv_timeout(Duration::from_secs(20)).unwrap() {
                Message::Started(..) => seen += 1,
                other => panic!("{}: {other:?}", self.name),
            }
        }
    }
}

#[test]
fn every_attempt_is_answered_once_with_what_it_gave() {
    for mut subject in launchers(3) {
        for token in 0..60 {
            subject.launch(token, if token % 3 == 0 { "fail" } else { "finish" });
        }
        let answers = subject.answers(60);
        for (token, outcome) in &answers {
            let outcome = outcome.as_ref().unwrap();
            assert!(outcome.ended > 0);
            if token % 3 == 0 {
                assert_eq!(outcome.state, State::Failed, "{}", subject.name);
                assert!(outcome.reason.contains("it failed"), "{}: {}", subject.name, outcome.reason);
            } else {
                assert_eq!((outcome.state, outcome.objective), (State::Done, Some(0.5)), "{}", subject.name);
                assert!(outcome.metrics.iter().any(|(name, value)| name == "loss" && *value == 0.5));
            }
        }
    }
}

#[test]
fn no_more_run_at_once_than_there_are_slots() {
    for mut subject in launchers(2) {
        assert_eq!(subject.launcher.slots(), 2);
        let flags: Vec<_> = (0..5).map(|token| subject.launch(token, "wait")).collect();
        subject.started(2);
        assert!(subject.mailbox.recv_timeout(Duration::from_millis(200)).is_err(), "{}: a third one", subject.name);
        flags.iter().for_each(|flag| flag.store(true, Ordering::SeqCst));
        subject.launcher.wake();
        let answers = subject.answers(5);
        assert!(answers.values().flatten().all(|outcome| outcome.state == State::Lost), "{}", subject.name);
    }
}

#[test]
fn a_cancelled_attempt_ends_soon_and_alone() {
    for mut subject in launchers(2) {
        let first = subject.launch(0, "wait");
        let second = subject.launch(1, "wait");
        subject.started(2);
        let start = Instant::now();
        first.store(true, Ordering::SeqCst);
        subject.launcher.wake();
        let answers = subject.answers(1);
        assert_eq!(answers[&0].as_ref().unwrap().state, State::Lost, "{}", subject.name);
        assert!(start.elapsed() < Duration::from_secs(5), "{}", subject.name);
        subject.launch(2, "finish");
        assert_eq!(subject.answers(1)[&2].as_ref().unwrap().state, State::Done, "{}: the slot is free", subject.name);
        second.store(true, Ordering::SeqCst);
        subject.launcher.wake();
        subject.answers(1);
    }
}

#[test]
fn draining_starts_nothing_more() {
    for mut subject in launchers(1) {
        let flag = subject.launch(0, "wait");
        subject.started(1);
        (1..20).for_each(|token| drop(subject.launch(token, "finish")));
        subject.launcher.drain();
        flag.store(true, Ordering::SeqCst);
        subject.launcher.wake();
        let answers = subject.answers(20);
        assert!(answers[&0].is_some(), "{}", subject.name);
        assert!((1..20).all(|token| answers[&token].is_none()), "{}", subject.name);
        subject.launch(20, "finish");
        assert!(subject.answers(1)[&20].is_none(), "{}", subject.name);
    }
}
