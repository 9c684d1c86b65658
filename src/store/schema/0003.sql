-- Views for questions in SQL, under the plain names; the tables behind them are called rows and chunks. The views work in
-- any SQLite. Times in views are texts in UTC; sweeps that are hidden do not show.

ALTER TABLE sweeps RENAME TO sweep_rows;
ALTER TABLE trials RENAME TO trial_rows;
ALTER TABLE params RENAME TO param_rows;
ALTER TABLE metrics RENAME TO metric_rows;
ALTER TABLE series RENAME TO series_chunks;

-- The params and metrics of a sweep, in the order in which they first appeared, each with the types its values have had
-- (`label` where a value goes by a label), so that nobody needs to look through all trials for their names.
CREATE TABLE names (
    id    INTEGER PRIMARY KEY,
    sweep INTEGER NOT NULL REFERENCES sweep_rows (id) ON DELETE CASCADE,
    kind  TEXT NOT NULL,
    name  TEXT NOT NULL,
    type  TEXT NOT NULL,
    UNIQUE (sweep, kind, name, type)
);
INSERT INTO names (sweep, kind, name, type)
    SELECT c.sweep, 'param', p.name, CASE WHEN p.label IS NULL THEN p.type ELSE 'label' END AS shown
    FROM param_rows p JOIN configs c ON c.id = p.config GROUP BY c.sweep, p.name, shown ORDER BY c.sweep, min(p.place);
INSERT INTO names (sweep, kind, name, type)
    SELECT t.sweep, 'metric', m.name, 'float'
    FROM trial_rows t JOIN metric_rows m ON m.attempt = t.attempt GROUP BY t.sweep, m.name ORDER BY t.sweep, m.name;

CREATE VIEW sweeps AS
    SELECT id AS sweep, name, (SELECT group_concat(tag, ',') FROM tags WHERE tags.sweep = s.id) AS tags, note, metric, goal,
        planned, (SELECT count(*) FROM trial_rows WHERE sweep = s.id) AS trials,
        strftime('%Y-%m-%dT%H:%M:%SZ', created / 1000000, 'unixepoch') AS created,
        strftime('%Y-%m-%dT%H:%M:%SZ', ended / 1000000, 'unixepoch') AS ended,
        host, user, cwd, git_commit, git_dirty, version, seed, spec_written AS spec, uid
    FROM sweep_rows s WHERE hidden = 0;

CREATE VIEW trials AS
    SELECT t.sweep, t.number AS trial, c.hash AS config, t.repeat, t.seed, t.state, t.reason, t.attempts, t.objective,
        strftime('%Y-%m-%dT%H:%M:%SZ', t.started / 1000000, 'unixepoch') AS started,
        strftime('%Y-%m-%dT%H:%M:%SZ', t.ended / 1000000, 'unixepoch') AS ended,
        (t.ended - t.started) * 1e-6 AS took
    FROM trial_rows t JOIN configs c ON c.id = t.config
    WHERE t.sweep IN (SELECT id FROM sweep_rows WHERE hidden = 0);

CREATE VIEW params AS
    SELECT t.sweep, t.number AS trial, p.name, p.value, p.label, p.type
    FROM trial_rows t JOIN param_rows p ON p.config = t.config
    WHERE t.sweep IN (SELECT id FROM sweep_rows WHERE hidden = 0);

CREATE VIEW metrics AS
    SELECT t.sweep, t.number AS trial, m.name, m.value
    FROM trial_rows t JOIN metric_rows m ON m.attempt = t.attempt
    WHERE t.sweep IN (SELECT id FROM sweep_rows WHERE hidden = 0);
