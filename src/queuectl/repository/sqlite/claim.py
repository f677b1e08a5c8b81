"""The worker's turn: settle what has ended, claim what is ready, in one transaction.

The claim is one `UPDATE … RETURNING` under the write lock that `BEGIN IMMEDIATE` took: no
moment lies between finding a job and holding it. Every settlement has the claim's token in
its WHERE; if another worker holds the job by now, it changes no row, and nothing at all.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from queuectl.repository import base
from queuectl.repository.sql.columns import LEASE
from queuectl.repository.sql.pause import open_queues
from queuectl.repository.sql.retries import next_retry
from queuectl.repository.sql.rows import lease_of
from queuectl.repository.sql.settle import settle
from queuectl.repository.sqlite.connection import Connection

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

#: Jobs made ready in one turn at the most, so that a million due at once do not hold the lock.
_PROMOTE_AT_MOST = 1000

_PROMOTE = """
    UPDATE jobs SET delayed = 0 WHERE seq IN (
        SELECT seq FROM jobs INDEXED BY jobs_due
        WHERE state = 'pending' AND delayed = 1 AND next_run_at <= ? ORDER BY next_run_at LIMIT ?
    )
"""

_CLAIM = f"""
    UPDATE jobs SET state = 'processing', attempts = attempts + 1, runs = runs + 1, updated_at = :now,
        started_at = :now, finished_at = NULL, duration_seconds = NULL, exit_code = NULL, reason = 'claimed',
        worker_id = :worker, worker = (SELECT name FROM workers WHERE id = :worker),
        record = (SELECT presence FROM workers WHERE id = :worker),
        lease_token = lower(hex(randomblob(16))), lease_expires_at = :expires, cancel_grace = NULL,
        retry_until = CASE WHEN policy IS NOT NULL
            THEN coalesce(retry_until, :now + CAST(json_extract(policy, '$.retry_for') * 1000 AS INTEGER)) END
    WHERE seq IN ({{source}})
    RETURNING {LEASE}
"""

_FROM_ALL = """
    SELECT seq FROM jobs INDEXED BY jobs_ready
    WHERE state = 'pending' AND delayed = 0 ORDER BY priority DESC, seq LIMIT :slots
"""

_FROM_QUEUE = """
    SELECT * FROM (
        SELECT seq, priority FROM jobs INDEXED BY jobs_ready_by_queue
        WHERE state = 'pending' AND delayed = 0 AND queue = :queue{number} ORDER BY priority DESC, seq LIMIT :slots
    )
"""

#: So many named queues are asked one by one, which is fastest; SQLite puts no more than 500 SELECTs together.
_QUEUES_BY_NAME = 100

#: While something is paused, or with very many names: of each other queue that has ready jobs, by the counters, as
#: many as there are slots. So however many wait in a paused queue, none of them is looked at.
_FROM_OPEN = """
    SELECT best.seq FROM counts CROSS JOIN jobs AS best ON best.seq IN (
        SELECT seq FROM jobs INDEXED BY jobs_ready_by_queue
        WHERE state = 'pending' AND delayed = 0 AND queue = counts.queue ORDER BY priority DESC, seq LIMIT :slots
    )
    WHERE counts.place = 'ready' AND counts.jobs > 0
        AND NOT EXISTS (SELECT 1 FROM paused WHERE queue IN ('', counts.queue))
        AND (:queues IS NULL OR counts.queue IN (SELECT value FROM json_each(:queues)))
    ORDER BY best.priority DESC, best.seq LIMIT :slots
"""

_HAS_READY = """
    SELECT EXISTS (SELECT 1 FROM counts WHERE place = 'ready' AND jobs > 0 AND {mine}) OR EXISTS (
        SELECT 1 FROM (
            SELECT queue FROM jobs INDEXED BY jobs_due
            WHERE state = 'pending' AND delayed = 1 AND next_run_at <= ? ORDER BY next_run_at LIMIT ?
        ) WHERE {mine}
    ) OR EXISTS (
        SELECT 1 FROM jobs INDEXED BY jobs_due WHERE state = 'pending' AND delayed = 1 AND next_run_at <= ?
        LIMIT 1 OFFSET ?
    )
