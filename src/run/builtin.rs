//! Built-in trials: in process, on a rayon pool.
//!
//! Pre-training is a job of its own: the trials that need it stand behind it, and no lock is held while anything trains.
//! A panic in a trainer is a failed trial.

use std::any::Any;
use std::borrow::Cow;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::launcher::{Assignment, Launcher, Message, Outcome};
use crate::space::{Config, State};
use crate::store::{Series, now};
use crate::train::trainer::{Finish, Observer, SourceKey, TrainError, Trainer, Verdict};

/// How many attempts may stand in line for each slot.
const LOOKAHEAD: usize = 128;
/// Points are sent when so many have gathered or when the last sending is so long ago.
const POINTS: usize = 2_048;
const POINTS_EVERY: Duration = Duration::from_millis(200);

/// What trains a trial; [`Trainer`] in earnest, something smaller in tests.
pub trait Train: Send + Sync + 'static {
    /// Which pre-training the trial needs.
    ///
    /// # Errors
    /// What is wrong with the config.
    fn source_key(&self, config: &Config, seed: u64) -> Result<Option<SourceKey>, TrainError>;

    /// Pre-trains; none where it was cancelled.
    ///
    /// # Errors
    /// Why it failed.
    fn pretrain(&self, config: &Config, seed: u64, cancel: &AtomicBool) -> Result<Option<Arc<[f64]>>, TrainError>;

    /// Trains.
    ///
    /// # Errors
    /// Why it failed.
    fn run(
        &self,
        config: &Config,
        seed: u64,
        anchor: Option<Arc<[f64]>>,
        cancel: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<Finish, TrainError>;
}

/// A trainer and whether models are kept.
impl Train for (Trainer, bool) {
    fn source_key(&self, config: &Config, seed: u64) -> Result<Option<SourceKey>, TrainError> {
        self.0.source_key(config, seed)
    }

    fn pretrain(&self, config: &Config, seed: u64, cancel: &AtomicBool) -> Result<Option<Arc<[f64]>>, TrainError> {
        self.0.pretrain(config, seed, cancel)
    }

    fn run(
        &self,
        config: &Config,
        seed: u64,
        anchor: Option<Arc<[f64]>>,
        cancel: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<Finish, TrainError> {
        self.0.run(config, seed, anchor, self.1, cancel, observer)
    }
}

/// The launcher of built-in trials.
pub struct Builtin {
    pool: rayon::ThreadPool,
    slots: usize,
    shared: Arc<Shared>,
}

struct Shared {
    train: Arc<dyn Train>,
    mailbox: SyncSender<Message>,
    draining: AtomicBool,
    sources: Mutex<HashMap<SourceKey, Source>>,
}

/// A pre-training.
enum Source {
    /// It is being made; these wait for it.
    Waiting(Vec<Assignment>),
    /// It is there, or it failed.
    Ready(Result<Arc<[f64]>, String>),
}

impl Builtin {
    /// A pool of `slots` threads.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(train: Arc<dyn Train>, slots: usize, mailbox: SyncSender<Message>) -> Result<Self, String> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(slots)
            .thread_name(|i| format!("trial-{i}"))
            .build()
            .map_err(|error| format!("no threads for {slots} trials at once: {error}"))?;
        let shared = Shared { train, mailbox, draining: AtomicBool::new(false), sources: Mutex::default() };
        Ok(Self { pool, slots, shared: Arc::new(shared) })
    }
}

impl Launcher for Builtin {
    fn launch(&mut self, assignment: Assignment) {
        let shared = self.shared.clone();
        let key = match shared.train.source_key(&assignment.config, assignment.seed) {
            Ok(None) => {
                self.pool.spawn_fifo(move || shared.run(&assignment, None));
                return;
            }
            Ok(Some(key)) => key,
            Err(error) => {
                let failed = Err(error.to_string());
                self.pool.spawn_fifo(move || shared.run(&assignment, Some(failed)));
                return;
            }
        };
        let mut sources = lock(&shared.sources);
        match sources.get_mut(&key) {
            Some(Source::Ready(source)) => {
                let source = source.clone();
                drop(sources);
                self.pool.spawn_fifo(move || shared.run(&assignment, Some(source)));
            }
            Some(Source::Waiting(waiting)) => waiting.push(assignment),
            None => {
                let (config, seed) = (assignment.config.clone(), assignment.seed);
                sources.insert(key.clone(), Source::Waiting(vec![assignment]));
                drop(sources);
                self.pool.spawn_fifo(move || shared.pretrain(key, &config, seed));
            }
        }
    }

