//! Holding trials to their memory: by a control group of version 2 where this process may make one, else by looking.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How the memory of trials is limited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoryLimit {
    /// Not at all.
    None,
    /// By control groups in this folder.
    Groups {
        /// The folder.
        parent: PathBuf,
        /// The limit in bytes.
        bytes: u64,
    },
    /// By adding up what the processes of a trial hold, twice a second.
    Watched(u64),
}

impl MemoryLimit {
    /// The best that this machine can do for a limit of `bytes`.
    pub fn of(bytes: Option<u64>) -> Self {
        let Some(bytes) = bytes else { return Self::None };
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        match group_parent(&own, Path::new("/sys/fs/cgroup")) {
            Some(parent) => Self::Groups { parent, bytes },
            None => Self::Watched(bytes),
        }
    }
}

/// The nearest control group at or above this process's own in which groups with a memory limit can be made. `own` is
/// the content of `/proc/self/cgroup`.
fn group_parent(own: &str, root: &Path) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    let own = root.join(path.trim_start_matches('/'));
    own.ancestors().take_while(|folder| folder.starts_with(root)).find_map(|folder| {
        let controllers = fs::read_to_string(folder.join("cgroup.subtree_control")).ok()?;
        if !controllers.split_whitespace().any(|name| name == "memory") {
            return None;
        }
        // Whether it may be used shows only by trying.
        let trial = folder.join(format!("sweep-{}-trial", std::process::id()));
        fs::create_dir(&trial).ok()?;
        let usable = trial.join("memory.max").exists();
        let _ = fs::remove_dir(&trial);
        usable.then(|| folder.to_owned())
    })
}

/// The control group of one attempt; removed when dropped.
pub struct MemoryGroup {
    folder: PathBuf,
}

impl MemoryGroup {
    /// Makes a group named after `name` and puts the process into it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn enter(parent: &Path, name: &str, bytes: u64, pid: u32) -> io::Result<Self> {
        let folder = parent.join(format!("sweep-{name}"));
        fs::create_dir_all(&folder)?;
        let group = Self { folder };
        fs::write(group.folder.join("memory.max"), bytes.to_string())?;
        // Without this the limit would only push it into swap; not every system has the file.
        let _ = fs::write(group.folder.join("memory.swap.max"), "0");
        let _ = fs::write(group.folder.join("memory.oom.group"), "1");
        fs::write(group.folder.join("cgroup.procs"), pid.to_string())?;
        Ok(group)
    }

    /// Whether the system ended processes of the group because they wanted too much.
    pub fn ran_out(&self) -> bool {
        let events = fs::read_to_string(self.folder.join("memory.events")).unwrap_or_default();
        events.lines().any(|line| line.strip_prefix("oom_kill ").is_some_and(|count| count.trim() != "0"))
    }

    /// The most that the group held, in bytes, where the system tells.
    pub fn peak(&self) -> Option<u64> {
        fs::read_to_string(self.folder.join("memory.peak")).ok()?.trim().parse().ok()
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        let _ = fs::write(self.folder.join("cgroup.kill"), "1");
        let _ = fs::remove_dir(&self.folder);
    }
}

/// The memory that a process and everything below it holds, in bytes; what they share is counted once.
pub fn held_below(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let own = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
        .unwrap_or(0)
        * 1024;
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = tasks.flat_map(|task| {
        let list = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        list.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()).collect::<Vec<_>>()
    });
    own + children.map(held_below).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_group_with_a_memory_controller_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let own = "12:memory:/old\n0::/user.slice/app.slice/term.scope\n";
        let deep = root.path().join("user.slice/app.slice/term.scope");
        fs::create_dir_all(&deep).unwrap();
        assert_eq!(group_parent(own, root.path()), None);
        fs::write(deep.join("cgroup.subtree_control"), "cpu pids\n").unwrap();
        fs::write(root.path().join("user.slice/app.slice/cgroup.subtree_control"), "cpu memory\n").unwrap();
        // An ordinary folder makes no files by itself, so it does not pass for a group.
        assert_eq!(group_parent(own, root.path()), None);
        assert_eq!(group_parent("1:memory:/x\n", root.path()), None);
    }

    #[test]
    fn a_group_is_set_up_before_the_process_runs_on() {
        let root = tempfile::tempdir().unwrap();
        let group = MemoryGroup::enter(root.path(), "u-3", 1 << 30, 77).unwrap();
        let text = |name: &str| fs::read_to_string(root.path().join("sweep-u-3").join(name)).unwrap();
        assert_eq!((text("memory.max"), text("cgroup.procs")), ("1073741824".into(), "77".into()));
        assert!(!group.ran_out());
        fs::write(root.path().join("sweep-u-3/memory.events"), "low 0\noom_kill 2\n").unwrap();
        assert!(group.ran_out());
    }

    #[test]
    fn this_process_holds_something() {
        assert!(held_below(std::process::id()) > 100_000);
    }
}
