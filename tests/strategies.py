"""Hypothesis strategies that several tests share."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from queuectl.duration import MAX_INSTANT
from queuectl.errors import InvalidInput
from queuectl.model import NO_POLICY, Execution, JobSpec, Outcome, Policy
from queuectl.policy import amended

#: Instants from 1970 to 9999, in milliseconds since the epoch.
instants = st.integers(0, MAX_INSTANT)

#: Instants of this century's working life: a hundred years may pass after them.
nows = st.integers(1_500_000_000_000, 4_000_000_000_000)

#: Luck as `random.random()` gives it.
luck = st.floats(0, 1, exclude_max=True)

_printable = st.characters(exclude_categories=["C", "Z"])

#: Ids of any script, as a specification may give them.
job_ids = st.text(st.one_of(_printable, st.just(" ")), min_size=1, max_size=255).filter(
    lambda text: "/" not in text and not text.isspace() and text.isprintable()
)

#: Commands of any text that a shell can be given.
commands = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
    lambda text: not text.isspace()
)

queues = st.from_regex(r"[a-z0-9][a-z0-9._:@+-]{0,99}", fullmatch=True)

tags = st.text(_printable, min_size=1, max_size=100).filter(lambda text: "," not in text and text.isprintable())

_plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))

environments = st.dictionaries(_plain.filter(lambda name: name and "=" not in name), _plain, max_size=4)


def _some(item: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Give a list, or an item that stands for a list of one."""
    return item | st.lists(item, max_size=3)


#: Valid specifications as decoded JSON objects, without `delay`.
spec_objects: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"command": commands},
    optional={
        "id": job_ids,
        "max_retries": st.integers(0, 1_000_000),
        "backoff_base": st.one_of(st.integers(0, 1_000_000), st.floats(0, 1_000_000)),
        "priority": st.integers(-(2**31), 2**31 - 1),
        "timeout": st.one_of(st.integers(1, 10**9), st.floats(0.001, 1e9), st.sampled_from(["90", "2h30m", "500ms"])),
        "queue": queues,
        "cwd": _plain.filter(bool),
        "env": environments,
        "tags": st.lists(tags, max_size=4),
        "unique_key": job_ids,
        "success_codes": st.integers(0, 9) | st.lists(st.integers(0, 9), max_size=3),
        "retry_on": _some(st.integers(10, 99) | st.sampled_from(["SIGKILL", " sigterm", "lost"])),
        "give_up_on": _some(st.integers(100, 255) | st.sampled_from(["Timeout", "hup"])),
        "backoff_max": st.floats(0, 1e9) | st.sampled_from(["1h", "90"]),
        "backoff_jitter": st.floats(0, 1),
        "retry_for": st.floats(0.001, 1e9) | st.sampled_from(["6h", "90"]),
    },
)

_codes = st.integers(0, 255)
_endings = _codes | st.sampled_from(["SIGKILL", "SIGTERM", "timeout", "lost"])

_asked = st.fixed_dictionaries(
    {},
    optional={
        "success_codes": st.lists(_codes, max_size=3, unique=True).map(tuple),
        "retry_on": st.lists(_endings.map(str), max_size=3, unique=True).map(tuple),
        "give_up_on": st.lists(_endings.map(str), max_size=3, unique=True).map(tuple),
        "backoff_max": st.none() | st.floats(0, 1e6),
        "backoff_jitter": st.none() | st.floats(0, 1),
        "retry_for": st.none() | st.floats(0.001, 1e6),
    },
)


def _is_sound(asked: dict[str, Any]) -> bool:
    try:
        amended(NO_POLICY, asked)
    except InvalidInput:
        return False
    return True


#: Policies that a specification may ask for, in their canonical form.
policies_of_jobs: st.SearchStrategy[Policy] = _asked.filter(_is_sound).map(lambda asked: amended(NO_POLICY, asked))

#: Valid specifications as `JobSpec`, with unique ids left to the caller.
job_specs = st.builds(
    JobSpec,
    command=commands,
    id=st.none() | job_ids,
    max_retries=st.none() | st.integers(0, 10),
    backoff_base=st.none() | st.floats(0, 10),
    priority=st.integers(-3, 3),
    run_at=st.none() | nows,
    timeout=st.none() | st.floats(0.001, 1e6),
    queue=queues,
    env=environments,
    cwd=st.none() | _plain.filter(bool),
    tags=st.lists(tags, max_size=3, unique=True).map(tuple),
    unique_key=st.none() | job_ids,
    policy=policies_of_jobs,
)

#: Runs that ended in any way, whether their facts fit together or not.
executions = st.builds(
    Execution,
    outcome=st.sampled_from(Outcome),
    exit_code=st.none() | st.integers(0, 255),
    error=st.none() | st.text(max_size=20),
    started_at=st.none() | instants,
    finished_at=instants,
    duration_seconds=st.none() | st.floats(0, 1e9),
)

_scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())

#: Whatever JSON can say, NaN and infinity included.
json_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)
