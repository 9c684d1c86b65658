//! One attempt: a process from its start to its outcome, in the thread of a slot.
//!
//! The thread waits for everything at once: output, the end of the process, being woken, and its own deadlines. A
//! process that ended stays a zombie until its group has been killed, so that the group's id cannot be another's.

use std::ffi::CString;
use std::fs;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;
use nix::sys::signal::Signal;

use super::launcher::{Shared, find_program};
use super::log::{LogPlace, STREAMS};
use super::memory::{MemoryGroup, MemoryLimit, held_below};
use super::place::{Place, Spare};
use super::process::{Usage, bury_adopted, collect, end_adopted, has_ended, signal_group, start_error};
use super::sink::{Ended, Sink};
use super::variables::own;
use crate::run::launcher::{Assignment, Message, Outcome};
use crate::space::State;
use crate::spec::Filling;
use crate::store::{ProcessId, now, process_start};

/// A process that ends sooner is told of only with its end.
const TELL_AFTER: Duration = Duration::from_millis(20);
/// Orphans that have ended are taken away this often.
const BURY_EVERY: Duration = Duration::from_secs(5);
/// Memory is looked at this often where it has to be watched.
const MEMORY_EVERY: Duration = Duration::from_millis(500);
/// Output that is still in the pipes after the end is read for this long, at most.
const DRAIN: Duration = Duration::from_secs(2);
/// How often and with what pauses a start is tried again where the system has no room for a process.
const START_AGAIN: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];

/// One of the slots in which trials run.
pub struct Slot {
    /// The value of `CUDA_VISIBLE_DEVICES`; none leaves it as it is.
    pub gpus: Option<String>,
    /// Wakes the slot's thread.
    pub wake: EventFd,
}

/// Runs one attempt.
pub fn run(shared: &Shared, slot: &Slot, assignment: &Assignment, spare: &mut Spare, buffer: &mut [u8]) -> Outcome {
    let place = Place::of(&shared.folder, assignment.number);
    let (started, began) = (Instant::now(), now());
    let mut child = match start(shared, slot, assignment, &place, spare) {
        Ok(child) => child,
        Err(StartError::Trial(reason)) => {
            spare.take_over(&place);
            return Outcome { state: State::Failed, reason, ended: now(), ..Outcome::default() };
        }
        Err(StartError::Any(why)) => {
            spare.take_over(&place);
            return Outcome {
                state: State::Lost,
                reason: why.clone(),
                unstartable: Some(why),
                ended: now(),
                ..Outcome::default()
            };
        }
    };
    shared.watchdog.watch(child.pid);
    let logs = STREAMS.map(|stream| LogPlace::of(&shared.folder, assignment.number, stream));
    let mut sink = Sink::new(shared, assignment.token, logs, &place.report);
    let group = match &shared.memory {
        MemoryLimit::Groups { parent, bytes } => {
            let name = format!("{}-{}-{}", std::process::id(), assignment.number, assignment.attempt);
            MemoryGroup::enter(parent, &name, *bytes, child.pid).ok()
        }
        _ => None,
    };
    let ended = child.supervise(shared, slot, assignment, &mut sink, buffer, began);
    // The rest of its group goes with it; then what left the group.
    signal_group(child.pid, Signal::SIGKILL);
    end_adopted(Some(&shared.token(assignment)), &[shared.watchdog_pid]);
    child.drain(&mut sink, buffer);
    shared.watchdog.forget(child.pid);
    let (exit, usage) = collect(child.pid);
    let at = now();
    let seconds = started.elapsed().as_secs_f64();
    let memory = group.as_ref().and_then(MemoryGroup::peak).unwrap_or(usage.peak_memory);
    let ran_out = group.as_ref().is_some_and(MemoryGroup::ran_out);
    drop(group);
    let usage = Usage { peak_memory: memory, ..usage };
    let mut outcome = sink.finish(exit, ended, usage, seconds, ran_out);
    outcome.started = Some(began);
    outcome.ended = at;
    if matches!(outcome.state, State::Done | State::Diverged) && !shared.keep.is_empty() {
        place.keep(&shared.keep, &mut outcome);
    }
    spare.take_over(&place);
    outcome
}

/// Why an attempt did not start.
enum StartError {
    /// It is this trial's fault.
    Trial(String),
    /// No trial will start.
    Any(String),
}

/// A running process.
struct Child {
    pid: u32,
    stdout: Option<PipeReader>,
    stderr: Option<PipeReader>,
    /// Readable when the process has ended.
    exit: Option<OwnedFd>,
}

