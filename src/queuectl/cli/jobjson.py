"""A job, a worker and a setting as the JSON objects that scripts read; fields are only ever added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl.duration import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from queuectl.model import Job
    from queuectl.repository.base import Worker


def job_object(job: Job) -> dict[str, Any]:
    """Return what is shown of a job: of `env` the names only, values may be secrets."""
    return {
        "id": job.id,
        "command": job.command,
        "state": job.state.value,
        "queue": job.queue,
        "priority": job.priority,
        "attempts": job.attempts,
        "max_retries": job.max_retries,
        "created_at": format_time(job.created_at),
        "updated_at": format_time(job.updated_at),
        "next_run_at": time_or_none(job.next_run_at),
        "started_at": time_or_none(job.started_at),
        "finished_at": time_or_none(job.finished_at),
        "duration_seconds": None if job.duration_seconds is None else round(job.duration_seconds, 6),
        "exit_code": job.exit_code,
        "error": job.error,
        "worker": job.worker,
        "cwd": job.cwd,
        "env": list(job.env),
        "tags": list(job.tags),
        "timeout": job.timeout,
        "unique_key": job.unique_key,
        "depends_on": [],
        "success_codes": list(job.policy.success_codes),
        "retry_on": _endings(job.policy.retry_on),
        "give_up_on": _endings(job.policy.give_up_on),
        "backoff_max": job.policy.backoff_max,
        "backoff_jitter": job.policy.backoff_jitter,
        "retry_for": job.policy.retry_for,
        "retry_until": time_or_none(job.retry_until),
        "signature": job.signature,
    }


def _endings(words: Iterable[str]) -> list[int | str]:
    """Return endings as a specification has them: exit codes are numbers."""
    return [int(word) if word.isdecimal() else word for word in words]


def worker_object(worker: Worker) -> dict[str, Any]:
    """Return what is shown of a worker."""
    identity = worker.identity
    return {
        "name": identity.name,
        "host": identity.host,
        "pid": identity.pid,
        "slots": identity.slots,
        "queues": list(identity.queues),
        "jobs": list(worker.jobs),
        "started_at": format_time(worker.started_at),
        "heartbeat_at": format_time(worker.heartbeat_at),
        "stopping": worker.stopping or None,
    }


def time_or_none(instant: int | None) -> str | None:
    """Return an instant as RFC 3339, None as it is."""
    return None if instant is None else format_time(instant)
