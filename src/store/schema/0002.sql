-- Trials that are processes: which process an attempt is, how it ended, which of its files were kept; answers to
-- requests of other terminals.

ALTER TABLE attempts ADD COLUMN pid INTEGER;
-- Clock ticks from the start of the machine to the start of the process: with the session's boot id it names a process
-- for good.
ALTER TABLE attempts ADD COLUMN pid_start INTEGER;
ALTER TABLE attempts ADD COLUMN exit_code INTEGER;
ALTER TABLE attempts ADD COLUMN signal INTEGER;

ALTER TABLE requests ADD COLUMN answer TEXT;
CREATE INDEX requests_open ON requests (sweep) WHERE done IS NULL;

-- Files that were kept in <store>.files/<sweep uid>/<trial>/kept.
CREATE TABLE kept (
    attempt INTEGER NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
    path    TEXT NOT NULL,
    bytes   INTEGER NOT NULL,
    -- BLAKE3 of the content, as hexadecimal digits.
    hash    TEXT NOT NULL,
    PRIMARY KEY (attempt, path)
) WITHOUT ROWID;
