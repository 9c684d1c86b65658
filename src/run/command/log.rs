//! What a trial printed, in files: the beginning and the end of it, however much it is.
//!
//! All are in the sweep's folder, `17.stdout.log` and `17.stderr.log` for trial 17: for a program that prints a line and
//! ends, making a folder as well would take longer than the program. The first [`HEAD`] bytes go there. What follows goes
//! to `17.stdout.tail.log`, which is turned over (to `17.stdout.tail.1.log`) when it is full, so that a reader finds the
//! newest output at any time; at the end the last [`TAIL`] bytes are put behind the head, with a line that says how much
//! is left out.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// How much of the beginning is kept, in bytes.
pub const HEAD: u64 = 4 << 20;
/// How much of the end is kept, in bytes.
pub const TAIL: u64 = 4 << 20;
/// How much of the end is kept in memory, in bytes, for messages.
const LAST: usize = 4096;

/// The streams of a trial.
pub(super) const STREAMS: [&str; 2] = ["stdout", "stderr"];

/// Where the log of one stream of one trial is.
#[derive(Clone, Debug)]
pub struct LogPlace {
    /// The path without its ending.
    stem: PathBuf,
}

impl LogPlace {
    /// The log of `stream` of the trial `number`, in the folder of its sweep.
    pub fn of(sweep: &Path, number: u64, stream: &str) -> Self {
        Self { stem: sweep.join(format!("{number}.{stream}")) }
    }

    fn path(&self, ending: &str) -> PathBuf {
        let mut path = self.stem.clone().into_os_string();
        path.push(ending);
        path.into()
    }

    /// The file of the latest attempt.
    pub fn file(&self) -> PathBuf {
        self.path(".log")
    }

    /// The file of an earlier attempt.
    pub fn of_attempt(&self, attempt: u32) -> PathBuf {
        self.path(&format!(".{attempt}.log"))
    }

    /// Moves what the attempt `before` printed to a name of its own.
    pub(super) fn set_aside(&self, before: u32) {
        let _ = fs::rename(self.file(), self.of_attempt(before));
        self.remove_tails();
    }

    /// Moves what an attempt printed that nobody has recorded: `17.unrecorded.stdout.log`.
    pub(super) fn set_aside_unrecorded(sweep: &Path, number: u64) {
        for stream in STREAMS {
            let place = Self::of(sweep, number, stream);
            let _ = fs::rename(place.file(), sweep.join(format!("{number}.unrecorded.{stream}.log")));
            place.remove_tails();
        }
    }

    fn remove_tails(&self) {
        for ending in [".tail.1.log", ".tail.log"] {
            let _ = fs::remove_file(self.path(ending));
        }
    }
}

/// The numbers of the trials that have a log in the folder of a sweep.
pub(super) fn numbers_with_logs(sweep: &Path) -> HashSet<u64> {
    let names = fs::read_dir(sweep).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let number = |name: OsString| {
        let (number, rest) = name.to_str()?.split_once('.')?;
        STREAMS.iter().any(|stream| rest.starts_with(stream)).then(|| number.parse().ok())?
    };
    names.filter_map(number).collect()
}

/// One stream of one attempt.
pub struct Log {
    place: LogPlace,
    head: Option<File>,
    tail: Option<(File, u64)>,
    /// Bytes so far.
    written: u64,
    /// The end of what was printed.
    last: Vec<u8>,
    /// The first failure to write.
    error: Option<io::Error>,
}

impl Log {
    /// A log at `place`; files are made when there is something to write.
    pub fn new(place: LogPlace) -> Self {
        Self { place, head: None, tail: None, written: 0, last: Vec::new(), error: None }
    }

    /// Adds what was printed. A disk that is full loses the log, not the trial.
    pub fn write(&mut self, bytes: &[u8]) {
        let keep = bytes.len().min(LAST);
        let drop = (self.last.len() + keep).saturating_sub(LAST);
        self.last.drain(..drop);
        self.last.extend_from_slice(&bytes[bytes.len() - keep..]);
        if self.error.is_none()
            && let Err(error) = self.try_write(bytes)
        {
            self.error = Some(error);
        }
        self.written += bytes.len() as u64;
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = HEAD.saturating_sub(self.written).min(bytes.len() as u64) as usize;
        let (head, rest) = bytes.split_at(room);
        if !head.is_empty() {
            if self.head.is_none() {
                self.head = Some(File::create(self.place.file())?);
            }
            if let Some(file) = &mut self.head {
                file.write_all(head)?;
            }
        }
        if rest.is_empty() {
            return Ok(());
        }
        if self.tail.as_ref().is_none_or(|(_, length)| *length >= TAIL) {
            if self.tail.take().is_some() {
                fs::rename(self.place.path(".tail.log"), self.place.path(".tail.1.log"))?;
            }
            self.tail = Some((File::create(self.place.path(".tail.log"))?, 0));
        }
        if let Some((file, length)) = &mut self.tail {
            file.write_all(rest)?;
            *length += rest.len() as u64;
        }
        Ok(())
    }

    /// The last line that names an error, else the last one that says something.
    pub fn last_line(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.last);
        let names_error = |line: &&str| line.contains("Error") || line.contains("rror:") || line.contains("Exception");
        let lines = || text.rsplit(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
        let line = lines().find(names_error).or_else(|| lines().next())?;
        let shown: String = line.chars().take(300).collect();
        Some(if shown.len() < line.len() { format!("{shown}...") } else { shown })
    }