fn start(
    shared: &Shared,
    slot: &Slot,
    assignment: &Assignment,
    place: &Place,
    spare: &mut Spare,
) -> Result<Child, StartError> {
    let trial = |why: String| StartError::Trial(format!("it was not started: {why}"));
    spare
        .prepare(place, assignment.attempt)
        .map_err(|error| StartError::Any(format!("the folder `{}` cannot be made: {error}", place.folder.display())))?;
    if assignment.attempt > 1 {
        for stream in STREAMS {
            LogPlace::of(&shared.folder, assignment.number, stream).set_aside(assignment.attempt - 1);
        }
    } else if shared.with_logs.contains(&assignment.number) {
        LogPlace::set_aside_unrecorded(&shared.folder, assignment.number);
    }
    let filling = Filling {
        config: &assignment.config,
        seed: assignment.seed,
        number: assignment.number,
        folder: &place.folder,
        dir: &place.dir,
        env: &|name| std::env::var(name).ok(),
    };
    for format in &shared.config_files {
        let text = format.write(&assignment.config).map_err(trial)?;
        let path = place.folder.join(format.file_name());
        fs::write(&path, text).map_err(|error| trial(format!("`{}`: {error}", path.display())))?;
    }
    let mut words = Vec::with_capacity(shared.spec.run.len() + assignment.config.settings.len());
    for word in &shared.spec.run {
        words.extend(word.fill(&filling).map_err(trial)?);
    }
    let Some(name) = words.first().cloned() else { return Err(trial("its command is empty".into())) };
    let no_nul = |_| trial("an argument has a NUL character".into());
    let words: Vec<CString> = words.into_iter().map(CString::new).collect::<Result<_, _>>().map_err(no_nul)?;
    // What is not found is for the system to refuse, by its name.
    let program = match &shared.program {
        Some(program) => program.clone(),
        None => find_program(&name, &shared.directory, std::env::var_os("PATH").as_ref())
            .unwrap_or_else(|| shared.directory.join(&name)),
    };
    let program = CString::new(program.into_os_string().into_encoded_bytes()).map_err(no_nul)?;
    let own = own(shared, slot, assignment, place, &filling).map_err(trial)?;
    let mut pauses = START_AGAIN.iter();
    loop {
        match shared.starter.start(&program, &words, &own) {
            Ok(started) => {
                return Ok(Child {
                    pid: started.pid,
                    stdout: Some(started.stdout),
                    stderr: Some(started.stderr),
                    exit: started.exit,
                });
            }
            Err(error) => {
                let is_transient = matches!(
                    error.raw_os_error(),
                    Some(libc::EAGAIN | libc::ENOMEM | libc::ETXTBSY | libc::EMFILE | libc::ENFILE)
                );
                match pauses.next().filter(|_| is_transient && !assignment.cancel.load(Ordering::Relaxed)) {
                    Some(pause) => thread::sleep(*pause),
                    None => {
                        let why = start_error(&name, &shared.directory, &error);
                        // Arguments that are too long, or a program that depends on a param, are this trial's fault.
                        let own = error.kind() == io::ErrorKind::ArgumentListTooLong || shared.program.is_none();
                        return Err(if own { trial(why) } else { StartError::Any(why) });
                    }
                }
            }
        }
    }
}

