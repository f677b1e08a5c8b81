"""A whole store as lines, and back.

An import first collects everything in temporary tables, which belong to this connection alone:
so a slow pipe holds no lock, and what is wrong with the file is found before anything is
touched. Then a few statements move it over in one transaction, however many jobs there are.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from queuectl.repository import archive
from queuectl.repository.columns import JOB, STEP
from queuectl.repository.keeping import Imported
from queuectl.repository.sql.exporting import beginning
from queuectl.repository.sql.importing import leave_out_what_is_there, refuse_what_is_there, stands_twice
from queuectl.repository.sql.rows import marks
from queuectl.repository.sqlite import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from queuectl.repository.archive import Entry

_JOB = ", ".join(JOB)
_STEP = ", ".join(STEP)

_STAGES = (
    f"CREATE TEMP TABLE staged ({_JOB.replace('seq', 'seq INTEGER PRIMARY KEY', 1)}, line)",
    "CREATE UNIQUE INDEX temp.staged_id ON staged (id)",
    """CREATE UNIQUE INDEX temp.staged_unique_key ON staged (unique_key)
        WHERE unique_key IS NOT NULL AND state IN ('pending', 'processing')""",
    f"CREATE TEMP TABLE staged_history ({_STEP.replace('id', 'id INTEGER PRIMARY KEY', 1)}, job INTEGER)",
    "CREATE TEMP TABLE staged_actions (at, by, verb, what, jobs)",
    "CREATE TEMP TABLE staged_paused (queue, since, by)",
    "CREATE TEMP TABLE staged_settings (key PRIMARY KEY, value, line)",
)
_STAGED = ("staged", "staged_history", "staged_actions", "staged_paused", "staged_settings")

_STAGE_JOB = f"INSERT INTO temp.staged ({_JOB}, line) VALUES ({marks(JOB)}, ?)"
_STAGE_STEP = f"INSERT INTO temp.staged_history ({_STEP}, job) VALUES ({marks(STEP)}, ?)"

#: A dead job that does not say what it died of is put to the others with its error.
_MOVED = ", ".join(
    {
        "seq": "seq + :jobs",
        "signature": "iif(state = 'dead', coalesce(signature, error, ''), signature)",
    }.get(column, column)
    for column in JOB
)
_LEASE = "worker_id, lease_token, lease_expires_at, record"
_MOVE_JOBS = f"""
    INSERT INTO main.jobs ({_JOB}, {_LEASE})
    SELECT {_MOVED},
        iif(state = 'processing', :worker, NULL), iif(state = 'processing', lower(hex(randomblob(16))), NULL),
        iif(state = 'processing', :now, NULL), iif(state = 'processing', :presence, NULL)
    FROM temp.staged ORDER BY seq
"""
_MOVE_HISTORY = f"""
    INSERT INTO main.history ({_STEP}, job)
    SELECT {_STEP.replace("id", "id + :history", 1)}, job + :jobs FROM temp.staged_history
    WHERE job IN (SELECT seq FROM temp.staged) ORDER BY id
"""
#: What triggers do when a job changes, for those that come as they are.
_MOVES = (
    """INSERT INTO tags (tag, seq) SELECT value, seq FROM jobs, json_each(jobs.tags)
        WHERE seq > :jobs AND tags IS NOT NULL""",
    """INSERT INTO counts (place, queue, jobs)
        SELECT place, queue, count(*) FROM jobs WHERE seq > :jobs AND state <> 'processing' GROUP BY 1, 2
        ON CONFLICT (place, queue) DO UPDATE SET jobs = jobs + excluded.jobs""",
    """INSERT INTO dead_by_signature (signature, jobs)
        SELECT coalesce(signature, ''), count(*) FROM jobs WHERE seq > :jobs AND state = 'dead' GROUP BY 1
        ON CONFLICT (signature) DO UPDATE SET jobs = jobs + excluded.jobs""",
    "INSERT OR IGNORE INTO settings (key, value) SELECT key, value FROM temp.staged_settings",
    """INSERT INTO actions (at, by, verb, what, jobs) SELECT at, by, verb, what, jobs FROM temp.staged_actions AS staged
        WHERE NOT EXISTS (SELECT 1 FROM actions AS old WHERE (old.at, old.by, old.verb, old.what, old.jobs)
            = (staged.at, staged.by, staged.verb, staged.what, staged.jobs))
        ORDER BY staged.rowid""",
)

_MOVE_PAUSED = """
    INSERT OR IGNORE INTO paused (queue, since, by) SELECT queue, since, by FROM temp.staged_paused RETURNING queue