    /// Puts the end behind the beginning.
    ///
    /// # Errors
    /// Why the log is not whole.
    pub fn finish(mut self) -> io::Result<()> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.tail.take().is_none() {
            return Ok(());
        }
        let mut end = Vec::new();
        for ending in [".tail.1.log", ".tail.log"] {
            if let Ok(mut file) = File::open(self.place.path(ending)) {
                file.read_to_end(&mut end)?;
            }
        }
        let cut = end.len().saturating_sub(TAIL as usize);
        let left_out = self.written - HEAD - (end.len() - cut) as u64;
        let mut file = OpenOptions::new().append(true).open(self.place.file())?;
        if left_out > 0 {
            file.write_all(gap(left_out).as_bytes())?;
        }
        file.write_all(&end[cut..])?;
        self.place.remove_tails();
        Ok(())
    }
}

/// The line that stands where something is left out.
fn gap(bytes: u64) -> String {
    format!("\n[... {bytes} bytes are left out here ...]\n")
}

/// Reads a log that may still be written.
pub struct LogReader {
    place: LogPlace,
    position: u64,
    /// Whether the tail has been reached: then `position` counts in the newest tail file, with this inode.
    tail: Option<u64>,
}

impl LogReader {
    /// The log at `place`.
    pub fn new(place: LogPlace) -> Self {
        Self { place, position: 0, tail: None }
    }

    /// What is new since the last call.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(&mut self) -> io::Result<Vec<u8>> {
        use std::os::unix::fs::MetadataExt as _;
        let mut out = Vec::new();
        if self.tail.is_none() {
            let Ok(mut file) = File::open(self.place.file()) else { return Ok(out) };
            file.seek(SeekFrom::Start(self.position))?;
            self.position += file.read_to_end(&mut out)? as u64;
        }
        let Ok(mut file) = File::open(self.place.path(".tail.log")) else { return Ok(out) };
        let inode = file.metadata()?.ino();
        if self.tail != Some(inode) {
            if self.tail.is_some() {
                out.extend_from_slice(b"\n[... some output is left out here ...]\n");
            }
            self.tail = Some(inode);
            self.position = 0;
        }
        file.seek(SeekFrom::Start(self.position))?;
        self.position += file.read_to_end(&mut out)? as u64;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_log_is_kept_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::new(LogPlace::of(folder.path(), 7, "stdout"));
        log.write(b"one\n\xff\0two\r\nlast\n\n");
        assert_eq!(log.last_line().unwrap(), "last");
        log.finish().unwrap();
        assert_eq!(fs::read(folder.path().join("7.stdout.log")).unwrap(), b"one\n\xff\0two\r\nlast\n\n");
        Log::new(LogPlace::of(folder.path(), 7, "stderr")).finish().unwrap();
        assert!(!folder.path().join("7.stderr.log").exists());
    }

    #[test]
    fn of_a_flood_head_and_tail_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::new(LogPlace::of(folder.path(), 7, "stdout"));
        let mut reader = LogReader::new(LogPlace::of(folder.path(), 7, "stdout"));
        let mut read = 0;
        let block: Vec<u8> = (0..1 << 16).map(|i| b'a' + (i % 26) as u8).collect();
        log.write(b"the first line\n");
        for i in 0..320 {
            log.write(&block);
            if i % 10 == 0 {
                read += reader.read().unwrap().len();
            }
        }
        log.write(b"\nthe last line\n");
        assert!(read > 15 << 20, "a reader that keeps up sees nearly all of it: {read}");
        let on_disk: u64 = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
        assert!(on_disk <= HEAD + 2 * TAIL + (1 << 17));
        log.finish().unwrap();
        let whole = fs::read(folder.path().join("7.stdout.log")).unwrap();
        assert!(whole.starts_with(b"the first line\n") && whole.ends_with(b"\nthe last line\n"));
        let total = 15 + 320 * (1 << 16) + 15;
        let marker = gap(total - HEAD - TAIL);
        assert_eq!(whole.len() as u64, HEAD + TAIL + marker.len() as u64);
        assert_eq!(&whole[HEAD as usize..HEAD as usize + marker.len()], marker.as_bytes());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_length_around_the_bounds_is_whole_or_says_so() {
        for over in [0, 1, TAIL - 1, TAIL, TAIL + 1, 2 * TAIL, 2 * TAIL + 1] {
            let folder = tempfile::tempdir().unwrap();
            let mut log = Log::new(LogPlace::of(folder.path(), 7, "stderr"));
            let bytes: Vec<u8> = (0..HEAD + over).map(|i| (i % 251) as u8).collect();
            bytes.chunks(1 << 19).for_each(|chunk| log.write(chunk));
            log.finish().unwrap();
            let whole = fs::read(folder.path().join("7.stderr.log")).unwrap();
            if over <= TAIL {
                assert_eq!(whole, bytes, "{over}");
            } else {
                assert_eq!(&whole[whole.len() - TAIL as usize..], &bytes[bytes.len() - TAIL as usize..], "{over}");
            }
        }
    }
}
