//! What comes from a process: its output goes to logs and becomes metrics, its end becomes an outcome.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::finals::Finals;
use super::launcher::Shared;
use super::log::{Log, LogPlace};
use super::process::Usage;
use crate::run::launcher::{Message, Outcome};
use crate::run::read::MetricReader;
use crate::space::State;
use crate::store::Exit;

/// Points are sent this often, at most.
const POINTS_EVERY: Duration = Duration::from_millis(200);
/// The report file is looked at this often at first, and ever more rarely while nothing comes.
const REPORT_AT_FIRST: Duration = Duration::from_millis(50);
const REPORT_AT_LAST: Duration = Duration::from_secs(1);

/// Why an attempt was ended from here.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ended {
    /// The coordinator wants it.
    Cancelled,
    /// It printed nothing for too long.
    Stalled,
    /// It took more memory than it may.
    Memory(u64),
}

/// Where the output of an attempt goes: logs, metrics, points for the coordinator.
pub(super) struct Sink<'a> {
    shared: &'a Shared,
    token: u64,
    stdout: Log,
    stderr: Log,
    reader: MetricReader,
    finals: Finals,
    report: PathBuf,
    report_read: u64,
    /// When the report is to be looked at.
    pub(super) report_at: Instant,
    report_pause: Duration,
    /// When something came last.
    pub(super) heard: Instant,
    /// Whether points may wait, and when points were sent last.
    waiting: bool,
    sent: Instant,
}

impl<'a> Sink<'a> {
    pub(super) fn new(shared: &'a Shared, token: u64, logs: [LogPlace; 2], report: &Path) -> Self {
        let now = Instant::now();
        let [stdout, stderr] = logs.map(Log::new);
        Self {
            shared,
            token,
            stdout,
            stderr,
            reader: MetricReader::new(shared.wanted.clone()),
            finals: Finals::new(&shared.objective),
            report: report.to_owned(),
            report_read: 0,
            report_at: now + REPORT_AT_FIRST,
            report_pause: REPORT_AT_FIRST,
            heard: now,
            waiting: false,
            sent: now,
        }
    }

    pub(super) fn stdout(&mut self, bytes: &[u8]) {
        self.heard = Instant::now();
        self.stdout.write(bytes);
        self.reader.stdout(bytes);
        self.waiting = true;
    }

    pub(super) fn stderr(&mut self, bytes: &[u8]) {
        self.heard = Instant::now();
        self.stderr.write(bytes);
        self.reader.stderr(bytes);
        self.waiting = true;
    }

    pub(super) fn look_at_report(&mut self) {
        if Instant::now() < self.report_at {
            return;
        }
        self.report_pause = if self.read_report() { REPORT_AT_FIRST } else { self.report_pause * 2 };
        self.report_pause = self.report_pause.min(REPORT_AT_LAST);
        self.report_at = Instant::now() + self.report_pause;
    }

    /// Reads what was appended to the report; whether there was something.
    fn read_report(&mut self) -> bool {
        let Ok(data) = fs::metadata(&self.report) else { return false };
        // Only a file: somebody may have put a pipe there, on which reading would wait.
        if !data.is_file() || data.len() <= self.report_read {
            return false;
        }
        let Ok(mut file) = fs::File::open(&self.report) else { return false };
        if io::Seek::seek(&mut file, io::SeekFrom::Start(self.report_read)).is_err() {
            return false;
        }
        let mut buffer = vec![0; 64 << 10];
        let mut some = false;
        while let Ok(count @ 1..) = file.read(&mut buffer) {
            self.report_read += count as u64;
            self.reader.report(&buffer[..count]);
            some = true;
            self.waiting = true;
            self.send_points(false);
        }
        if some {
            self.heard = Instant::now();
        }
        some
    }

    /// When waiting points are to be sent.
    pub(super) fn points_at(&self) -> Option<Instant> {
        self.waiting.then(|| self.sent + POINTS_EVERY)
    }

    pub(super) fn send_points(&mut self, all: bool) {
        if !self.waiting || !all && self.sent.elapsed() < POINTS_EVERY {
            return;
        }
        let points = self.reader.take();
        self.finals.add(&points);
        self.waiting = false;
        self.sent = Instant::now();
        if !points.is_empty() {
            let points = points.into_iter().map(|(name, series)| (name.to_string().into(), series)).collect();
            self.shared.send(Message::Points(self.token, points));
        }
    }

    pub(super) fn finish(
        mut self,
        exit: Exit,
        ended: Option<Ended>,
        usage: Usage,
        seconds: f64,
        ran_out: bool,
    ) -> Outcome {
        self.read_report();
        self.reader.finish();
        let points = self.reader.take();
        self.finals.add(&points);
        self.finals.measured("seconds", seconds);
        self.finals.measured("cpu_seconds", usage.cpu_seconds);
        self.finals.measured("peak_memory_mb", (usage.peak_memory as f64 / f64::from(1 << 20) * 10.0).round() / 10.0);
        let last = self.stderr.last_line().or_else(|| self.stdout.last_line());
        let (state, reason) = verdict(exit, ended, ran_out, last.as_deref(), self.shared);
        let mut notes = self.reader.notes();
        for log in [self.stdout, self.stderr] {
            if let Err(error) = log.finish() {
                notes.push(format!("its log is not whole: {error}"));
            }
        }
        let (metrics, objective) = self.finals.finish();
        Outcome {
            state,
            reason,
            metrics: metrics.into_iter().map(|(name, value)| (name.to_string().into(), value)).collect(),
            objective,
            points: points.into_iter().map(|(name, series)| (name.to_string().into(), series)).collect(),
            notes,
            exit: Some(exit),
            ..Outcome::default()
        }
    }
}

/// What the end of a process means.
fn verdict(exit: Exit, ended: Option<Ended>, ran_out: bool, last: Option<&str>, shared: &Shared) -> (State, String) {
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    match ended {
        Some(Ended::Cancelled) => return (State::Lost, "cancelled".into()),
        Some(Ended::Stalled) => {
            let seconds = shared.stall.unwrap_or_default().as_secs_f64();
            return (State::Failed, format!("stalled: it printed and reported nothing for {seconds} s"));
        }
        Some(Ended::Memory(held)) => {
            return (State::Failed, format!("it held {:.2} GiB of memory, more than `mem` allows", gib(held)));
        }
        None => {}
    }
    let last = last.map_or_else(String::new, |line| format!(": {line}"));
    match exit {
        Exit::Code(0) => (State::Done, String::new()),
        Exit::Code(code) => (State::Failed, format!("exit code {code}{last}")),
        Exit::Signal(_) if ran_out => (State::Failed, "it wanted more memory than `mem` allows".into()),
        Exit::Signal(number) => {
            let name = Signal::try_from(number).map_or_else(|_| format!("signal {number}"), |s| s.as_str().to_owned());
            let cause = match number {
                libc::SIGKILL => " (by somebody, or by the system for want of memory)",
                libc::SIGSEGV => " (it touched memory that it may not)",
                _ => "",
            };
            (State::Failed, format!("killed by {name}{cause}{last}"))
        }
    }
}
