-- Schema 2: transitions in one order for everybody, retry policies of single jobs, paused queues, the dead by
-- what killed them, and who did what.

-- JSON object: what the job asks for beyond the settings; null: nothing.
ALTER TABLE jobs ADD COLUMN policy TEXT;
-- No retry starts later.
ALTER TABLE jobs ADD COLUMN retry_until INTEGER;
-- What a dead job died of, numbers and paths folded.
ALTER TABLE jobs ADD COLUMN signature TEXT;
-- By queue, so that the queues of those who died of the same are found without reading all of them.
CREATE INDEX jobs_by_signature ON jobs (signature, queue, seq) WHERE state = 'dead';

DROP TRIGGER jobs_record_transition;
DROP TRIGGER jobs_remove;

-- As before, but numbered in the order in which they were committed, so that a reader can go on where it stopped.
CREATE TABLE transitions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again, even if the last one is removed
    job INTEGER NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    run INTEGER NOT NULL,
    since INTEGER,  -- of a claim: when the job became ready; of an end: when its command started
    worker TEXT,
    reason TEXT,
    exit_code INTEGER
) STRICT;
-- Whatever the clock did, the steps of a job keep their order.
INSERT INTO transitions (job, at, state, attempt, run, worker, reason, exit_code)
    SELECT job, at, state, attempt, run, worker, reason, exit_code FROM history
    ORDER BY max(at) OVER (PARTITION BY job ORDER BY step), job, step;
DROP TABLE history;
ALTER TABLE transitions RENAME TO history;
CREATE INDEX history_of_job ON history (job);

CREATE TRIGGER jobs_record_transition AFTER UPDATE OF state ON jobs
WHEN OLD.state <> NEW.state
BEGIN
    INSERT INTO history (job, at, state, attempt, run, since, worker, reason, exit_code)
    VALUES (
        NEW.seq, NEW.updated_at, NEW.state, NEW.attempts, NEW.runs,
        CASE WHEN NEW.state = 'processing' THEN OLD.next_run_at
            WHEN NEW.state IN ('completed', 'failed') THEN NEW.started_at END,
        NEW.worker, NEW.reason,
        CASE WHEN NEW.state IN ('completed', 'failed') THEN NEW.exit_code END
    );
END;

-- How many jobs died of what.
CREATE TABLE dead_by_signature (
    signature TEXT PRIMARY KEY,
    jobs INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

UPDATE jobs SET signature = coalesce(error, reason, '') WHERE state = 'dead';
INSERT INTO dead_by_signature (signature, jobs)
    SELECT signature, count(*) FROM jobs WHERE state = 'dead' GROUP BY signature;

-- A job has a signature while it is dead and at no other time, so only statements that speak of signatures pay for this.
CREATE TRIGGER jobs_count_signatures AFTER UPDATE OF signature ON jobs
WHEN OLD.signature IS NOT NEW.signature
BEGIN
    UPDATE dead_by_signature SET jobs = jobs - 1 WHERE signature = OLD.signature;
    DELETE FROM dead_by_signature WHERE signature = OLD.signature AND jobs <= 0;
    INSERT INTO dead_by_signature (signature, jobs) SELECT NEW.signature, 1 WHERE NEW.signature IS NOT NULL
    ON CONFLICT (signature) DO UPDATE SET jobs = jobs + 1;
END;

CREATE TRIGGER jobs_remove AFTER DELETE ON jobs
BEGIN
    DELETE FROM history WHERE job = OLD.seq;
    DELETE FROM tags WHERE seq = OLD.seq AND tag IN (SELECT value FROM json_each(OLD.tags));
    UPDATE counts SET jobs = jobs - 1 WHERE place = OLD.place AND queue = OLD.queue;
    UPDATE dead_by_signature SET jobs = jobs - 1 WHERE signature = OLD.signature;
    DELETE FROM dead_by_signature WHERE signature = OLD.signature AND jobs <= 0;
    INSERT INTO pruned (state, jobs) VALUES (OLD.state, 1) ON CONFLICT (state) DO UPDATE SET jobs = jobs + 1;
    INSERT INTO leftovers (job, runs) VALUES (OLD.seq, OLD.runs);
END;

-- Queues from which nothing is claimed; '' stands for all of them.
CREATE TABLE paused (
    queue TEXT PRIMARY KEY,
    since INTEGER NOT NULL,
    by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What people did, a row a command: jobs that were removed can no longer say it.
CREATE TABLE actions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,  -- user@host
    verb TEXT NOT NULL,
    what TEXT NOT NULL,  -- ids or the filter, for people
    jobs INTEGER NOT NULL  -- how many it touched
) STRICT;

-- Of several data directories, which one the worker's pipe and run record are in; a file has only one.
ALTER TABLE workers ADD COLUMN home TEXT NOT NULL DEFAULT '';
