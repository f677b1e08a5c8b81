"""The form in which a store goes into a file and comes back: JSON Lines, one thing a line.

Pure: no file and no store is touched here. Every line is an object with one key that says what
stands behind it. First `queuectl` (format and schema), then `settings`, `paused`, `action` and
`job` (each with its history), last `end`, which tells a whole file from one that was cut short.
Names and values are those of the store's columns: instants in milliseconds, durations in
seconds; what is null or empty is left out. What only a living worker can mean, its lease and
its run record, is not in it.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from queuectl.config import SETTINGS, parse_setting
from queuectl.errors import InvalidInput, did_you_mean, quoted
from queuectl.fields import kind_of
from queuectl.model import FINAL, TRANSITIONS, JobState
from queuectl.repository.columns import ABSENT, ACTION, DAMAGED, JOB, NEEDED, PAUSED, STEP, STEP_NEEDED, shown, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from queuectl.repository.columns import Check

#: Of the file; goes up when an older reader would misunderstand it.
FORMAT = 1
#: Bytes within which the first line of an export ends.
HEAD = 4096


class Entry(NamedTuple):
    """One line, checked."""

    line: int  #: its number in the file
    kind: str  #: `settings`, `paused`, `action` or `job`
    value: Any  #: a dict of its columns; of a job an `ArchivedJob`


class ArchivedJob(NamedTuple):
    """A job as its row, and its history as rows."""

    row: tuple[Any, ...]  #: values of `JOB`, in that order
    history: list[tuple[Any, ...]]  #: values of `STEP`, in that order


# -- from the store to a line -----------------------------------------------------------------


def header(schema: int) -> dict[str, Any]:
    """Return the first line of an export."""
    return {"queuectl": {"format": FORMAT, "schema": schema}}


def job_entry(row: Iterable[Any], history: Iterable[Iterable[Any]]) -> dict[str, Any]:
    """Return the line of a job, given its columns `JOB` and those of its history, `STEP`."""
    job = {name: value for name, value in zip(JOB, row, strict=True) if value is not None}
    for name in ("env", "tags", "policy"):
        if name in job:
            job[name] = json.loads(job[name])
    if job.pop("delayed"):
        job["delayed"] = True
    job["history"] = [
        {name: value for name, value in zip(STEP, step, strict=True) if value is not None} for step in history
    ]
    return {"job": job}


def end(jobs: int) -> dict[str, Any]:
    """Return the last line of an export."""
    return {"end": {"jobs": jobs}}


# -- from lines to what goes into a store ------------------------------------------------------


def read(lines: Iterable[bytes], *, source: str) -> Iterator[Entry]:
    """Yield what the lines of an export hold, one by one, each checked for itself.

    Args:
        lines: of the file, as bytes.
        source: names it in messages.

    Raises:
        InvalidInput: when its turn comes, the line that is not right, by its number.
    """
    jobs, last, is_over, number = 0, 0, False, 0
    for number, line in enumerate(lines, 1):
        if number > 1 and line.isspace():
            continue
        try:
            if is_over:
                raise InvalidInput("something follows the end", "import one export at a time")  # noqa: TRY301 - it gets its place below
            kind, value = _kind_and_value(line, is_first=number == 1)
            if kind == "end":
                _check_end(value, jobs)
                is_over = True
            elif kind == "job":
                job = _job(value)
                jobs, last = jobs + 1, _in_order(job, last)
                yield Entry(number, kind, job)
            elif kind != "queuectl":
                yield Entry(number, kind, _CHECKS[kind](value))
        except InvalidInput as error:
            raise InvalidInput(f"{source}: line {number}: {error.message}", error.hint) from None
    if not is_over:
        what = "its end is missing: it was cut short" if number else "it is empty, and no export of queuectl"
        raise InvalidInput(f"{source}: line {number + 1}: {what}", "nothing was stored; export once more")


def _kind_and_value(line: bytes, *, is_first: bool) -> tuple[str, Any]:
    try:
        found = _DECODER.decode(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # a UnicodeDecodeError is a ValueError too
        if is_first:
            raise _foreign() from None
        what = f": {error.msg}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidInput(f"not valid JSON{what}", DAMAGED) from None
    if is_first and not (isinstance(found, dict) and isinstance(found.get("queuectl"), dict)):
        raise _foreign()
    if not isinstance(found, dict) or len(found) != 1:
        raise InvalidInput("it is not an object with one key", DAMAGED)
    ((kind, value),) = found.items()
    if is_first:
        _check_header(value)
    elif kind not in _CHECKS:
        raise InvalidInput(f"{quoted(kind)} means nothing here", DAMAGED)
    return kind, value


def _foreign() -> InvalidInput:
    hint = "name a file that queuectl export has written; jobs to enqueue are read by: queuectl enqueue --file"
    return InvalidInput("this is no export of queuectl", hint)


def _check_header(value: dict[str, Any]) -> None:
    version = value.get("format")
    if type(version) is not int or version < 1:
        raise _foreign()
    if version > FORMAT:
        raise InvalidInput(f"format {version} is of a later version of queuectl", "upgrade queuectl-cli")


def _check_end(value: object, jobs: int) -> None:
    if not isinstance(value, dict) or value.get("jobs") != jobs:
        said = value.get("jobs") if isinstance(value, dict) else None
        raise InvalidInput(f"it should hold {shown(said)} jobs and holds {jobs}", DAMAGED)


def _in_order(job: ArchivedJob, last: int) -> int:
    seq: int = job.row[0]
    if seq <= last:
        raise InvalidInput(f"job {quoted(job.row[1])}: seq: {seq} follows {last}", DAMAGED)
    return seq


def _job(value: object) -> ArchivedJob:
    """Check a job by itself: each value, and that they fit together."""
    steps = value.pop("history", None) if isinstance(value, dict) else None
    name = value.get("id") if isinstance(value, dict) else None
    try:
        row = _columns(value, JOB, NEEDED)
        row |= {name: default for name, default in ABSENT.items() if row[name] is None}
        if not isinstance(steps, list):
            raise InvalidInput("it has no history", DAMAGED)  # noqa: TRY301 - it gets the job's name below
        history = [tuple(_columns(step, STEP, STEP_NEEDED).values()) for step in steps]
        _check_fit(row, history)
    except InvalidInput as error:
        where = f"job {quoted(name)}: " if isinstance(name, str) else "job: "
        raise InvalidInput(where + error.message, error.hint) from None
    return ArchivedJob(tuple(row.values()), history)


def _check_fit(row: Mapping[str, Any], history: list[tuple[Any, ...]]) -> None:
    """See that what holds for every job of a store holds for this one."""
    state = JobState(row["state"])
    path = [JobState.PENDING, *(JobState(step[2]) for step in history)]
    if path[-1] is not state or not set(pairwise(path)) <= TRANSITIONS:
        _does_not_fit("history", state)
    if any(before[0] >= behind[0] for before, behind in pairwise(history)):
        raise InvalidInput("history: its ids do not rise", DAMAGED)
    if (row["finished_at"] is not None) != (state in FINAL):
        _does_not_fit("finished_at", state)
    if state is JobState.PENDING and row["next_run_at"] is None:
        _does_not_fit("next_run_at", state)
    if row["delayed"] and state is not JobState.PENDING:
        _does_not_fit("delayed", state)
    if state is JobState.PROCESSING and not row["runs"]:
        _does_not_fit("runs", state)
    if row["cancel_grace"] is not None and state is not JobState.PROCESSING:
        _does_not_fit("cancel_grace", state)


def _does_not_fit(field: str, state: JobState) -> NoReturn:
    raise InvalidInput(f"{field}: it does not fit a job that is {state}", DAMAGED)


def _columns(value: object, checks: Mapping[str, Check], needed: Iterable[str]) -> dict[str, Any]:
    """Return every column, in order, with its checked value."""
    if not isinstance(value, dict):
        raise InvalidInput(f"{kind_of(value)} is not an object", DAMAGED)
    if not value.keys() <= checks.keys():
        name = next(name for name in value if name not in checks)
        hint = did_you_mean(name, checks) or "nothing was stored; a later version may know it: upgrade queuectl-cli"
        raise InvalidInput(f"unknown field {quoted(name)}", hint)
    found: dict[str, Any] = dict.fromkeys(checks)
    name = ""
    try:
        for name, given in value.items():
            found[name] = checks[name](given)
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error.message}", error.hint) from None
    for name in needed:
        if found[name] is None:
            raise InvalidInput(f"it has no {name}", DAMAGED)
    return found


def _settings(value: object) -> dict[str, str]:
    """Check settings; those that a later version knows are kept as they are."""
    if not isinstance(value, dict):
        raise InvalidInput(f"{kind_of(value)} is not an object", DAMAGED)
    for key, given in value.items():
        if text(given) and key in SETTINGS:
            parse_setting(key, given)
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


_CHECKS: dict[str, Check] = {
    "settings": _settings,
    "paused": lambda value: _columns(value, PAUSED, PAUSED),
    "action": lambda value: _columns(value, ACTION, ACTION),
    "job": _job,
    "end": lambda value: value,
}
_DECODER = json.JSONDecoder(parse_constant=_constant)
