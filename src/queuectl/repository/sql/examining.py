"""What the tables of a store say of it, and whether what is kept twice agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.repository.sql.workers import registered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl.repository.examination import StoreFacts
    from queuectl.repository.sql.database import Database

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
_NEWEST = (
    f"{_RECENTLY} SELECT max(at) FROM recent",
    f"SELECT max(created_at) FROM (SELECT created_at FROM jobs ORDER BY seq DESC LIMIT {_RECENT}) AS recent",
)
_READY = """
    SELECT queue, sum(jobs) FROM (
        SELECT queue, jobs FROM counts WHERE place = 'ready' AND jobs > 0
        UNION ALL
        SELECT queue, count(*) FROM jobs INDEXED BY jobs_due
        WHERE state = 'pending' AND delayed = 1 AND next_run_at <= ? GROUP BY queue
    ) AS places GROUP BY queue ORDER BY queue
"""


def filled(db: Database, facts: StoreFacts, now: int) -> StoreFacts:
    """Add what the tables say."""
    held = db.execute("SELECT seq, runs, record FROM jobs WHERE place = 'processing'").fetchall()
    ended = "SELECT place, sum(jobs) FROM counts WHERE place IN ('completed', 'cancelled', 'dead') GROUP BY place"
    steps = (
        f"{_RECENTLY} SELECT max(before.at - recent.at) FROM recent JOIN recent AS before ON before.id = recent.id - 1"
    )
    return facts._replace(
        newest=max(db.execute(query).fetchone()[0] or 0 for query in _NEWEST),
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


def miscounts(db: Database) -> Iterator[str]:
    """Count everything anew; yield what does not agree."""
    for kept, counted in _COUNTERS.values():
        there, real = dict(db.execute(kept)), dict(db.execute(counted))
        for what in sorted(there.keys() | real.keys()):
            if there.get(what, 0) != real.get(what, 0):
                yield f"{real.get(what, 0):,} {what} are counted as {there.get(what, 0):,}"


def invariants(db: Database) -> Iterator[str]:
    """See that what must be so in every store is so; yield what is not."""
    for what, query in _INVARIANTS.items():
        (wrong,) = db.execute(query).fetchone()
        if wrong:
            yield what.format(f"{wrong:,}")
