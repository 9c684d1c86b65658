//! Finding, making and opening the file.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::schema;
use super::{Lease, Owner, StoreError};

/// Where the store is when nobody says otherwise.
const DEFAULT: &str = "results/sweep.db";

/// How long to wait for another writer.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a command wants of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Look only; the file must exist.
    Read,
    /// Write; the file must exist.
    Write,
    /// Write; the file is made if there is none.
    Create,
}

/// An open store.
#[derive(Debug)]
pub struct Store {
    pub(super) connection: Connection,
    path: PathBuf,
    /// What the user should know about where the file is.
    pub warning: Option<String>,
}

/// Where the store is: `given` (`--db`), else `variable` (`SWEEP_DB`), else the nearest `results/sweep.db` in `here` or
/// a folder above it, else `results/sweep.db` in `here`.
pub fn find_store(given: Option<&Path>, variable: Option<&Path>, here: &Path) -> PathBuf {
    if let Some(path) = given.or(variable.filter(|path| !path.as_os_str().is_empty())) {
        return path.to_owned();
    }
    let above = here.ancestors().map(|folder| folder.join(DEFAULT)).find(|path| path.is_file());
    match above {
        Some(path) => path.strip_prefix(here).map_or(path.clone(), Path::to_owned),
        None => PathBuf::from(DEFAULT),
    }
}

impl Store {
    /// Opens the store at `path`.
    ///
    /// # Errors
    /// No store (unless it may be made), a newer or foreign file, a file or folder that cannot be used.
    pub fn open(path: &Path, access: Access) -> Result<Self, StoreError> {
        if !path.exists() {
            match access {
                Access::Create => create(path)?,
                Access::Read | Access::Write => {
                    return Err(StoreError::Missing { looked_at: Some(path.to_owned()) });
                }
            }
        }
        if path.is_dir() {
            return Err(StoreError::Foreign { path: path.to_owned() });
        }
        let network = is_on_network(path);
        let connection = match access {
            Access::Read => open_to_read(path)?,
            Access::Write | Access::Create => open_to_write(path, network)?,
        };
        let warning = network.then(|| {
            format!("`{}` is on a network file system: slower, and safe only where its locks work", path.display())
        });
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self { connection, path: path.to_owned(), warning })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder for files of the sweep with this uid.
    pub fn sweep_folder(&self, uid: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".files");
        PathBuf::from(name).join(uid)
    }

    /// The folder for files of a trial.
    pub fn trial_folder(&self, uid: &str, number: i64) -> PathBuf {
        self.sweep_folder(uid).join(number.to_string())
    }

    /// Marks what dead coordinators left: their sessions as died, their running trials as lost.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn reap(&mut self) -> Result<(), StoreError> {
        let open: Vec<(i64, String)> = {
            let mut query = self.connection.prepare_cached(
                "SELECT DISTINCT sweep_rows.id, sweep_rows.uid FROM sessions JOIN sweep_rows ON sweep_rows.id = sessions.sweep
                 WHERE sessions.ended IS NULL",
            )?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?
        };
        for (sweep, uid) in open {
            let folder = self.sweep_folder(&uid);
            // Holding the lock while reaping keeps a coordinator that starts just now from being reaped.
            if let Ok(Ok(lease)) = Lease::take(&folder, false) {
                self.reap_sweep(sweep)?;
                lease.release(&folder);
            }
        }
        Ok(())
    }

    /// Marks what the dead coordinators of one sweep left; the caller holds its lock.
    pub(super) fn reap_sweep(&mut self, sweep: i64) -> Result<(), StoreError> {
        let now = super::now();
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute(
            "UPDATE attempts SET state = 'lost', reason = 'its coordinator died', ended = ?2
             WHERE state = 'running' AND trial IN (SELECT id FROM trial_rows WHERE sweep = ?1 AND state = 'running')",
            (sweep, now),
        )?;
        transaction.execute(
            "UPDATE trial_rows SET state = 'lost', reason = 'its coordinator died' WHERE sweep = ?1 AND state = 'running'",
            [sweep],
        )?;
        transaction.execute(
            "UPDATE sessions SET ended = ?2, outcome = 'died' WHERE sweep = ?1 AND ended IS NULL",
            (sweep, now),
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// Who runs the sweep with this uid.
    pub fn owner(&self, uid: &str) -> Owner {
        Lease::owner(&self.sweep_folder(uid))
    }
}

/// Makes the file whole in a temporary file and links it into place; whoever is first wins.
fn create(path: &Path) -> Result<(), StoreError> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let fail = |path: &Path, source: std::io::Error| match source.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly { path: path.to_owned() }
        }
        std::io::ErrorKind::StorageFull => StoreError::Full,
        _ => StoreError::File { path: path.to_owned(), source },
    };
    fs::create_dir_all(folder).map_err(|error| fail(folder, error))?;
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(".sweep-{}-{number}.tmp", std::process::id()));
    let made = build(&temporary, is_on_network(folder));
    let result = match made {
        Ok(()) => match fs::hard_link(&temporary, path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            // Some file systems have no hard links; a rename may replace a store that was made meanwhile, but an
            // empty one only, since nobody can have opened it before it was there.
            Err(_) if !path.exists() => fs::rename(&temporary, path).map_err(|error| fail(path, error)),
            Err(_) => Ok(()),
        },
        Err(StoreError::Sqlite(error)) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::CannotOpen) => {
            Err(StoreError::ReadOnly { path: folder.to_owned() })
        }
        Err(error) => Err(error),
    };
    for ending in ["", "-wal", "-shm", "-journal"] {
        let mut name = temporary.clone().into_os_string();
        name.push(ending);
        let _ = fs::remove_file(name);
    }
    if result.is_ok()
        && let Ok(folder) = fs::File::open(folder)
    {
        let _ = folder.sync_all();
    }
    result
}

