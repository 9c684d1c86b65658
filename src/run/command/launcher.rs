//! The launcher of commands: a thread for each slot, since starting a process blocks its thread until it runs.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::child::{self, Slot};
use super::log::numbers_with_logs;
use super::machine::Allotment;
use super::memory::MemoryLimit;
use super::place::Spare;
use super::process::{adopt_orphans, end_adopted};
use super::spawn::Starter;
use super::variables::{defaults, own_names};
use super::watchdog::Watchdog;
use crate::run::launcher::{Assignment, Launcher, Message, Outcome};
use crate::run::read::Wanted;
use crate::space::State;
use crate::spec::{CommandSpec, ConfigFormat, Each, Objective, Spec, Target};
use crate::store::now;

/// How many attempts may stand in line for each slot.
const LOOKAHEAD: usize = 64;
/// How long a trial that is ended may take before it is killed, where nothing is said.
const GRACE: Duration = Duration::from_secs(10);
/// A trial that ends sooner is written once, with its result.
const START_AFTER: Duration = Duration::from_millis(50);
/// How long the threads may take to end.
const CLOSE: Duration = Duration::from_secs(1);
/// How much is read at once, in bytes.
const READ: usize = 64 << 10;
/// The stack of a slot's thread.
const STACK: usize = 512 << 10;

/// Which sweep the trials belong to, and where things are.
#[derive(Clone, Debug)]
pub struct CommandPlace {
    /// The sweep's number.
    pub sweep: i64,
    /// What the tokens of this run begin with; unique to the run.
    pub token: String,
    /// The folder for the trials' files, absolute.
    pub folder: PathBuf,
    /// The working directory of the trials, absolute.
    pub directory: PathBuf,
    /// The program, where it is the same for every trial.
    pub program: Option<PathBuf>,
    /// The file of this program, which is also the watchdog.
    pub watchdog: PathBuf,
}

/// What the threads of the slots have in common.
pub struct Shared {
    pub(super) spec: CommandSpec,
    pub(super) objective: Objective,
    pub(super) wanted: Arc<Wanted>,
    pub(super) config_files: Vec<ConfigFormat>,
    pub(super) sweep: i64,
    pub(super) folder: PathBuf,
    /// Trials with logs from before this run.
    pub(super) with_logs: HashSet<u64>,
    pub(super) directory: PathBuf,
    pub(super) program: Option<PathBuf>,
    pub(super) starter: Starter,
    pub(super) keep: Vec<String>,
    pub(super) stall: Option<Duration>,
    pub(super) grace: Duration,
    pub(super) memory: MemoryLimit,
    pub(super) watchdog: Watchdog,
    pub(super) watchdog_pid: u32,
    pub(super) kill: AtomicBool,
    token: String,
    mailbox: SyncSender<Message>,
    line: Mutex<Line>,
    news: Condvar,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Assignment>,
    /// How many threads wait for an attempt.
    idle: usize,
    draining: bool,
    closed: bool,
}

impl Shared {
    /// Sends to the coordinator; where it is gone, nobody is left to tell.
    pub(super) fn send(&self, message: Message) {
        let _ = self.mailbox.send(message);
    }

    /// The token of an attempt.
    pub(super) fn token(&self, assignment: &Assignment) -> String {
        format!("{}/{}/{}", self.token, assignment.number, assignment.attempt)
    }
}

/// The launcher of commands.
pub struct Commands {
    shared: Arc<Shared>,
    slots: Vec<Arc<Slot>>,
    threads: Vec<JoinHandle<()>>,
}

