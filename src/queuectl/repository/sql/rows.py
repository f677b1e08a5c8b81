"""How a job looks as a row, and a row as a job."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from queuectl.model import NO_ENV, NO_POLICY, Job, JobState, Policy
from queuectl.repository.base import Lease

if TYPE_CHECKING:
    from collections.abc import Iterable

_STATES = {str(state): state for state in JobState}
_STATE, _ENV, _TAGS, _POLICY = map(Job._fields.index, ("state", "env", "tags", "policy"))


def job_of(row: tuple[Any, ...]) -> Job:
    """Make a job from a row of `COLUMNS`."""
    fields = list(row[: len(Job._fields)])
    fields[_STATE] = _STATES[fields[_STATE]]
    env, tags = fields[_ENV], fields[_TAGS]
    fields[_ENV] = json.loads(env) if env else NO_ENV
    fields[_TAGS] = tuple(json.loads(tags)) if tags else ()
    fields[_POLICY] = policy_of(fields[_POLICY])
    return Job._make(fields)


def lease_of(row: tuple[Any, ...]) -> Lease:
    """Make a lease from a row of `LEASE`."""
    return Lease(job_of(row), *row[-4:])


def policy_of(text: str | None) -> Policy:
    """Make a policy from its column."""
    if not text:
        return NO_POLICY
    asked: dict[str, Any] = json.loads(text)
    lists = {name: tuple(value) for name, value in asked.items() if isinstance(value, list)}
    return NO_POLICY._replace(**asked | lists)


def policy_text(policy: Policy) -> str | None:
    """Return the column of a policy: what it asks for, null if that is nothing."""
    if policy == NO_POLICY:
        return None
    asked = {name: value for name, value in policy._asdict().items() if value not in {(), None}}
    return json.dumps(asked, separators=(",", ":"))


def marks(values: Iterable[object]) -> str:
    """Return as many parameter marks as there are values."""
    return ", ".join("?" for _ in values)


def token() -> str:
    """Make what proves a claim: nobody can guess it, and it is never made twice."""
    return os.urandom(16).hex()
