"""What a person does to jobs that are there."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.model import JobState
from queuectl.repository.sqlite.connection import Connection
from queuectl.repository.sqlite.listing import find

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository.base import Filter

_RETRY = """
    UPDATE jobs SET state = 'pending', delayed = 0, attempts = 0, next_run_at = :now, updated_at = :now,
        started_at = NULL, finished_at = NULL, duration_seconds = NULL, exit_code = NULL, error = NULL,
        reason = 'retried from the Dead Letter Queue', returned = 0
    WHERE place = 'dead'
"""


class Acting(Connection):
    """The part of the repository that carries out a person's orders."""

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
        db.execute(f"{_RETRY} AND seq = :seq", {"now": now, "seq": row[0]})
        done.append(row[1])
    return done


def _retry_all(db: sqlite3.Connection, which: Filter, now: int) -> Sequence[str]:
    values: dict[str, int | str] = {"now": now}
    where = ""
    for number, queue in enumerate(which.queues):
        values[f"queue{number}"] = queue
    if which.queues:
        where += f" AND queue IN ({', '.join(f':queue{number}' for number in range(len(which.queues)))})"
    for number, tag in enumerate(which.tags):
        values[f"tag{number}"] = tag
        where += f" AND seq IN (SELECT seq FROM tags WHERE tag = :tag{number})"
    rows = db.execute(f"{_RETRY} {where} RETURNING seq, id", values).fetchall()
    return [job_id for _, job_id in sorted(rows)]