"""

#: A worker that never was: of no machine, silent since 1970, with a pipe that nobody holds.
_ABSENT_WORKER = """
    INSERT INTO workers (name, host, boot_id, pid_namespace, pid, start_ticks, slots, queues, presence, started_at,
        heartbeat_at, heartbeat_ticks, lease_seconds)
    VALUES ('import', '', '', '', 0, 0, ?, '[]', ?, ?, 0, 0.0, 0.0)
"""


def lines(db: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    """Yield everything that this snapshot holds."""
    yield from beginning(db, schema.VERSION)
    jobs = 0
    for row in db.execute(f"SELECT {_JOB} FROM jobs ORDER BY seq"):
        jobs += 1
        steps = db.execute(f"SELECT {_STEP} FROM history WHERE job = ? ORDER BY id", (row[0],))
        yield archive.job_entry(row, steps)
    yield archive.end(jobs)


@contextmanager
def staged(db: sqlite3.Connection, entries: Iterable[Entry]) -> Iterator[int]:
    """Collect the entries in temporary tables, without the store's lock; give how many jobs there are.

    Raises:
        InvalidInput: an entry is not right, or they do not fit together.
        Conflict: an id or a unique key stands twice.
    """
    try:
        for statement in _STAGES:
            db.execute(statement)
        db.execute("BEGIN")
        jobs = sum(_stage(db, entry) for entry in entries)
        db.execute("COMMIT")
        yield jobs
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
        for table in _STAGED:
            db.execute(f"DROP TABLE IF EXISTS temp.{table}")


def move(db: sqlite3.Connection, jobs: int, *, now: int, skip: bool) -> Imported:
    """Move what is staged behind what is there, in the caller's transaction.

    Args:
        db: in a transaction that may write.
        jobs: how many are staged.
        now: the present.
        skip: whether what is there already is left alone.

    Raises:
        Conflict: something is there already.
    """
    if skip:
        leave_out_what_is_there(db)
    else:
        refuse_what_is_there(db)
    left, running = db.execute("SELECT count(*), total(state = 'processing') FROM temp.staged").fetchone()
    last = dict(db.execute("SELECT name, seq FROM sqlite_sequence"))
    presence = os.urandom(6).hex()
    worker = db.execute(_ABSENT_WORKER, (int(running), presence, now)).lastrowid if running else None
    values = {name: last.get(name, 0) for name in ("jobs", "history")}
    values |= {"now": now, "worker": worker, "presence": presence}
    for statement in (_MOVE_JOBS, _MOVE_HISTORY, *_MOVES):
        db.execute(statement, values)
    paused = sorted(queue for (queue,) in db.execute(_MOVE_PAUSED))
    return Imported(left, jobs - left, int(running), tuple(paused))


def _stage(db: sqlite3.Connection, entry: Entry) -> bool:
    """Take in one entry; say whether it is a job."""
    line, kind, value = entry
    match kind:
        case "job":
            try:
                db.execute(_STAGE_JOB, (*value.row, line))
                db.executemany(_STAGE_STEP, [(*step, value.row[0]) for step in value.history])
            except sqlite3.IntegrityError as error:
                raise stands_twice(line, value, str(error)) from error
        case "settings":
            rows = [(key, text, line) for key, text in value.items()]
            db.executemany("INSERT OR REPLACE INTO temp.staged_settings VALUES (?, ?, ?)", rows)
        case "paused":
            db.execute("INSERT INTO temp.staged_paused VALUES (:queue, :since, :by)", value)
        case "action":
            db.execute("INSERT INTO temp.staged_actions VALUES (:at, :by, :verb, :what, :jobs)", value)
    return kind == "job"
