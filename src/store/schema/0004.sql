-- Why a search that learns proposed a config, and what it had seen: the numbers of the ended trials, and what the sampler
-- left for the next proposal (float64, little-endian). With these a proposal can be made again.
CREATE TABLE proposals (
    config INTEGER PRIMARY KEY REFERENCES configs (id) ON DELETE CASCADE,
    why    TEXT NOT NULL,
    seen   TEXT NOT NULL,
    memory BLOB NOT NULL,
    -- The expected improvement in units of what counts; NULL where the sampler expects nothing.
    worth  REAL
);