    fn drain(&mut self) {
        self.shared.draining.store(true, Ordering::Relaxed);
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn lookahead(&self) -> usize {
        LOOKAHEAD * self.slots
    }
}

impl Shared {
    /// Pre-trains, then lets go the trials that wait for it.
    fn pretrain(self: &Arc<Self>, key: SourceKey, config: &Config, seed: u64) {
        // Draining ends a pre-training too: the trials behind it have not started.
        let outcome = if self.draining.load(Ordering::Relaxed) {
            Ok(Ok(None))
        } else {
            catch_unwind(AssertUnwindSafe(|| self.train.pretrain(config, seed, &self.draining)))
        };
        let source = match outcome {
            Ok(Ok(Some(theta))) => Ok(theta),
            Ok(Ok(None)) => Err("pre-training was cancelled".to_owned()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(panic) => Err(format!("pre-training panicked: {}", panic_words(&*panic))),
        };
        let before = lock(&self.sources).insert(key, Source::Ready(source.clone()));
        if let Some(Source::Waiting(waiting)) = before {
            for assignment in waiting {
                let (shared, source) = (self.clone(), source.clone());
                rayon::spawn_fifo(move || shared.run(&assignment, Some(source)));
            }
        }
    }

    /// Runs one attempt; `source` is its pre-training, if it needs one.
    fn run(&self, assignment: &Assignment, source: Option<Result<Arc<[f64]>, String>>) {
        let token = assignment.token;
        if self.draining.load(Ordering::Relaxed) {
            self.send(Message::NotStarted(token));
            return;
        }
        self.send(Message::Started(token, now(), None));
        let mut points = Points { token, mailbox: &self.mailbox, gathered: Vec::new(), sent: Instant::now() };
        let outcome = match source.transpose() {
            Err(why) => Outcome::failed(why),
            Ok(anchor) => {
                let run = AssertUnwindSafe(|| {
                    self.train.run(&assignment.config, assignment.seed, anchor, &assignment.cancel, &mut points)
                });
                match catch_unwind(run) {
                    Ok(Ok(finish)) => Outcome::of(finish),
                    Ok(Err(error)) => Outcome::failed(error.to_string()),
                    Err(panic) => Outcome::failed(format!("the trainer panicked: {}", panic_words(&*panic))),
                }
            }
        };
        let outcome = Outcome { points: std::mem::take(&mut points.gathered), ..outcome };
        self.send(Message::Finished(token, Box::new(outcome)));
    }

    /// Sends to the coordinator; where it is gone, nobody is left to tell.
    fn send(&self, message: Message) {
        let _ = self.mailbox.send(message);
    }
}

impl Outcome {
    fn failed(reason: String) -> Self {
        Self { state: State::Failed, reason, ended: now(), ..Self::default() }
    }

