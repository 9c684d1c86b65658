//! What the trials of a spec do, made ready: mistakes show here, before a sweep exists.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::error::CliError;
use super::input::{checkpoint_file, data_error, selection, spec_error};
use crate::run::command::{Allotment, CommandPlace, Commands, Machine, MemoryLimit, allot, check_command};
use crate::run::{Builtin, Launcher, Message};
use crate::spec::{CommandSpec, Job, Loaded, Spec};
use crate::store::Store;
use crate::train::trainer::Trainer;

/// Work that can begin.
pub enum Work {
    /// Built-in training.
    Train(Box<Trainer>),
    /// The user's program.
    Command(Program),
}

/// A program that can be started.
pub struct Program {
    /// The file, where it is the same for every trial.
    pub file: Option<PathBuf>,
    /// The working directory, from the root on.
    pub directory: PathBuf,
    /// What the slots get of the machine.
    pub allotment: Allotment,
    /// How memory is limited.
    pub memory: MemoryLimit,
}

impl Work {
    /// Makes the work of `loaded` ready; `store` is where a checkpoint may be.
    ///
    /// # Errors
    /// Mistakes in the data, a program that is not there, needs that the machine does not meet.
    pub fn prepare(loaded: &Loaded, store: Option<&Store>) -> Result<Self, CliError> {
        match &loaded.spec.job {
            Job::Train(train) => {
                let checkpoint = checkpoint_file(loaded, store)?;
                let trainer = Trainer::new(train, selection(&loaded.spec), &loaded.folder, checkpoint.as_deref());
                trainer.map(|trainer| Self::Train(Box::new(trainer))).map_err(|error| data_error(error, loaded))
            }
            Job::Command(command) => program(command, loaded).map(Self::Command),
        }
    }

    /// How many trials run at once.
    pub fn slots(&self, spec: &Spec) -> usize {
        match (self, spec.parallel) {
            (Self::Command(program), _) => program.allotment.gpus.len(),
            (Self::Train(_), crate::spec::Parallel::Count(count)) => count,
            (Self::Train(_), crate::spec::Parallel::Auto) => {
                std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
            }
        }
    }

    /// What the user should know before anything runs.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Train(trainer) => trainer.data().map_or_else(Vec::new, |data| data.notes.clone()),
            Self::Command(program) => {
                let mut notes = program.allotment.notes.clone();
                if let MemoryLimit::Watched(_) = program.memory {
                    notes.push(
                        "`mem` is held by looking twice a second: this process may not make control groups here".into(),
                    );
                }
                notes
            }
        }
    }

    /// The launcher of the trials of `sweep`, whose files are in `folder`; `token` is unique to the run.
    ///
    /// # Errors
    /// When the system gives no threads or processes.
    pub fn launcher(
        self,
        spec: &Spec,
        sweep: i64,
        token: String,
        folder: &Path,
        mailbox: SyncSender<Message>,
    ) -> Result<Running, CliError> {
        let slots = self.slots(spec);
        match (self, spec.command()) {
            (Self::Command(program), Some(command)) => {
                let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
                let place = CommandPlace {
                    sweep,
                    token,
                    folder,
                    directory: program.directory,
                    program: program.file,
                    watchdog: std::env::current_exe().unwrap_or_default(),
                };
                let commands = Commands::new(spec, command, &place, &program.allotment, program.memory, mailbox);
                commands.map(Running::Commands).map_err(CliError::system)
            }
            (Self::Train(trainer), _) => {
                let train = Arc::new((*trainer, spec.each.keeps_model()));
                Builtin::new(train, slots, mailbox).map(Running::Builtin).map_err(CliError::system)
            }
            (Self::Command(_), None) => Err(CliError::system("a command was made ready for a spec without one")),
        }
    }
}

/// A launcher that runs.
pub enum Running {
    /// Of built-in trials.
    Builtin(Builtin),
    /// Of commands.
    Commands(Commands),
}

impl Running {
    /// As the coordinator takes it.
    pub fn as_launcher(&mut self) -> &mut dyn Launcher {
        match self {
            Self::Builtin(builtin) => builtin,
            Self::Commands(commands) => commands,
        }
    }

    /// Ends it; nothing of a command is left after this.
    pub fn close(self) {
        match self {
            // Trials that were interrupted are still in the pool's threads: the process ends without waiting for them.
            Self::Builtin(builtin) => std::mem::forget(builtin),
            Self::Commands(commands) => commands.close(),
        }
    }
}

fn program(command: &CommandSpec, loaded: &Loaded) -> Result<Program, CliError> {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let file = check_command(command, &loaded.folder, &here)
        .map_err(|obstacle| spec_error(obstacle.key, obstacle.message, obstacle.help, loaded))?;
    // Without the `.` parts, for people.
    let directory: PathBuf = here.join(command.directory(&loaded.folder)).components().collect();
    let spec = &loaded.spec;
    let allotment = allot(spec.parallel, &spec.each, &Machine::detect(&spec.slots)).map_err(|error| {
        let help = format!("lower `each.{}`, or say what there is: `slots: {{{}: ...}}`", error.key, error.key);
        spec_error(&format!("each.{}", error.key), error.message, Some(help), loaded)
    })?;
    Ok(Program { file, directory, allotment, memory: MemoryLimit::of(spec.each.mem) })
}
