//! The states of a trial, and what identifies one within a sweep.

use std::fmt;
use std::str::FromStr;

/// What has become of a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Waiting for a slot.
    #[default]
    Queued,
    /// An attempt runs.
    Running,
    /// Finished with a result.
    Done,
    /// Ended without a result; the reason says why.
    Failed,
    /// The loss became NaN, infinite or absurdly large: a result, and the worst one.
    Diverged,
    /// Ended early because others were better.
    Pruned,
    /// Its coordinator went away; it runs again on resume.
    Lost,
    /// Ended because somebody asked for it.
    Stopped,
}

impl State {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Diverged,
        Self::Pruned,
        Self::Lost,
        Self::Stopped,
    ];

    /// The word for it, as stored and shown.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Diverged => "diverged",
            Self::Pruned => "pruned",
            Self::Lost => "lost",
            Self::Stopped => "stopped",
        }
    }

    /// Whether nothing more happens to the trial by itself: neither running nor to be run on resume.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running | Self::Lost)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.word() == word).ok_or_else(|| format!("there is no state `{word}`"))
    }
}

/// Which trial of a sweep: the place of its config in the order of proposals, and the repeat, both from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrialKey {
    /// The place of the config in the order in which the search proposed it.
    pub ordinal: u64,
    /// The index of the seed.
    pub repeat: u32,
}