    fn of(finish: Finish) -> Self {
        let (state, reason) = match finish.verdict {
            Verdict::Done => (State::Done, String::new()),
            Verdict::Diverged(why) => (State::Diverged, why),
            Verdict::Cancelled => (State::Lost, "cancelled".into()),
        };
        Self {
            state,
            reason,
            metrics: finish.metrics.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect(),
            objective: finish.objective,
            files: finish.model.map(|model| ("model.safetensors", model.to_bytes())).into_iter().collect(),
            ended: now(),
            ..Self::default()
        }
    }
}

/// Gathers points and sends them now and then.
struct Points<'a> {
    token: u64,
    mailbox: &'a SyncSender<Message>,
    gathered: Vec<(Cow<'static, str>, Series)>,
    sent: Instant,
}

impl Observer for Points<'_> {
    fn point(&mut self, step: u64, values: &[(&'static str, f64)]) {
        for (i, (name, value)) in values.iter().enumerate() {
            if self.gathered.len() <= i {
                self.gathered.push((Cow::Borrowed(name), Series::default()));
            }
            self.gathered[i].1.push(step, *value);
        }
        let waiting = self.gathered.first().map_or(0, |(_, series)| series.steps.len());
        if waiting >= POINTS || self.sent.elapsed() >= POINTS_EVERY {
            let _ = self.mailbox.send(Message::Points(self.token, std::mem::take(&mut self.gathered)));
            self.sent = Instant::now();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn panic_words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc::Receiver;

    use super::super::launcher::Mailbox;
    use super::*;
    use crate::space::{Setting, Value};

    /// Does what the config says: `do` is `finish`, `panic`, `fail` or `wait`.
    #[derive(Default)]
    struct Puppet {
        pretrained: AtomicUsize,
        run: AtomicUsize,
    }

    impl Train for Puppet {
        fn source_key(&self, config: &Config, seed: u64) -> Result<Option<SourceKey>, TrainError> {
            Ok(config.get("source").map(|source| SourceKey::of(&format!("{source} {seed}"))))
        }

        fn pretrain(&self, config: &Config, _: u64, _: &AtomicBool) -> Result<Option<Arc<[f64]>>, TrainError> {
            self.pretrained.fetch_add(1, Ordering::SeqCst);
            assert!(config.get("source") != Some(&"broken".into()), "no pre-training today");
            std::thread::sleep(Duration::from_millis(20));
            Ok(Some(Arc::from([7.0])))
        }

        fn run(
            &self,
            config: &Config,
            _: u64,
            anchor: Option<Arc<[f64]>>,
            cancel: &AtomicBool,
            observer: &mut dyn Observer,
        ) -> Result<Finish, TrainError> {
            self.run.fetch_add(1, Ordering::SeqCst);
            assert_eq!(anchor.is_some(), config.get("source").is_some());
            let mut verdict = Verdict::Done;
            match config.get("do").and_then(Value::text) {
                Some("panic") => panic!("a trainer that panics"),
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

    fn config(settings: &[(&str, &str)]) -> Arc<Config> {
        let settings = settings
            .iter()
            .map(|(name, value)| Setting { name: (*name).into(), value: (*value).into(), label: None })
            .collect();
        Arc::new(Config { settings })
    }

    fn launcher(slots: usize) -> (Arc<Puppet>, Builtin, Receiver<Message>) {
        let mailbox = Mailbox::default();
        let puppet = Arc::new(Puppet::default());
        (puppet.clone(), Builtin::new(puppet, slots, mailbox.sender).unwrap(), mailbox.receiver)
    }

    fn launch(launcher: &mut Builtin, token: u64, settings: &[(&str, &str)]) -> Arc<AtomicBool> {
        let cancel = Arc::new(AtomicBool::new(false));
        launcher.launch(Assignment {
            token,
            config: config(settings),
            seed: 1,
            number: 1,
            attempt: 1,
            cancel: cancel.clone(),
        });
        cancel
    }

    /// The outcomes of `count` attempts by token; none where one was not started.
    fn outcomes(receiver: &Receiver<Message>, count: usize) -> HashMap<u64, Option<Outcome>> {
        let mut out = HashMap::new();
        while out.len() < count {
            match receiver.recv_timeout(Duration::from_secs(20)).expect("every attempt is answered") {
                Message::Finished(token, outcome) => assert!(out.insert(token, Some(*outcome)).is_none()),
                Message::NotStarted(token) => assert!(out.insert(token, None).is_none()),
                _ => {}
            }
        }
        out
    }

    #[test]
    fn a_panic_is_a_failed_trial_and_the_pool_goes_on() {
        let (_, mut launcher, receiver) = launcher(2);
        for token in 0..20 {
            launch(&mut launcher, token, &[("do", if token % 2 == 0 { "panic" } else { "finish" })]);
        }
        launch(&mut launcher, 20, &[("do", "fail")]);
        let outcomes = outcomes(&receiver, 21);
        let of = |token: u64| outcomes[&token].as_ref().unwrap();
        assert_eq!((of(0).state, of(1).state), (State::Failed, State::Done));
        assert_eq!(of(0).reason, "the trainer panicked: a trainer that panics");
        assert_eq!(of(20).reason, "pre-training: it failed");
        assert_eq!(of(1).points[0].1.values, [0.5]);
    }

    #[test]
    fn pretraining_is_done_once_for_each_source_and_trials_wait_for_it() {
        let (puppet, mut launcher, receiver) = launcher(2);
        for token in 0..12 {
            launch(&mut launcher, token, &[("source", if token % 2 == 0 { "a" } else { "b" })]);
        }
        assert!(outcomes(&receiver, 12).values().flatten().all(|outcome| outcome.state == State::Done));
        launch(&mut launcher, 12, &[("source", "a")]);
        assert!(outcomes(&receiver, 1)[&12].is_some());
        assert_eq!(puppet.pretrained.load(Ordering::SeqCst), 2);
        assert_eq!(puppet.run.load(Ordering::SeqCst), 13);
    }

    #[test]
    fn a_failed_pretraining_fails_its_trials_only() {
        let (_, mut launcher, receiver) = launcher(2);
        launch(&mut launcher, 0, &[("source", "broken")]);
        launch(&mut launcher, 1, &[("source", "broken")]);
        launch(&mut launcher, 2, &[]);
        let outcomes = outcomes(&receiver, 3);
        for token in [0, 1] {
            let outcome = outcomes[&token].as_ref().unwrap();
            assert_eq!(outcome.state, State::Failed);
            assert!(outcome.reason.starts_with("pre-training panicked"), "{}", outcome.reason);
        }
        assert_eq!(outcomes[&2].as_ref().unwrap().state, State::Done);
    }

    #[test]
    fn draining_starts_nothing_more_and_cancelling_ends_what_runs() {
        let (puppet, mut launcher, receiver) = launcher(1);
        let cancel = launch(&mut launcher, 0, &[("do", "wait")]);
        launch(&mut launcher, 1, &[]);
        launch(&mut launcher, 2, &[("source", "a")]);
        assert!(matches!(receiver.recv_timeout(Duration::from_secs(20)), Ok(Message::Started(0, ..))));
        launcher.drain();
        cancel.store(true, Ordering::SeqCst);
        let outcomes = outcomes(&receiver, 3);
        assert_eq!(outcomes[&0].as_ref().unwrap().state, State::Lost);
        assert!(outcomes[&1].is_none() && outcomes[&2].is_none());
        assert_eq!(puppet.run.load(Ordering::SeqCst), 1);
    }
}
