"""How a job looks as a row, and a row as a job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from queuectl.model import Job, JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: In the order of `Job`'s fields.
COLUMNS = (
    "seq, id, command, state, queue, priority, attempts, max_retries, backoff_base, created_at, updated_at,"
    " next_run_at, started_at, finished_at, duration_seconds, exit_code, error, worker, cwd, env, tags, timeout,"
    " unique_key"
)

_STATES = {str(state): state for state in JobState}
_NOTHING: Mapping[str, str] = {}


def job_of(row: tuple[Any, ...]) -> Job:
    """Make a job from a row of `COLUMNS`."""
    (*head, cwd, env, tags, timeout, unique_key) = row[:23]
    head[3] = _STATES[head[3]]
    return Job(
        *head,
        cwd,
        json.loads(env) if env else _NOTHING,
        tuple(json.loads(tags)) if tags else (),
        timeout,
        unique_key,
    )


def marks(values: Iterable[object]) -> str:
    """Return as many parameter marks as there are values."""
    return ", ".join("?" for _ in values)
