"""What a person does to jobs that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl import errors
from queuectl.changes import NO_CHANGES
from queuectl.duration import MAX_INSTANT
from queuectl.model import FINAL, JobState
from queuectl.repository.acting import not_retriable
from queuectl.repository.base import Cancelled
from queuectl.repository.sql.actions import listed, note
from queuectl.repository.sql.changing import change
from queuectl.repository.sql.columns import COLUMNS
from queuectl.repository.sql.listing import EVERYTHING, condition, find
from queuectl.repository.sql.rows import marks
from queuectl.repository.sql.store import Store

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from queuectl.changes import Changes
    from queuectl.repository.base import Filter
    from queuectl.repository.sql.database import Database

_RETRY = """
    UPDATE jobs SET state = 'pending', delayed = ?, attempts = 0, next_run_at = ?, updated_at = ?,
        started_at = NULL, finished_at = NULL, duration_seconds = NULL, exit_code = NULL, error = NULL,
        reason = ?, returned = 0, retry_until = NULL, signature = NULL
    WHERE seq = ?
"""

_CANCEL = """
    UPDATE jobs SET state = 'cancelled', delayed = 0, next_run_at = NULL, updated_at = ?, finished_at = ?,
        reason = ?, signature = NULL
    WHERE seq = ?
"""

_ASK_TO_STOP = "UPDATE jobs SET cancel_grace = ?, reason = ? WHERE seq = ?"

#: States that `cancel` cannot leave.
_ENDED = {JobState.COMPLETED, JobState.CANCELLED}


class Acting(Store):
    """The part of the repository that carries out a person's orders."""

    def cancel(self, which: Filter, *, now: int, grace: float, by: str = "") -> Cancelled:
        """Stop jobs; see `JobRepository.cancel`."""
        with self._writing() as db:
            rows = _named(db, which.ids) if which.ids else _cancellable(db, which)
            running = [row for row in rows if row[3] == JobState.PROCESSING]
            others = [row for row in rows if row[3] != JobState.PROCESSING]
            reason = _reason("cancelled", by)
            db.executemany(_CANCEL, [(now, now, reason, row[0]) for row in others])
            # What ends the run takes the reason over.
            db.executemany(_ASK_TO_STOP, [(grace, reason, row[0]) for row in running])
            note(db, "cancel", described(which, [row[1] for row in rows]), jobs=len(rows), now=now, by=by)
        return Cancelled(tuple(row[1] for row in others), tuple(row[1] for row in running))

    def retry(
        self, which: Filter, *, now: int, by: str = "", spacing: int = 0, changes: Changes = NO_CHANGES
    ) -> Sequence[str]:
        """Make ended jobs pending again; see `JobRepository.retry`."""
        states = tuple(state for state in which.states or (JobState.DEAD,) if state in FINAL)
        first = max(now, changes.fields.get("run_at") or now)
        lasting = changes._replace(fields={name: value for name, value in changes.fields.items() if name != "run_at"})
        with self._writing() as db:
            rows = _retriable(db, which.ids, states) if which.ids else _chosen(db, which._replace(states=states))
            try:
                for number, (seq, _, state) in enumerate(rows):
                    whence = "retried from the Dead Letter Queue" if state == JobState.DEAD else "retried"
                    due = min(first + number * spacing, MAX_INSTANT)
                    reason = _reason(whence, by, changes)
                    change(db, seq, lasting, now=now)  # first: a unique key that goes is in nobody's way
                    db.execute(_RETRY, (int(due > now), due, now, reason, seq))
            except self.Twice as error:
                raise errors.UniqueKeyTaken(
                    "a pending or processing job has the unique key of a job to retry",
                    hint="nothing was changed; wait until that job has ended",
                ) from error
            ids = [job_id for _, job_id, _ in rows]
            edits = "".join(f" --edit {name}" for name in changes.names)
            note(db, "retry", described(which, ids) + edits, jobs=len(rows), now=now, by=by)
        return ids


def _named(db: Database, ids: Sequence[str]) -> Sequence[tuple[Any, ...]]:
    rows = {row[0]: row for row in (find(db, reference) for reference in ids)}
    for row in rows.values():
        if row[3] in _ENDED:
            raise errors.WrongState(
                f"job {row[1]!r} is {row[3]}; there is nothing to cancel", hint="queuectl list shows the others"
            )
    return list(rows.values())


def _cancellable(db: Database, which: Filter) -> Sequence[tuple[Any, ...]]:
    places, where, values = condition(which)
    here = f"place IN ({marks(places)})" if places else EVERYTHING
    query = f"SELECT {COLUMNS} FROM jobs WHERE {where} AND {here} AND state IN ('pending', 'processing') ORDER BY seq"
    return db.execute(query, (*values, *places)).fetchall()


def _retriable(db: Database, ids: Sequence[str], states: Collection[JobState]) -> list[tuple[int, str, str]]:
    """Return seq, id and state of the jobs with these ids, if each is in one of these states."""
    rows = {row[0]: (row[0], row[1], row[3]) for row in (find(db, reference) for reference in ids)}
    for _, job_id, state in rows.values():
        if state not in states:
            raise not_retriable(job_id, JobState(state), states)
    return list(rows.values())


def _chosen(db: Database, which: Filter) -> list[tuple[int, str, str]]:
    """Return seq, id and state of the jobs that a filter lets through, in the order of enqueueing."""
    if not which.states:
        return []
    places, where, values = condition(which)
    here = f"place IN ({marks(places)})" if places else EVERYTHING
    query = (
        f"SELECT seq, id, state FROM jobs WHERE {where} AND {here} AND state IN ({marks(which.states)}) ORDER BY seq"
    )
    return db.execute(query, (*values, *places, *which.states)).fetchall()


def _reason(what: str, by: str, changes: Changes = NO_CHANGES) -> str:
    edited = f", {', '.join(changes.names)} changed" if changes.names else ""
    return f"{what} by {by}{edited}" if by else what + edited


def described(which: Filter, ids: Sequence[str]) -> str:
    """Return what chose the jobs, for people: their ids if they were named, else the filter as its options."""
    return listed(ids) if which.ids else which.as_options() or "all"
