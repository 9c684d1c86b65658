//! What a launcher is: it runs attempts and reports to the mailbox.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use super::proposer::Wake;
use crate::space::{Config, State};
use crate::store::{Exit, KeptFile, ProcessId, Series};

/// How many messages may wait; a sender beyond that waits itself.
const MAILBOX: usize = 4_096;

/// An attempt to run.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Identifies the attempt in messages.
    pub token: u64,
    /// The config.
    pub config: Arc<Config>,
    /// The trial's seed.
    pub seed: u64,
    /// The trial's number.
    pub number: u64,
    /// Which attempt of the trial this is, from 1.
    pub attempt: u32,
    /// Set by the coordinator to end the attempt.
    pub cancel: Arc<AtomicBool>,
}

/// What comes to the coordinator's mailbox.
#[derive(Debug)]
pub enum Message {
    /// An attempt has started, at this time in microseconds since 1970, in a process of its own if it has one. An attempt
    /// that ends within milliseconds may send only its end.
    Started(u64, i64, Option<ProcessId>),
    /// Points of its series.
    Points(u64, Vec<(Cow<'static, str>, Series)>),
    /// It has ended.
    Finished(u64, Box<Outcome>),
    /// It was not started, since the sweep is being drained.
    NotStarted(u64),
    /// Somebody wants the sweep to end.
    Signal(Signal),
    /// The search has thought of something.
    Proposed,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(pub i32);

/// How an attempt ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The state; `Lost` where the attempt was cancelled.
    pub state: State,
    /// Why.
    pub reason: String,
    /// Final metrics.
    pub metrics: Vec<(Cow<'static, str>, f64)>,
    /// The compared value.
    pub objective: Option<f64>,
    /// Points of its series that were not sent before.
    pub points: Vec<(Cow<'static, str>, Series)>,
    /// Files to write into the trial's folder: name and content.
    pub files: Vec<(&'static str, Vec<u8>)>,
    /// Files that were kept in the trial's folder.
    pub kept: Vec<KeptFile>,
    /// What a person should know of it.
    pub notes: Vec<String>,
    /// How its process ended.
    pub exit: Option<Exit>,
    /// Why no attempt can start; then the state is `Lost`.
    pub unstartable: Option<String>,
    /// When it started, in microseconds since 1970, where [`Message::Started`] may not have been sent.
    pub started: Option<i64>,
    /// When it ended, in microseconds since 1970.
    pub ended: i64,
}

/// Runs attempts.
pub trait Launcher {
    /// Starts an attempt, or puts it in line.
    fn launch(&mut self, assignment: Assignment);

    /// Starts nothing more: attempts in line answer [`Message::NotStarted`].
    fn drain(&mut self);

    /// How many attempts run at once.
    fn slots(&self) -> usize;

    /// How many attempts may stand in line beyond those that run, so that no slot waits for a commit.
    fn lookahead(&self) -> usize;

    /// Called after cancel flags were set, for launchers that do not look at them by themselves.
    fn wake(&mut self) {}

    /// Ends everything that still runs at once, without any grace.
    fn kill(&mut self) {}

    /// How long an attempt runs before its start is written; what ends sooner is written once, with its result.
    fn start_written_after(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// How long cancelled attempts may take to end.
    fn grace(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// Whether a program of the user's runs, so that failures at the very start are most likely a mistake in it.
    fn runs_commands(&self) -> bool {
        false
    }
}

/// The coordinator's mailbox.
#[derive(Debug)]
pub struct Mailbox {
    /// For launchers.
    pub sender: SyncSender<Message>,
    /// For the coordinator.
    pub receiver: Receiver<Message>,
}

impl Mailbox {
    /// What wakes the coordinator when a proposal is there. A mailbox that is full wakes it anyway.
    pub fn wake(&self) -> Wake {
        let sender = self.sender.clone();
        Arc::new(move || drop(sender.try_send(Message::Proposed)))
    }
}

impl Default for Mailbox {
    fn default() -> Self {
        let (sender, receiver) = sync_channel(MAILBOX);
        Self { sender, receiver }
    }
}