impl Commands {
    /// Starts the threads of the slots and the watchdog.
    ///
    /// # Errors
    /// When the system gives no threads or no watchdog.
    pub fn new(
        spec: &Spec,
        command: &CommandSpec,
        place: &CommandPlace,
        allotment: &Allotment,
        memory: MemoryLimit,
        mailbox: SyncSender<Message>,
    ) -> Result<Self, String> {
        adopt_orphans();
        let watchdog = Watchdog::start(&place.watchdog, &place.token)
            .map_err(|error| format!("no process to watch the trials: {error}"))?;
        let mut config_files: Vec<ConfigFormat> = command
            .run
            .iter()
            .chain(command.env.iter().filter_map(|(_, v)| v.as_ref()))
            .flat_map(|t| t.config_files())
            .collect();
        config_files.sort_unstable();
        config_files.dedup();
        let Each { stall, grace, ref keep, .. } = spec.each;
        let mut wanted = vec![spec.objective.metric.clone()];
        wanted.extend(spec.budget.target.as_ref().and_then(|target| match target {
            Target::Value { metric, .. } => Some(metric.clone()),
            Target::Converged => None,
        }));
        wanted.dedup();
        let pattern = command.pattern.as_deref().and_then(|text| regex::Regex::new(text).ok());
        let mut slots = Vec::with_capacity(allotment.gpus.len());
        for (i, gpus) in allotment.gpus.iter().enumerate() {
            let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
            let wake = EventFd::from_flags(flags).map_err(|error| format!("no slot {i}: {error}"))?;
            slots.push(Arc::new(Slot { gpus: gpus.clone(), wake }));
        }
        let own = own_names(command, slots.iter().map(AsRef::as_ref));
        let is_set = |name: &str| std::env::var_os(name).is_some() || own.contains(&name);
        let starter = Starter::new(&place.directory, &defaults(allotment.threads, &is_set), &own)
            .map_err(|error| format!("no trial can be started: {error}"))?;
        let shared = Arc::new(Shared {
            spec: command.clone(),
            objective: spec.objective.clone(),
            wanted: Arc::new(Wanted::new(&wanted, pattern)),
            config_files,
            sweep: place.sweep,
            with_logs: numbers_with_logs(&place.folder),
            folder: place.folder.clone(),
            directory: place.directory.clone(),
            program: place.program.clone(),
            starter,
            keep: keep.clone(),
            stall,
            grace: grace.unwrap_or(GRACE),
            memory,
            watchdog_pid: watchdog.pid(),
            watchdog,
            kill: AtomicBool::new(false),
            token: place.token.clone(),
            mailbox,
            line: Mutex::default(),
            news: Condvar::new(),
        });
        let mut threads = Vec::with_capacity(slots.len());
        for (i, slot) in slots.iter().enumerate() {
            let slot = slot.clone();
            let shared = shared.clone();
            let thread = thread::Builder::new().name(format!("slot-{i}")).stack_size(STACK);
            let thread = thread.spawn(move || shared.serve(&slot)).map_err(|error| format!("no slot {i}: {error}"))?;
            threads.push(thread);
        }
        Ok(Self { shared, slots, threads })
    }

    /// Ends the threads, what the trials left behind, and the watchdog. Attempts that still run are killed.
    pub fn close(mut self) {
        {
            let mut line = self.shared.line.lock().unwrap_or_else(PoisonError::into_inner);
            line.closed = true;
            line.waiting.clear();
        }
        self.shared.news.notify_all();
        self.kill();
        // A process that the system does not let go would hold its thread: it is left to the watchdog.
        let start = Instant::now();
        let mut pause = Duration::from_micros(100);
        while !self.threads.iter().all(JoinHandle::is_finished) && start.elapsed() < CLOSE {
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(5));
        }
        if self.threads.iter().all(JoinHandle::is_finished) {
            self.threads.drain(..).for_each(|thread| drop(thread.join()));
        }
        end_adopted(None, &[self.shared.watchdog.pid()]);
    }
}

impl Shared {
    /// What the thread of a slot does: takes attempts from the line and runs them.
    fn serve(&self, slot: &Slot) {
        let mut spare = Spare::default();
        let mut buffer = vec![0; READ];
        loop {
            let (assignment, draining) = {
                let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
                loop {
                    if let Some(assignment) = line.waiting.pop_front() {
                        break (assignment, line.draining);
                    }
                    if line.closed {
                        return;
                    }
                    line.idle += 1;
                    line = self.news.wait(line).unwrap_or_else(PoisonError::into_inner);
                    line.idle -= 1;
                }
            };
            if draining {
                self.send(Message::NotStarted(assignment.token));
                continue;
            }
            let outcome = if assignment.cancel.load(Ordering::Relaxed) {
                Outcome { state: State::Lost, reason: "cancelled".into(), ended: now(), ..Outcome::default() }
            } else {
                child::run(self, slot, &assignment, &mut spare, &mut buffer)
            };
            self.send(Message::Finished(assignment.token, Box::new(outcome)));
        }
    }
}

impl Launcher for Commands {
    fn launch(&mut self, assignment: Assignment) {
        let mut line = self.shared.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.waiting.push_back(assignment);
        // While all are busy nobody need be told.
        if line.idle > 0 {
            self.shared.news.notify_one();
        }
    }

    fn drain(&mut self) {
        self.shared.line.lock().unwrap_or_else(PoisonError::into_inner).draining = true;
    }

    fn slots(&self) -> usize {
        self.slots.len()
    }

    fn lookahead(&self) -> usize {
        LOOKAHEAD * self.slots.len()
    }

    fn wake(&mut self) {
        for slot in &self.slots {
            let _ = slot.wake.write(1);
        }
    }

    fn kill(&mut self) {
        self.shared.kill.store(true, Ordering::Relaxed);
        self.wake();
    }

    fn start_written_after(&self) -> Duration {
        START_AFTER
    }

    fn grace(&self) -> Duration {
        self.shared.grace
    }

    fn runs_commands(&self) -> bool {
        true
    }
}

/// The program of a trial, found as a shell would find it: a path from `directory` on, or a name on `path`.
pub fn find_program(name: &str, directory: &Path, path: Option<&OsString>) -> Option<PathBuf> {
    let can_run = |file: &Path| file.is_file() && nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok();
    if name.contains('/') {
        return Some(directory.join(name)).filter(|file| can_run(file));
    }
    let path = path?;
    std::env::split_paths(path).map(|folder| directory.join(folder).join(name)).find(|file| can_run(file))
}
