"""Changing what was asked for of jobs that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.model import FINAL, JobState
from queuectl.repository.sql.actions import listed, note
from queuectl.repository.sql.changing import change
from queuectl.repository.sql.listing import find
from queuectl.repository.sql.rows import job_of
from queuectl.repository.sql.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.changes import Changes
    from queuectl.model import Job


class Editing(Store):
    """The part of the repository that changes jobs before they start."""

    def edit(self, ids: Sequence[str], changes: Changes, *, now: int, by: str) -> Sequence[str]:
        """Change pending jobs, all or none; see `JobRepository.edit`."""
        with self._writing() as db:
            jobs = {job.seq: job for job in (job_of(find(db, reference)) for reference in ids)}
            try:
                for job in jobs.values():
                    _check(job, changes.fields.get("max_retries", job.max_retries))
                    change(db, job.seq, changes, now=now)
            except self.Twice as error:
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
