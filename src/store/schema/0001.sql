-- The first schema. A step is never edited once it has been released; later changes are steps of their own.
-- Times are microseconds since 1970 in UTC. A REAL that is NULL in `metrics`, `series` or `objective` of an ended trial
-- is NaN: SQLite stores NaN as NULL.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE sweeps (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    uid          TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    note         TEXT,
    -- Child sweeps: what they were made from and what for.
    parent       INTEGER REFERENCES sweeps (id),
    kind         TEXT NOT NULL DEFAULT 'search',
    spec_written TEXT NOT NULL,
    spec_meant   TEXT NOT NULL,
    spec_path    TEXT,
    folder       TEXT NOT NULL,
    seed         INTEGER NOT NULL,
    metric       TEXT NOT NULL,
    goal         TEXT NOT NULL,
    -- Trials in all when complete; NULL where nobody knows.
    planned      INTEGER,
    version      TEXT NOT NULL,
    host         TEXT NOT NULL,
    user         TEXT NOT NULL,
    cwd          TEXT NOT NULL,
    git_commit   TEXT,
    git_dirty    INTEGER,
    -- Whether the search has ended by itself: nothing is left to propose.
    complete     INTEGER NOT NULL DEFAULT 0,
    created      INTEGER NOT NULL,
    ended        INTEGER,
    hidden       INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX sweeps_by_name ON sweeps (name, id);

CREATE TABLE tags (
    sweep INTEGER NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    tag   TEXT NOT NULL,
    PRIMARY KEY (sweep, tag)
) WITHOUT ROWID;

-- The files whose content a sweep depends on.
CREATE TABLE files (
    sweep INTEGER NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    role  TEXT NOT NULL,
    path  TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    hash  TEXT NOT NULL,
    PRIMARY KEY (sweep, role)
) WITHOUT ROWID;

-- One start of the program on a sweep: the first and every resume.
CREATE TABLE sessions (
    id        INTEGER PRIMARY KEY,
    sweep     INTEGER NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    host      TEXT NOT NULL,
    boot      TEXT NOT NULL,
    pid       INTEGER NOT NULL,
    pid_start INTEGER NOT NULL,
    command   TEXT NOT NULL,
    version   TEXT NOT NULL,
    note      TEXT NOT NULL DEFAULT '',
    started   INTEGER NOT NULL,
    ended     INTEGER,
    -- How it ended: complete, drained, interrupted, died, ...
    outcome   TEXT
);
CREATE INDEX sessions_by_sweep ON sessions (sweep);
CREATE INDEX sessions_open ON sessions (sweep) WHERE ended IS NULL;

CREATE TABLE configs (
    id      INTEGER PRIMARY KEY,
    sweep   INTEGER NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    hash    TEXT NOT NULL,
    UNIQUE (sweep, hash)
);

CREATE TABLE params (
    config INTEGER NOT NULL REFERENCES configs (id) ON DELETE CASCADE,
    place  INTEGER NOT NULL,
    name   TEXT NOT NULL,
    type   TEXT NOT NULL,
    value,
    label  TEXT,
    PRIMARY KEY (config, place)
) WITHOUT ROWID;

CREATE TABLE trials (
    id        INTEGER PRIMARY KEY,
    sweep     INTEGER NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    number    INTEGER NOT NULL,
    config    INTEGER NOT NULL REFERENCES configs (id) ON DELETE CASCADE,
    repeat    INTEGER NOT NULL,
    seed      INTEGER NOT NULL,
    state     TEXT NOT NULL,
    reason    TEXT NOT NULL DEFAULT '',
    -- The attempt whose result counts.
    attempt   INTEGER,
    attempts  INTEGER NOT NULL DEFAULT 0,
    objective REAL,
    started   INTEGER,
    ended     INTEGER,
    UNIQUE (sweep, number),
    UNIQUE (sweep, config, repeat)
);
CREATE INDEX trials_unfinished ON trials (sweep) WHERE state IN ('queued', 'running', 'lost');

CREATE TABLE attempts (
    id      INTEGER PRIMARY KEY,
    trial   INTEGER NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    number  INTEGER NOT NULL,
    session INTEGER NOT NULL REFERENCES sessions (id),
    state   TEXT NOT NULL,
    reason  TEXT NOT NULL DEFAULT '',
    started INTEGER NOT NULL,
    ended   INTEGER,
    UNIQUE (trial, number)
);

-- Final metrics.
CREATE TABLE metrics (
    attempt INTEGER NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    value   REAL,
    PRIMARY KEY (attempt, name)
) WITHOUT ROWID;

-- Series in chunks. Values are little-endian doubles. Steps are start, start + stride, ... where `steps` is NULL, else
-- little-endian 64-bit integers, or 32-bit ones where 4 * count bytes are there.
CREATE TABLE series (
    attempt INTEGER NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    chunk   INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    start   INTEGER NOT NULL,
    stride  INTEGER NOT NULL,
    steps   BLOB,
    vals    BLOB NOT NULL,
    PRIMARY KEY (attempt, name, chunk)
);

-- What another terminal asks of a running sweep.
CREATE TABLE requests (
    id      INTEGER PRIMARY KEY,
    sweep   INTEGER NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    kind    TEXT NOT NULL,
    payload TEXT NOT NULL,
    made    INTEGER NOT NULL,
    done    INTEGER
);