"""

_REGISTERED = "SELECT EXISTS (SELECT 1 FROM paused) FROM workers WHERE id = ?"


class Claiming(Connection):
    """The part of the repository that hands out work and takes back results."""

    def turn(  # noqa: PLR0913 - a turn has this many facts
        self,
        settlements: Sequence[base.Settlement],
        *,
        worker: int,
        slots: int,
        queues: Sequence[str] = (),
        now: int,
        lease_seconds: float,
    ) -> base.Turn:
        """Settle, then claim; see `JobRepository.turn`."""
        with self._writing() as db:
            refused = [settlement.token for settlement in settlements if not settle(db, settlement)]
            leases: list[base.Lease] = []
            # Read with what is read anyway: as long as nothing is paused, pausing costs nothing.
            registered = db.execute(_REGISTERED, (worker,)).fetchone()
            is_registered = registered is not None
            if slots > 0 and is_registered and not refused:
                db.execute(_PROMOTE, (now, _PROMOTE_AT_MOST))
                values = {"now": now, "worker": worker, "expires": now + int(lease_seconds * 1000), "slots": slots}
                leases = _claim(db, values, queues, is_paused=bool(registered[0]))
        return base.Turn(frozenset(refused), leases, is_registered)

    def outlook(self, queues: Sequence[str] = (), *, now: int) -> base.Outlook:
        """Say what is there to run; see `JobRepository.outlook`."""
        with self._reading() as db:
            (due,) = db.execute(
                "SELECT min(next_run_at) FROM jobs INDEXED BY jobs_due"
                " WHERE state = 'pending' AND delayed = 1 AND next_run_at > ?",
                (now,),
            ).fetchone()
            some = open_queues(db, queues)
            if some is not None and not some:
                return base.Outlook(ready=False, next_due=due, next_retry=None)
            mine = queues if some is None else some
            return base.Outlook(_has_ready(db, mine, now), due, next_retry(db, mine))


def _has_ready(db: sqlite3.Connection, queues: Sequence[str], now: int) -> bool:
    """Tell whether a turn is worth taking: there is a ready job, or there are more due ones than it can promote.

    So of what is due elsewhere no more is looked at than a turn makes ready.
    """
    # As one value: SQLite binds only so many, and while something is paused there may be as many as there are queues.
    mine = "queue IN (SELECT value FROM json_each(?))" if queues else "1"
    some = (json.dumps(list(queues)),) if queues else ()
    values = (*some, now, _PROMOTE_AT_MOST, *some, now, _PROMOTE_AT_MOST - 1)
    return bool(db.execute(_HAS_READY.format(mine=mine), values).fetchone()[0])


def _claim(
    db: sqlite3.Connection, values: dict[str, Any], queues: Sequence[str], *, is_paused: bool
) -> list[base.Lease]:
    if is_paused or len(queues) > _QUEUES_BY_NAME:
        source = _FROM_OPEN
        values["queues"] = json.dumps(queues) if queues else None
    else:
        source = claim_source(len(queues))
        values |= {f"queue{number}": queue for number, queue in enumerate(queues)}
    rows = db.execute(_CLAIM.format(source=source), values).fetchall()
    leases = [lease_of(row) for row in rows]
    leases.sort(key=lambda lease: (-lease.job.priority, lease.job.seq))
    return leases


def claim_source(queues: int) -> str:
    """Return the SELECT of the next jobs to claim, from so many named queues (0: all)."""
    if not queues:
        return _FROM_ALL
    parts = " UNION ALL ".join(_FROM_QUEUE.format(number=number) for number in range(queues))
    return f"SELECT seq FROM ({parts}) ORDER BY priority DESC, seq LIMIT :slots"
