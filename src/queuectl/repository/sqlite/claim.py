"""The worker's turn: settle what has ended, claim what is ready, in one transaction.

The claim is one `UPDATE … RETURNING` under the write lock that `BEGIN IMMEDIATE` took: no
moment lies between finding a job and holding it. Every settlement has the claim's token in
its WHERE; if another worker holds the job by now, it changes no row, and nothing at all.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from queuectl.model import Cancel, Complete, Outcome, Retry, Return
from queuectl.repository import base
from queuectl.repository.sql.columns import COLUMNS, LEASE
from queuectl.repository.sql.pause import open_queues
from queuectl.repository.sql.rows import job_of, lease_of
from queuectl.repository.sqlite.connection import Connection

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from queuectl.model import Execution, Job

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

_NEXT_RETRY = """
    SELECT min(next_run_at) FROM jobs INDEXED BY {index}
    WHERE state = 'pending' AND delayed = 1 AND attempts > 0 {mine}
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
_UNWANTED = "SELECT 1 FROM jobs WHERE seq = ? AND state = 'processing' AND cancel_grace IS NOT NULL"
_HELD = "WHERE seq = ? AND state = 'processing' AND lease_token = ?"
_LET_GO = "worker_id = NULL, lease_token = NULL, lease_expires_at = NULL, record = NULL, cancel_grace = NULL"
#: Values of an end, in the order of `_ending`; by place, for they are bound faster so than by name.
_ENDED = """
    updated_at = ?, started_at = coalesce(?, started_at), finished_at = ?, duration_seconds = ?, exit_code = ?,
    error = ?, reason = ?, returned = 0
"""

#: What is null after a success is written so: Python binds a None four times as slowly as a number.
_WELL = _ENDED.replace("error = ?, reason = ?", "error = NULL, reason = NULL")
_COMPLETE = f"UPDATE jobs SET state = 'completed', next_run_at = NULL, {_WELL}, {_LET_GO} {_HELD}"
#: Whoever asked for it has left the reason in the job.
_BY_REQUEST = _ENDED.replace("reason = ?", "reason = CASE WHEN cancel_grace IS NULL THEN ? ELSE reason END")
_CANCEL = f"""
    UPDATE jobs SET state = 'cancelled', next_run_at = NULL, {_BY_REQUEST}, attempts = max(0, attempts - ?), {_LET_GO}
    {_HELD}
"""
_FAIL = f"UPDATE jobs SET state = 'failed', {_ENDED}, {_LET_GO} {_HELD}"
_RETRY = """
    UPDATE jobs SET state = 'pending', delayed = 1, next_run_at = ?, finished_at = NULL, reason = ?
    WHERE seq = ? AND state = 'failed'
"""
_BURY = (
    "UPDATE jobs SET state = 'dead', next_run_at = NULL, reason = ?, signature = ? WHERE seq = ? AND state = 'failed'"
)
_RETURN = f"""
    UPDATE jobs SET state = 'pending', delayed = 0, attempts = max(0, attempts - 1), next_run_at = ?,
        updated_at = ?, started_at = NULL, reason = ?, returned = returned + ?,
        retry_until = CASE WHEN attempts > 1 THEN retry_until END, {_LET_GO} {_HELD}
"""


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
            refused = [settlement.token for settlement in settlements if not _settle(db, settlement)]
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
            return base.Outlook(_has_ready(db, mine, now), due, _next_retry(db, mine))

    def upcoming_retries(self, *, limit: int) -> Sequence[Job]:
        """Return the jobs whose retry comes next, soonest first."""
        query = (
            f"SELECT {COLUMNS} FROM jobs INDEXED BY jobs_retrying"
            " WHERE state = 'pending' AND delayed = 1 AND attempts > 0 ORDER BY next_run_at LIMIT ?"
        )
        with self._reading() as db:
            return [job_of(row) for row in db.execute(query, (limit,))]


def _has_ready(db: sqlite3.Connection, queues: Sequence[str], now: int) -> bool:
    """Tell whether a turn is worth taking: there is a ready job, or there are more due ones than it can promote.

    So of what is due elsewhere no more is looked at than a turn makes ready.
    """
    # As one value: SQLite binds only so many, and while something is paused there may be as many as there are queues.
    mine = "queue IN (SELECT value FROM json_each(?))" if queues else "1"
    some = (json.dumps(list(queues)),) if queues else ()
    values = (*some, now, _PROMOTE_AT_MOST, *some, now, _PROMOTE_AT_MOST - 1)
    return bool(db.execute(_HAS_READY.format(mine=mine), values).fetchone()[0])


def _next_retry(db: sqlite3.Connection, queues: Sequence[str]) -> int | None:
    """Tell when the next retry comes; each queue has its own order, so none walks past those of another."""
    if not queues:
        (retry,) = db.execute(_NEXT_RETRY.format(index="jobs_retrying", mine="")).fetchone()
        return None if retry is None else int(retry)
    query = _NEXT_RETRY.format(index="jobs_retrying_by_queue", mine="AND queue = ?")
    found = [at for queue in queues for (at,) in db.execute(query, (queue,)) if at is not None]
    return min(found, default=None)


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


def _settle(db: sqlite3.Connection, settlement: base.Settlement) -> bool:
    """Write one outcome under its token; say whether the lease still held."""
    seq, token, execution, verdict, _ = settlement
    held = (seq, token)
    if isinstance(verdict, Complete):
        return db.execute(_COMPLETE, (*_ending(execution)[:-1], *held)).rowcount > 0
    error, is_returned = execution.error, isinstance(verdict, Return)
    if isinstance(verdict, (Retry, Return)) and db.execute(_UNWANTED, (seq,)).fetchone():
        if is_returned:  # it never ran
            error = "cancelled"
        verdict = Cancel("cancelled")  # asked for while the run was ending
    match verdict:
        case Cancel():
            values = (*_ending(execution._replace(error=error)), verdict.reason, is_returned, *held)
            return db.execute(_CANCEL, values).rowcount > 0
        case Return():
            never_started = execution.outcome is Outcome.NEVER_STARTED
            now = execution.finished_at
            return db.execute(_RETURN, (now, now, error, never_started, *held)).rowcount > 0
    if not db.execute(_FAIL, (*_ending(execution), error, *held)).rowcount:
        return False
    if isinstance(verdict, Retry):
        db.execute(_RETRY, (verdict.next_run_at, verdict.reason, seq))
    else:
        db.execute(_BURY, (verdict.reason, verdict.signature or verdict.reason, seq))
    return True


def _ending(execution: Execution) -> tuple[Any, ...]:
    _, exit_code, error, started_at, finished_at, duration_seconds = execution
    return finished_at, started_at, finished_at, duration_seconds, exit_code, error
