"""How a job looks as a row, and a row as a job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from queuectl.model import NO_ENV, Job, JobState

if TYPE_CHECKING:
    from collections.abc import Iterable

#: In the order of `Job`'s fields.
COLUMNS = (
    "seq, id, command, state, queue, priority, attempts, max_retries, backoff_base, created_at, updated_at,"
    " next_run_at, started_at, finished_at, duration_seconds, exit_code, error, worker, cwd, env, tags, timeout,"
    " unique_key, runs"
)

_STATES = {str(state): state for state in JobState}
_STATE, _ENV, _TAGS = map(Job._fields.index, ("state", "env", "tags"))


def job_of(row: tuple[Any, ...]) -> Job:
    """Make a job from a row of `COLUMNS`."""
    fields = list(row[: len(Job._fields)])
    fields[_STATE] = _STATES[fields[_STATE]]
    env, tags = fields[_ENV], fields[_TAGS]
    fields[_ENV] = json.loads(env) if env else NO_ENV
    fields[_TAGS] = tuple(json.loads(tags)) if tags else ()
    return Job._make(fields)


def marks(values: Iterable[object]) -> str:
    """Return as many parameter marks as there are values."""
    return ", ".join("?" for _ in values)
