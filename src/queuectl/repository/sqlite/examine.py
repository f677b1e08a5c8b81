"""Looking at a store without changing a byte of it: nothing is made, migrated or moved out of the log."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.repository.examination import Engine, StoreFacts
from queuectl.repository.sqlite import schema
from queuectl.repository.sqlite.connection import translated
from queuectl.repository.sqlite.workers import registered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Seconds to wait for a lock; there are hardly any for readers.
_PATIENCE = 5.0
#: Complaints that are enough to know.
_COMPLAINTS = 10
#: Transitions that are looked at for steps back in time.
_RECENT = 1000

#: What must be so in every store, as a query that counts what is not.
_INVARIANTS = {
    "{} states of jobs differ from the last step of their history": """
        SELECT count(*) FROM jobs WHERE state <> coalesce(
            (SELECT state FROM history WHERE job = jobs.seq ORDER BY id DESC LIMIT 1), 'pending')
    """,
    "{} transitions belong to no job": "SELECT count(*) FROM history WHERE job NOT IN (SELECT seq FROM jobs)",
    "{} tags belong to no job": "SELECT count(*) FROM tags WHERE seq NOT IN (SELECT seq FROM jobs)",
    "{} jobs are processing without a lease, or have one without": """
        SELECT count(*) FROM jobs WHERE (state = 'processing') <> (lease_token IS NOT NULL)
            OR (state = 'processing') <> (lease_expires_at IS NOT NULL)
    """,
    "{} jobs have an end without having ended, or have ended without": """
        SELECT count(*) FROM jobs WHERE (state IN ('completed', 'dead', 'cancelled')) <> (finished_at IS NOT NULL)
    """,
}
_COUNTERS = {
    "counts": (
        "SELECT place || ' in queue ' || queue, jobs FROM counts WHERE jobs <> 0",
        "SELECT place || ' in queue ' || queue, count(*) FROM jobs WHERE state <> 'processing' GROUP BY place, queue",
    ),
    "dead_by_signature": (
        "SELECT 'dead of ' || signature, jobs FROM dead_by_signature",
        "SELECT 'dead of ' || signature, count(*) FROM jobs WHERE signature IS NOT NULL GROUP BY signature",
    ),
}

_RECENTLY = f"WITH recent AS (SELECT id, at FROM history ORDER BY id DESC LIMIT {_RECENT})"
#: Of what was done last. To look at all jobs would take as long as to count them.
_NEWEST = f"""
    {_RECENTLY} SELECT max(coalesce((SELECT max(at) FROM recent), 0),
        coalesce((SELECT max(created_at) FROM (SELECT created_at FROM jobs ORDER BY seq DESC LIMIT {_RECENT})), 0))
"""
_READY = """
    SELECT queue, sum(jobs) FROM (
        SELECT queue, jobs FROM counts WHERE place = 'ready' AND jobs > 0
        UNION ALL
        SELECT queue, count(*) FROM jobs INDEXED BY jobs_due
        WHERE state = 'pending' AND delayed = 1 AND next_run_at <= ? GROUP BY queue
    ) GROUP BY queue ORDER BY queue
"""


def engine() -> Engine:
    """Return which SQLite is in use."""
    return Engine("SQLite", sqlite3.sqlite_version_info)


def examine(name: str, *, now: int, thorough: bool, numbers: Sequence[int]) -> StoreFacts:
    """Look at a store.

    Args:
        name: path of the file, as it stands in messages.
        now: the present.
        thorough: whether to read everything and to count it anew.
        numbers: of jobs, of which some may not be there.

    Raises:
        StoreError: it is not there, not ours, or cannot be read.
    """
    path = os.path.abspath(name)  # noqa: PTH100 - as in `connection`
    if not os.path.exists(path):  # noqa: PTH110 - as in `connection`
        raise errors.StoreUnreachable(
            f"there is no store {name!r}", "queuectl init makes it; or name another with --db"
        )
    with translated(path, name), _reading(path) as db:
        version = schema.inspect(db, name)
        (journal,) = db.execute("PRAGMA journal_mode").fetchone()
        check = "integrity_check" if thorough else "quick_check"
        found = [text for (text,) in db.execute(f"PRAGMA {check}({_COMPLAINTS})")]
        facts = StoreFacts(version, schema.VERSION, journal, () if found == ["ok"] else tuple(found))
        if version != schema.VERSION or facts.complaints:
            return facts
        facts = _filled(db, facts, now)
        unknown = (
            "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT seq FROM jobs UNION SELECT job FROM leftovers)"
        )
        return facts._replace(
            unknown=tuple(number for (number,) in db.execute(unknown, (json.dumps(list(numbers)),))),
            miscounts=tuple(_miscounts(db)) if thorough else (),
        )


@contextmanager
def _reading(path: str) -> Iterator[sqlite3.Connection]:
    """Open a file so that closing it leaves it as it was found.

    The last one to close a database moves its log into it, unless it may only read; and whoever
    may only read leaves the files behind that SQLite needs beside it. So one that has something in its
    log is opened for reading, and another, of which there is nothing to move, for writing.
    """
    from pathlib import Path

    log = Path(f"{path}-wal")
    mode = "ro" if log.exists() and log.stat().st_size else "rw"
    uri = f"{Path(path).absolute().as_uri()}?mode={mode}"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_PATIENCE)) as db:
        db.execute("PRAGMA query_only = ON")
        db.execute("BEGIN")
        yield db


def _filled(db: sqlite3.Connection, facts: StoreFacts, now: int) -> StoreFacts:
    """Add what the tables say."""
    held = db.execute("SELECT seq, runs, record FROM jobs WHERE place = 'processing'").fetchall()
    ended = "SELECT place, sum(jobs) FROM counts WHERE place IN ('completed', 'cancelled', 'dead') GROUP BY place"
    steps = (
        f"{_RECENTLY} SELECT max(before.at - recent.at) FROM recent JOIN recent AS before ON before.id = recent.id - 1"
    )
    return facts._replace(
        newest=db.execute(_NEWEST).fetchone()[0],
        step_back=max(0, db.execute(steps).fetchone()[0] or 0),
        workers=tuple(registered(db)),
        runs=frozenset(f"{seq}-{run}" for seq, run, _ in held),
        records=frozenset(record for _, _, record in held if record),
        leftovers=db.execute("SELECT count(*) FROM leftovers").fetchone()[0],
        ended=dict(db.execute(ended)),
        ready=dict(db.execute(_READY, (now,))),
        paused=tuple(db.execute("SELECT queue, since, by FROM paused ORDER BY queue")),
        settings=dict(db.execute("SELECT key, value FROM settings ORDER BY key")),
    )


def _miscounts(db: sqlite3.Connection) -> Iterator[str]:
    """Count everything anew; yield what does not agree."""
    for kept, counted in _COUNTERS.values():
        there, real = dict(db.execute(kept)), dict(db.execute(counted))
        for what in sorted(there.keys() | real.keys()):
            if there.get(what, 0) != real.get(what, 0):
                yield f"{real.get(what, 0):,} {what} are counted as {there.get(what, 0):,}"
    for what, query in _INVARIANTS.items():
        (wrong,) = db.execute(query).fetchone()
        if wrong:
            yield what.format(f"{wrong:,}")
