"""What a person does to jobs that are there."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from queuectl import errors
from queuectl.model import JobState
from queuectl.repository.base import Cancelled
from queuectl.repository.sqlite.connection import Connection
from queuectl.repository.sqlite.listing import condition, find
from queuectl.repository.sqlite.rows import COLUMNS, marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository.base import Filter

_RETRY = """
    UPDATE jobs SET state = 'pending', delayed = 0, attempts = 0, next_run_at = ?, updated_at = ?,
        started_at = NULL, finished_at = NULL, duration_seconds = NULL, exit_code = NULL, error = NULL,
        reason = 'retried from the Dead Letter Queue', returned = 0, retry_until = NULL, signature = NULL
    WHERE place = 'dead'
"""


_CANCEL = """
    UPDATE jobs SET state = 'cancelled', delayed = 0, next_run_at = NULL, updated_at = ?, finished_at = ?,
        reason = 'cancelled', signature = NULL
    WHERE seq = ?
"""

#: States that `cancel` cannot leave.
_ENDED = {JobState.COMPLETED, JobState.CANCELLED}


class Acting(Connection):
    """The part of the repository that carries out a person's orders."""

    def cancel(self, which: Filter, *, now: int, grace: float) -> Cancelled:
        """Stop jobs; see `JobRepository.cancel`."""
        with self._writing() as db:
            rows = _named(db, which.ids) if which.ids else _cancellable(db, which)
            running = [row for row in rows if row[3] == JobState.PROCESSING]
            others = [row for row in rows if row[3] != JobState.PROCESSING]
            db.executemany(_CANCEL, [(now, now, row[0]) for row in others])
            db.executemany("UPDATE jobs SET cancel_grace = ? WHERE seq = ?", [(grace, row[0]) for row in running])
        return Cancelled(tuple(row[1] for row in others), tuple(row[1] for row in running))

    def retry(self, which: Filter, *, now: int) -> Sequence[str]:
        """Make dead jobs pending again; see `JobRepository.retry`."""
        with self._writing() as db:
            try:
                if which.ids:
                    return _retry_each(db, which.ids, now)
                return _retry_all(db, which, now)
            except sqlite3.IntegrityError as error:
                raise errors.UniqueKeyTaken(
                    "a pending or processing job has the unique key of a job to retry",
                    hint="nothing was changed; wait until that job has ended",
                ) from error


def _named(db: sqlite3.Connection, ids: Sequence[str]) -> Sequence[tuple[Any, ...]]:
    rows = {row[0]: row for row in (find(db, reference) for reference in ids)}
    for row in rows.values():
        if row[3] in _ENDED:
            raise errors.WrongState(
                f"job {row[1]!r} is {row[3]}; there is nothing to cancel", hint="queuectl list shows the others"
            )
    return list(rows.values())


def _cancellable(db: sqlite3.Connection, which: Filter) -> Sequence[tuple[Any, ...]]:
    places, where, values = condition(which)
    here = f"place IN ({marks(places)})" if places else "1"
    query = f"SELECT {COLUMNS} FROM jobs WHERE {where} AND {here} AND state IN ('pending', 'processing') ORDER BY seq"
    return db.execute(query, (*values, *places)).fetchall()


def _retry_each(db: sqlite3.Connection, ids: Sequence[str], now: int) -> Sequence[str]:
    done: list[str] = []
    for reference in ids:
        row = find(db, reference)
        if row[1] in done:
            continue
        if row[3] != JobState.DEAD:
            raise errors.WrongState(
                f"job {row[1]!r} is {row[3]}; only dead jobs can be retried",
                hint="queuectl dlq list shows the dead jobs",
            )
        db.execute(f"{_RETRY} AND seq = ?", (now, now, row[0]))
        done.append(row[1])
    return done


def _retry_all(db: sqlite3.Connection, which: Filter, now: int) -> Sequence[str]:
    places, where, values = condition(which)
    where += f" AND place IN ({marks(places)})" if places else ""
    rows = db.execute(f"{_RETRY} AND {where} RETURNING seq, id", (now, now, *values, *places)).fetchall()
    return [job_id for _, job_id in sorted(rows)]
