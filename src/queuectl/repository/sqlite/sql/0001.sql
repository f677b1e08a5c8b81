-- Schema 1. Instants are integer milliseconds since the Unix epoch, UTC.

CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of enqueueing; never used again
    id TEXT NOT NULL UNIQUE,
    command TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    max_retries INTEGER NOT NULL,
    backoff_base REAL,  -- null: the store's setting at the time of the failure
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    next_run_at INTEGER,
    delayed INTEGER NOT NULL DEFAULT 0,  -- pending, and next_run_at had not come when last looked at
    started_at INTEGER,
    finished_at INTEGER,
    duration_seconds REAL,
    exit_code INTEGER,
    error TEXT,  -- why the last attempt failed
    reason TEXT,  -- why the last transition happened; copied into the history
    worker TEXT,  -- name of the last worker that ran it
    cwd TEXT,
    env TEXT,  -- JSON object, null if empty
    tags TEXT,  -- JSON array, null if empty
    timeout REAL,
    unique_key TEXT,
    runs INTEGER NOT NULL DEFAULT 0,  -- claims over its whole life; names the log files
    returned INTEGER NOT NULL DEFAULT 0,  -- attempts given back since the last one that counted
    worker_id INTEGER,  -- who holds the lease
    lease_token TEXT,
    lease_expires_at INTEGER,
    record TEXT,  -- presence of the worker whose shim keeps the run record
    cancel_grace REAL,  -- a person wants it stopped: seconds between TERM and KILL
    place TEXT NOT NULL AS (
        CASE
            WHEN state <> 'pending' THEN state
            WHEN delayed = 0 THEN 'ready'
            WHEN attempts = 0 THEN 'scheduled'
            ELSE 'retrying'
        END
    ) VIRTUAL
) STRICT;

-- Every index that a change of state touches costs each job a few microseconds: none without need.

-- What a claim reads: only ready jobs are in it, in the order in which they are taken, so
-- neither finished jobs nor those that are due next year can slow it down.
CREATE INDEX jobs_ready ON jobs (priority DESC, seq) WHERE state = 'pending' AND delayed = 0;
CREATE INDEX jobs_ready_by_queue ON jobs (queue, priority DESC, seq) WHERE state = 'pending' AND delayed = 0;
CREATE INDEX jobs_due ON jobs (next_run_at) WHERE state = 'pending' AND delayed = 1;
CREATE INDEX jobs_retrying ON jobs (next_run_at) WHERE state = 'pending' AND delayed = 1 AND attempts > 0;
CREATE INDEX jobs_retrying_by_queue ON jobs (queue, next_run_at) WHERE state = 'pending' AND delayed = 1 AND attempts > 0;
CREATE INDEX jobs_place ON jobs (place, seq);
CREATE UNIQUE INDEX jobs_unique_key ON jobs (unique_key) WHERE unique_key IS NOT NULL AND state IN ('pending', 'processing');

CREATE TABLE tags (
    tag TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (tag, seq)
) STRICT, WITHOUT ROWID;

-- Every change of state, never rewritten. The first one, to pending, is the job's created_at.
CREATE TABLE history (
    job INTEGER NOT NULL,
    step INTEGER NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    run INTEGER NOT NULL,
    worker TEXT,
    reason TEXT,
    exit_code INTEGER,
    PRIMARY KEY (job, step)
) STRICT, WITHOUT ROWID;

-- Counting a million rows takes 200 ms; these few rows are kept by the writes themselves. What is
-- processing is not among them: there are never many, and each would be counted in and out.
CREATE TABLE counts (
    place TEXT NOT NULL,
    queue TEXT NOT NULL,
    jobs INTEGER NOT NULL,
    PRIMARY KEY (place, queue)
) STRICT, WITHOUT ROWID;

-- How many jobs of each state were removed: with those that are there, all that were ever accepted.
CREATE TABLE pruned (
    state TEXT PRIMARY KEY,
    jobs INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Removed jobs whose logs have not been deleted yet. The row goes after the files.
CREATE TABLE leftovers (
    job INTEGER PRIMARY KEY,
    runs INTEGER NOT NULL
) STRICT;

CREATE TRIGGER jobs_record_transition AFTER UPDATE OF state ON jobs
WHEN OLD.state <> NEW.state
BEGIN
    INSERT INTO history (job, step, at, state, attempt, run, worker, reason, exit_code)
    VALUES (
        NEW.seq,
        (SELECT coalesce(max(step), 0) + 1 FROM history WHERE job = NEW.seq),
        NEW.updated_at, NEW.state, NEW.attempts, NEW.runs, NEW.worker, NEW.reason,
        CASE WHEN NEW.state IN ('completed', 'failed') THEN NEW.exit_code END
    );
END;

CREATE TRIGGER jobs_count_out AFTER UPDATE OF state, delayed, attempts, queue ON jobs
WHEN OLD.place <> 'processing' AND (OLD.place <> NEW.place OR OLD.queue <> NEW.queue)
BEGIN
    UPDATE counts SET jobs = jobs - 1 WHERE place = OLD.place AND queue = OLD.queue;
END;

CREATE TRIGGER jobs_count_in AFTER UPDATE OF state, delayed, attempts, queue ON jobs
WHEN NEW.place <> 'processing' AND (OLD.place <> NEW.place OR OLD.queue <> NEW.queue)
BEGIN
    INSERT INTO counts (place, queue, jobs) VALUES (NEW.place, NEW.queue, 1)
    ON CONFLICT (place, queue) DO UPDATE SET jobs = jobs + 1;
END;

CREATE VIEW tally (place, queue, jobs) AS
    SELECT place, queue, jobs FROM counts WHERE jobs <> 0
    UNION ALL
    SELECT place, queue, count(*) FROM jobs INDEXED BY jobs_place WHERE place = 'processing' GROUP BY queue;

CREATE TRIGGER jobs_remove AFTER DELETE ON jobs
BEGIN
    DELETE FROM history WHERE job = OLD.seq;
    DELETE FROM tags WHERE seq = OLD.seq AND tag IN (SELECT value FROM json_each(OLD.tags));
    UPDATE counts SET jobs = jobs - 1 WHERE place = OLD.place AND queue = OLD.queue;
    INSERT INTO pruned (state, jobs) VALUES (OLD.state, 1) ON CONFLICT (state) DO UPDATE SET jobs = jobs + 1;
    INSERT INTO leftovers (job, runs) VALUES (OLD.seq, OLD.runs);
END;

CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE workers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    pid_namespace TEXT NOT NULL,
    pid INTEGER NOT NULL,
    start_ticks INTEGER NOT NULL,
    slots INTEGER NOT NULL,
    queues TEXT NOT NULL,  -- JSON array
    presence TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL,
    heartbeat_ticks REAL NOT NULL,  -- seconds of the machine's monotonic clock
    lease_seconds REAL NOT NULL,  -- within which it promised the next sign of life
    stopping TEXT NOT NULL DEFAULT ''
) STRICT;
