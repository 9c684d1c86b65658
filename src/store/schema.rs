//! The schema and its steps.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Every step from an empty file on; step i makes schema i + 1.
const STEPS: [&str; 4] = [
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
];

/// Marks a file as a store of this program ("swep").
const APPLICATION_ID: i64 = 0x7377_6570;

/// The newest schema that this version knows.
pub(super) const KNOWN: i64 = STEPS.len() as i64;

/// Brings a store to the newest schema; one transaction a step.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    if version(connection, path)? == KNOWN {
        return Ok(());
    }
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = check(&transaction, path)?;
        let Some(step) = STEPS.get(found as usize) else { return Ok(()) };
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", found + 1)?;
        transaction.commit()?;
    }
}

/// The schema of a file, after making sure that it is a store that this version can read.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    check(connection, path)
}

fn check(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let foreign = || StoreError::Foreign { path: path.to_owned() };
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let id = match pragma("application_id") {
        Ok(id) => id,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => return Err(foreign()),
        Err(error) => return Err(error.into()),
    };
    let found = pragma("user_version")?;
    if id != APPLICATION_ID {
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if id != 0 || found != 0 || tables != 0 {
            return Err(foreign());
        }
    }
    if found > KNOWN {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: KNOWN });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_store_is_brought_up_to_date_with_its_content() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(STEPS[0]).unwrap();
        connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        connection.execute("INSERT INTO meta VALUES ('uid', 'x')", []).unwrap();
        connection
            .execute_batch(
                "INSERT INTO sweeps (uid, name, spec_written, spec_meant, folder, seed, metric, goal, version, host, user, cwd,
                    created) VALUES ('u', 'n', '', '', '', 1, 'loss', 'min', '', '', '', '', 0);
                 INSERT INTO sessions (sweep, host, boot, pid, pid_start, command, version, started)
                    VALUES (1, '', '', 1, 1, '', '', 0);
                 INSERT INTO configs (sweep, ordinal, hash) VALUES (1, 0, 'h'), (1, 1, 'i');
                 INSERT INTO params VALUES (1, 0, 'size', 'text', 'x', NULL), (1, 1, 'lr', 'float', 0.5, NULL),
                    (2, 0, 'size', 'json', '[1]', 'big');
                 INSERT INTO trials (sweep, number, config, repeat, seed, state, attempt) VALUES (1, 1, 1, 0, 7, 'done', 1);
                 INSERT INTO attempts (trial, number, session, state, started) VALUES (1, 1, 1, 'done', 0);
                 INSERT INTO metrics VALUES (1, 'loss', 0.25);",
            )
            .unwrap();
        migrate(&mut connection, Path::new("old.db")).unwrap();
        assert_eq!(version(&connection, Path::new("old.db")).unwrap(), KNOWN);
        let uid: String = connection.query_row("SELECT value FROM meta", [], |row| row.get(0)).unwrap();
        assert_eq!(uid, "x");
        connection.execute_batch("SELECT pid, exit_code FROM attempts; SELECT * FROM kept").unwrap();
        let names =
            "SELECT group_concat(kind || ' ' || name || ' ' || type, ', ') FROM (SELECT * FROM names ORDER BY id)";
        let names: String = connection.query_row(names, [], |row| row.get(0)).unwrap();
        assert_eq!(names, "param size label, param size text, param lr float, metric loss float");
        let sql = "SELECT sum(m.value), max(p.value) FROM trials t JOIN params p USING (sweep, trial) JOIN metrics m USING (sweep, trial)
            JOIN sweeps s USING (sweep)";
        let values: (f64, String) = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(values, (0.5, "x".into()));
    }
}