impl Child {
    /// Reads and waits until the process has ended; tells why it was ended, if it was.
    fn supervise(
        &mut self,
        shared: &Shared,
        slot: &Slot,
        assignment: &Assignment,
        sink: &mut Sink<'_>,
        buffer: &mut [u8],
        began: i64,
    ) -> Option<Ended> {
        let mut tell_at = Some(Instant::now() + TELL_AFTER);
        let mut ended: Option<(Ended, Instant)> = None;
        let mut killed = false;
        let mut memory_at = Instant::now() + MEMORY_EVERY;
        let mut buried = Instant::now();
        let mut idle = Duration::from_millis(1);
        loop {
            let mut deadlines = vec![sink.report_at];
            deadlines.extend(sink.points_at());
            deadlines.extend(tell_at);
            match (&ended, shared.stall) {
                (Some((_, at)), _) if !killed => deadlines.push(*at + shared.grace),
                (None, Some(stall)) => deadlines.push(sink.heard + stall),
                _ => {}
            }
            if matches!(shared.memory, MemoryLimit::Watched(_)) {
                deadlines.push(memory_at);
            }
            if self.exit.is_none() {
                deadlines.push(Instant::now() + idle);
                idle = (idle * 2).min(Duration::from_millis(20));
            }
            let until =
                deadlines.into_iter().min().map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
            let ready = self.wait(slot.wake.as_fd(), until);
            if ready.woken {
                let _ = slot.wake.read();
            }
            if ready.stdout {
                read_some(&mut self.stdout, buffer, |bytes| sink.stdout(bytes));
            }
            if ready.stderr {
                read_some(&mut self.stderr, buffer, |bytes| sink.stderr(bytes));
            }
            if ready.ended || self.exit.is_none() && has_ended(self.pid) {
                return ended.map(|(why, _)| why);
            }
            if tell_at.is_some_and(|at| Instant::now() >= at) {
                tell_at = None;
                let id = ProcessId { pid: self.pid, start: process_start(self.pid).unwrap_or(0) };
                shared.send(Message::Started(assignment.token, began, Some(id)));
            }
            sink.look_at_report();
            sink.send_points(false);
            if buried.elapsed() >= BURY_EVERY {
                buried = Instant::now();
                bury_adopted(&[shared.watchdog_pid]);
            }
            if let MemoryLimit::Watched(most) = shared.memory
                && Instant::now() >= memory_at
            {
                memory_at = Instant::now() + MEMORY_EVERY;
                let held = held_below(self.pid);
                if held > most && !killed {
                    ended = Some((Ended::Memory(held), Instant::now()));
                    signal_group(self.pid, Signal::SIGKILL);
                    killed = true;
                }
            }
            if ended.is_none() {
                let why = if assignment.cancel.load(Ordering::Relaxed) {
                    Some(Ended::Cancelled)
                } else {
                    shared.stall.filter(|stall| sink.heard.elapsed() >= *stall).map(|_| Ended::Stalled)
                };
                if let Some(why) = why {
                    signal_group(self.pid, Signal::SIGTERM);
                    // What is stopped would not take the signal.
                    signal_group(self.pid, Signal::SIGCONT);
                    ended = Some((why, Instant::now()));
                }
            }
            let at_once = shared.kill.load(Ordering::Relaxed);
            if let Some((_, at)) = &ended
                && !killed
                && (at_once || at.elapsed() >= shared.grace)
            {
                signal_group(self.pid, Signal::SIGKILL);
                killed = true;
            }
        }
    }

    /// Waits for output, the end, a wake-up, or until the time is over.
    fn wait(&self, wake: BorrowedFd<'_>, until: Duration) -> Ready {
        let mut fds = vec![PollFd::new(wake, PollFlags::POLLIN)];
        let places: Vec<Option<usize>> = [
            self.stdout.as_ref().map(|pipe| pipe.as_fd()),
            self.stderr.as_ref().map(|pipe| pipe.as_fd()),
            self.exit.as_ref().map(|exit| exit.as_fd()),
        ]
        .into_iter()
        .map(|fd| {
            fds.push(PollFd::new(fd?, PollFlags::POLLIN));
            Some(fds.len() - 1)
        })
        .collect();
        // Rounded up, so that a deadline has passed when the time is over.
        let millis = until.as_micros().div_ceil(1000).min(60_000) as u16;
        match poll(&mut fds, PollTimeout::from(millis)) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ready::default(),
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
        let is_ready = |place: Option<usize>| place.is_some_and(|i| fds[i].any() == Some(true));
        Ready {
            woken: is_ready(Some(0)),
            stdout: is_ready(places[0]),
            stderr: is_ready(places[1]),
            ended: is_ready(places[2]),
        }
    }

    /// Reads what is still in the pipes; something that left the group may hold them open.
    fn drain(&mut self, sink: &mut Sink<'_>, buffer: &mut [u8]) {
        let start = Instant::now();
        if let Some(pipe) = &self.stdout {
            never_wait(pipe.as_fd());
        }
        if let Some(pipe) = &self.stderr {
            never_wait(pipe.as_fd());
        }
        while read_some(&mut self.stdout, buffer, |bytes| sink.stdout(bytes)) && start.elapsed() < DRAIN {}
        while read_some(&mut self.stderr, buffer, |bytes| sink.stderr(bytes)) && start.elapsed() < DRAIN {}
    }
}

#[derive(Default)]
struct Ready {
    woken: bool,
    stdout: bool,
    stderr: bool,
    ended: bool,
}

fn never_wait(fd: BorrowedFd<'_>) {
    let _ = fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
}

/// Reads once; closes the pipe at its end. Whether there may be more.
fn read_some<R: io::Read>(pipe: &mut Option<R>, buffer: &mut [u8], mut take: impl FnMut(&[u8])) -> bool {
    let Some(reader) = pipe else { return false };
    match reader.read(buffer) {
        Ok(0) => {
            *pipe = None;
            false
        }
        Ok(count) => {
            take(&buffer[..count]);
            true
        }
        Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
        Err(_) => {
            *pipe = None;
            false
        }
    }
}