fn build(path: &Path, network: bool) -> Result<(), StoreError> {
    let mut connection = Connection::open(path)?;
    // Nobody can see the file yet: it is written to the disk once, as a whole.
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;")?;
    schema::migrate(&mut connection, path)?;
    let uid = blake3::hash(format!("{} {} {}", path.display(), super::now(), std::process::id()).as_bytes()).to_hex();
    connection
        .execute("INSERT INTO meta VALUES ('uid', ?1), ('created', ?2)", (&uid[..32], super::now().to_string()))?;
    set_journal(&connection, network)?;
    connection.close().map_err(|(_, error)| error)?;
    let written = fs::File::open(path).and_then(|file| file.sync_all());
    written.map_err(|source| StoreError::File { path: path.to_owned(), source })
}

fn set_journal(connection: &Connection, network: bool) -> Result<(), StoreError> {
    let mode = if network { "DELETE" } else { "WAL" };
    connection.pragma_update_and_check(None, "journal_mode", mode, |row| row.get::<_, String>(0))?;
    Ok(())
}

fn open_to_write(path: &Path, network: bool) -> Result<Connection, StoreError> {
    let read_only = || StoreError::ReadOnly { path: path.to_owned() };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = match Connection::open_with_flags(path, flags) {
        Ok(connection) => connection,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::CannotOpen) => return Err(read_only()),
        Err(error) => return Err(error.into()),
    };
    connection.busy_timeout(PATIENCE)?;
    let prepared = (|| {
        schema::version(&connection, path)?;
        if connection.is_readonly("main")? {
            return Err(read_only());
        }
        set_journal(&connection, network)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        schema::migrate(&mut connection, path)
    })();
    match prepared {
        Err(StoreError::Sqlite(error))
            if matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::ReadOnly | rusqlite::ErrorCode::CannotOpen)
            ) =>
        {
            Err(read_only())
        }
        Err(error) => Err(error),
        Ok(()) => Ok(connection),
    }
}

fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    let found = match schema::version(&connection, path) {
        // A file in WAL mode in a folder that cannot be written: nobody can be writing it either.
        Err(StoreError::Sqlite(error))
            if matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly)
            ) =>
        {
            let path_text = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            let escaped: String = path_text
                .to_string_lossy()
                .chars()
                .map(|c| if matches!(c, '?' | '#' | '%') { format!("%{:02x}", c as u32) } else { c.to_string() })
                .collect();
            let uri = format!("file:{escaped}?immutable=1");
            let connection = Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?;
            schema::version(&connection, path)?;
            return Ok(connection);
        }
        Err(error) => return Err(error),
        Ok(found) => found,
    };
    // What is read twice is held: up to 64 MiB.
    connection.pragma_update(None, "cache_size", -65_536)?;
    if found == 0 {
        // An empty file: looking at it makes no store of it.
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if found < schema::KNOWN {
        // An older file is migrated by a writer; a reader does it in passing.
        drop(connection);
        let mut writer = open_to_write(path, is_on_network(path))?;
        schema::migrate(&mut writer, path)?;
        drop(writer);
        return open_to_read(path);
    }
    Ok(connection)
}

/// Whether a path is on a file system that other machines share.
fn is_on_network(path: &Path) -> bool {
    const NETWORK: [i64; 10] = [
        0x6969,      // NFS
        0xff53_4d42, // CIFS
        0xfe53_4d42, // SMB2
        0x517b,      // SMB
        0x6573_5546, // FUSE (sshfs and the like)
        0x0bd0_0bd0, // Lustre
        0x4750_4653, // GPFS
        0x1983_0326, // BeeGFS
        0x00c3_6400, // Ceph
        0x0102_1997, // 9p
    ];
    let existing =
        path.ancestors().find(|path| path.exists() && !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    nix::sys::statfs::statfs(existing).is_ok_and(|stat| NETWORK.contains(&(stat.filesystem_type().0 & 0xffff_ffff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_store_above_is_found() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        assert_eq!(find_store(None, None, &deep), PathBuf::from(DEFAULT));
        fs::create_dir_all(root.path().join("results")).unwrap();
        fs::write(root.path().join(DEFAULT), "").unwrap();
        assert_eq!(find_store(None, None, &deep), root.path().join(DEFAULT));
        assert_eq!(find_store(None, None, root.path()), PathBuf::from(DEFAULT));
        assert_eq!(find_store(None, Some(Path::new("x.db")), &deep), PathBuf::from("x.db"));
        assert_eq!(find_store(Some(Path::new("y.db")), Some(Path::new("x.db")), &deep), PathBuf::from("y.db"));
    }

    #[test]
    fn foreign_and_newer_files_are_refused_and_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text.db");
        fs::write(&text, "this is not a database at all, but long enough to look at").unwrap();
        assert!(matches!(Store::open(&text, Access::Create), Err(StoreError::Foreign { .. })));
        let other = folder.path().join("other.db");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(matches!(Store::open(&other, Access::Create), Err(StoreError::Foreign { .. })));
        let newer = folder.path().join("newer.db");
        Store::open(&newer, Access::Create).unwrap();
        Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
        for access in [Access::Read, Access::Write, Access::Create] {
            assert!(matches!(Store::open(&newer, access), Err(StoreError::Newer { found: 99, .. })));
        }
    }

    #[test]
    fn a_missing_store_is_made_only_when_that_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/results/sweep.db");
        assert!(matches!(Store::open(&path, Access::Read), Err(StoreError::Missing { .. })));
        assert!(matches!(Store::open(&path, Access::Write), Err(StoreError::Missing { .. })));
        Store::open(&path, Access::Create).unwrap();
        Store::open(&path, Access::Read).unwrap();
        let names =
            fs::read_dir(path.parent().unwrap()).unwrap().flatten().map(|e| e.file_name().into_string().unwrap());
        let left: Vec<String> = names.filter(|name| !name.starts_with("sweep.db")).collect();
        assert!(left.is_empty(), "only the store itself is left: {left:?}");
    }

    #[test]
    fn the_journal_is_an_ordinary_one_on_a_network_file_system() {
        let folder = tempfile::tempdir().unwrap();
        for (name, network, mode) in [("there.db", true, "delete"), ("here.db", false, "wal")] {
            let path = folder.path().join(name);
            build(&path, network).unwrap();
            let connection = open_to_write(&path, network).unwrap();
            let found: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
            assert_eq!(found, mode);
        }
    }

    #[test]
    fn many_threads_make_one_store() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sweep.db");
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| Store::open(&path, Access::Create).unwrap());
            }
        });
    }
}
