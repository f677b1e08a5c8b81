"""Changing what was asked for of jobs that wait."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from queuectl import errors
from queuectl.model import FINAL, JobState, Policy
from queuectl.repository.sqlite.actions import listed, note
from queuectl.repository.sqlite.connection import Connection
from queuectl.repository.sqlite.enqueue import tag
from queuectl.repository.sqlite.listing import find
from queuectl.repository.sqlite.rows import job_of, policy_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl.model import Job

#: Fields whose values are stored as they are, in columns of the same names.
_PLAIN = ("command", "queue", "priority", "max_retries", "backoff_base", "cwd", "timeout", "unique_key")


class Editing(Connection):
    """The part of the repository that changes jobs before they start."""

    def edit(self, ids: Sequence[str], changes: Mapping[str, Any], *, now: int, by: str) -> Sequence[str]:
        """Change pending jobs, all or none; see `JobRepository.edit`."""
        with self._writing() as db:
            jobs = {job.seq: job for job in (job_of(find(db, reference)) for reference in ids)}
            try:
                for job in jobs.values():
                    _change(db, job, changes, now)
            except sqlite3.IntegrityError as error:
                raise errors.UniqueKeyTaken(
                    f"a pending or processing job has the unique key {changes.get('unique_key')!r}",
                    hint="nothing was changed; choose another key, or wait until that job has ended",
                ) from error
            done = [job.id for job in jobs.values()]
            fields = ", ".join(dict.fromkeys(name.rstrip("+") for name in changes))
            note(db, "edit", f"{listed(done)}: {fields}", jobs=len(done), now=now, by=by)
        return done


def _change(db: sqlite3.Connection, job: Job, changes: Mapping[str, Any], now: int) -> None:
    _check(job, changes.get("max_retries", job.max_retries))
    columns = {"updated_at": now, **_columns(job, changes, now)}
    places = ", ".join(f"{column} = ?" for column in columns)
    query = f"UPDATE jobs SET {places} WHERE seq = ? AND state = 'pending'"
    db.execute(query, (*columns.values(), job.seq))
    if "tags" in changes:
        db.execute("DELETE FROM tags WHERE seq = ?", (job.seq,))
        tag(db, job.id, changes["tags"])


def _check(job: Job, max_retries: int) -> None:
    """See that a job may be changed so."""
    if job.state is not JobState.PENDING:
        way = "retry" if job.state in FINAL else "cancel"
        raise errors.WrongState(
            f"job {job.id!r} is {job.state}; only pending jobs can be edited",
            hint=f"nothing was changed; queuectl {way} {job.id} {'makes it pending' if way == 'retry' else 'stops it'}",
        )
    if job.attempts >= max(1, max_retries):
        raise errors.WrongState(
            f"job {job.id!r} has had {job.attempts} of its attempts; max_retries {max_retries} would leave it none",
            hint=f"nothing was changed; allow more than that, or queuectl cancel {job.id}",
        )


def _columns(job: Job, changes: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Return the columns to write, by name: the names are constants of the program."""
    columns = {name: changes[name] for name in _PLAIN if name in changes}
    if changes.keys() & {"env", "env+"}:
        env = {**changes.get("env", job.env), **changes.get("env+", {})}
        columns["env"] = json.dumps(env, ensure_ascii=False) if env else None
    if "tags" in changes:
        columns["tags"] = json.dumps(changes["tags"], ensure_ascii=False) if changes["tags"] else None
    if "run_at" in changes:
        due = now if changes["run_at"] is None else changes["run_at"]
        columns |= {"next_run_at": due, "delayed": int(due > now)}
    asked = {name: changes[name] for name in Policy._fields if name in changes}
    if asked:
        columns["policy"] = policy_text(job.policy._replace(**asked))
        columns["retry_until"] = _retry_until(job, asked.get("retry_for", job.policy.retry_for))
    return columns


def _retry_until(job: Job, retry_for: float | None) -> int | None:
    """Move the last moment for a retry; it counts from the first attempt. None: the next claim sets it."""
    if job.retry_until is None or retry_for is None or job.policy.retry_for is None:
        return None
    return job.retry_until + round((retry_for - job.policy.retry_for) * 1000)
