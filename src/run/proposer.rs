//! A thread that asks the sampler, so that no slot waits for a model to be fitted.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::search::{History, Observation, Pending, Proposal, Sampler};

/// What a proposal is made from.
pub(super) struct Question {
    pub(super) observations: Vec<Observation>,
    pub(super) running: Vec<Pending>,
    pub(super) memory: Vec<f64>,
    /// The numbers of the ended trials, as they are stored.
    pub(super) seen: String,
}

/// A proposal, and what it was made from.
pub(super) struct Answer {
    pub(super) proposal: Proposal,
    pub(super) seen: String,
    pub(super) seconds: f64,
}

/// Called when an answer is there.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// The sampler, in a thread of its own where there is somebody to wake; else it is asked in place.
pub(super) enum Proposer {
    Here(Box<dyn Sampler>),
    Thread { questions: Option<Sender<Question>>, answers: Receiver<Answer>, thread: Option<JoinHandle<()>> },
}

fn answer(sampler: &mut dyn Sampler, question: Question) -> Answer {
    let start = Instant::now();
    let history =
        History { observations: &question.observations, running: &question.running, memory: &question.memory };
    let proposal = sampler.propose(&history);
    Answer { proposal, seen: question.seen, seconds: start.elapsed().as_secs_f64() }
}

impl Proposer {
    pub(super) fn new(mut sampler: Box<dyn Sampler>, wake: Option<Wake>) -> Self {
        let Some(wake) = wake else { return Self::Here(sampler) };
        let (questions, incoming) = channel::<Question>();
        let (outgoing, answers) = channel();
        let thread = std::thread::Builder::new().name("sampler".into()).spawn(move || {
            for question in incoming {
                if outgoing.send(answer(&mut *sampler, question)).is_err() {
                    return;
                }
                wake();
            }
        });
        Self::Thread { questions: Some(questions), answers, thread: thread.ok() }
    }

    /// Asks; the answer, where it is there at once.
    pub(super) fn ask(&mut self, question: Question) -> Option<Answer> {
        match self {
            Self::Here(sampler) => Some(answer(&mut **sampler, question)),
            Self::Thread { questions, .. } => {
                if let Some(questions) = questions {
                    // A thread that is gone gives no answer, which shows below.
                    let _ = questions.send(question);
                }
                None
            }
        }
    }

    /// The answer to the question that was asked, once it is there. The thread that would give it may be gone: then it is
    /// that the search is stuck.
    pub(super) fn answer(&mut self) -> Option<Answer> {
        use std::sync::mpsc::TryRecvError;
        match self {
            Self::Here(_) => None,
            Self::Thread { answers, .. } => match answers.try_recv() {
                Ok(answer) => Some(answer),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => {
                    let why = "the sampler ended unexpectedly: please report this".to_owned();
                    Some(Answer { proposal: Proposal::Stuck(why), seen: String::new(), seconds: 0.0 })
                }
            },
        }
    }
}

impl Drop for Proposer {
    fn drop(&mut self) {
        if let Self::Thread { questions, thread, .. } = self {
            drop(questions.take());
            if let Some(thread) = thread.take() {
                let _ = thread.join();
            }
        }
    }
}
