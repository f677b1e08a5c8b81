"""Changing what was asked for of jobs that wait."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.model import FINAL, JobState
from queuectl.repository.sqlite.actions import listed, note
from queuectl.repository.sqlite.changing import change
from queuectl.repository.sqlite.connection import Connection
from queuectl.repository.sqlite.listing import find
from queuectl.repository.sqlite.rows import job_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.changes import Changes
    from queuectl.model import Job


class Editing(Connection):
    """The part of the repository that changes jobs before they start."""

    def edit(self, ids: Sequence[str], changes: Changes, *, now: int, by: str) -> Sequence[str]:
        """Change pending jobs, all or none; see `JobRepository.edit`."""
        with self._writing() as db:
            jobs = {job.seq: job for job in (job_of(find(db, reference)) for reference in ids)}
            try:
                for job in jobs.values():
                    _check(job, changes.fields.get("max_retries", job.max_retries))
                    change(db, job.seq, changes, now=now)
            except sqlite3.IntegrityError as error:
                raise errors.UniqueKeyTaken(
                    f"a pending or processing job has the unique key {changes.fields.get('unique_key')!r}",
                    hint="nothing was changed; choose another key, or wait until that job has ended",
                ) from error
            done = [job.id for job in jobs.values()]
            note(db, "edit", f"{listed(done)}: {', '.join(changes.names)}", jobs=len(done), now=now, by=by)
        return done


def _check(job: Job, max_retries: int) -> None:
    """See that a job may be changed so."""
    if job.state is not JobState.PENDING:
        way, what = ("retry", "makes it pending") if job.state in FINAL else ("cancel", "stops it")
        raise errors.WrongState(
            f"job {job.id!r} is {job.state}; only pending jobs can be edited",
            hint=f"nothing was changed; queuectl {way} {errors.typed(job.id)} {what}",
        )
    if job.attempts >= max(1, max_retries):
        raise errors.WrongState(
            f"job {job.id!r} has had {job.attempts} of its attempts; max_retries {max_retries} would leave it none",
            hint=f"nothing was changed; allow more than that, or queuectl cancel {errors.typed(job.id)}",
        )
