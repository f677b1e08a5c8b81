"""The shapes of what scripts write and read, as JSON Schema (2020-12): a specification, a job, an event, an error.

A schema of what is read allows more than it names, as fields are only ever added. That of a specification allows
nothing else, and whatever it refuses `enqueue` refuses too; a few rules that a schema cannot say stand in
`queuectl.fields` and `queuectl.policy` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl import errors
from queuectl.duration import MAX_DURATION
from queuectl.fields import MAX_BACKOFF_BASE, MAX_LABEL, MAX_NAME, MAX_RETRIES
from queuectl.model import JobState
from queuectl.policy import MAX_EXIT_CODE
from queuectl.spec import every_field

if TYPE_CHECKING:
    from collections.abc import Iterator

    Shape = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Patterns keep to what Python and ECMAScript understand alike.
_NUMBER = r"[0-9]+(\.[0-9]+)?"
_UNITS = "".join(rf"({_NUMBER}{unit}\s*)?" for unit in ("d", "h", "m", "s", "ms"))
_DURATION = rf"^\s*(?=[0-9])({_NUMBER}|{_UNITS})\s*$"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
_TIME = rf"^\s*[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[Tt ]{_CLOCK}([Zz]|[+-][0-9]{{2}}:[0-9]{{2}})\s*$"
_PRINTABLE = r"^[^\u0000-\u001f\u007f]+$"

_TEXT: Shape = {"type": "string", "not": {"pattern": r"\u0000"}}
_NAME: Shape = {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": _PRINTABLE}
_SECONDS: Shape = {
    "anyOf": [{"type": "number", "minimum": 0, "maximum": MAX_DURATION}, {"type": "string", "pattern": _DURATION}]
}
_LONGER_THAN_0: Shape = {
    "anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": MAX_DURATION}, _SECONDS["anyOf"][1]]
}
_CODE: Shape = {"type": "integer", "minimum": 0, "maximum": MAX_EXIT_CODE}
_ENDING: Shape = {"anyOf": [_CODE, {"type": "string", "pattern": r"^\s*[^\s0-9+-]\S*\s*$"}]}


def _some(item: Shape) -> Shape:
    """Return the shape of a list; one item stands for a list of one."""
    return {"anyOf": [item, {"type": "array", "items": item}]}


def _field(help_: str, shape: Shape, *examples: object, **more: object) -> Shape:
    return {"description": help_, **shape, "examples": list(examples), **more}


#: By field of a specification: what it means, what it takes, and examples. A test holds it against `every_field`.
SPEC: dict[str, Shape] = {
    "command": _field(
        "One line or more for /bin/sh -c.", _TEXT | {"pattern": r"\S"}, "echo hello", "cd /srv && make\nmake install"
    ),
    "id": _field(
        "The job's name; made up if it is left out.", _NAME | {"not": {"pattern": "/"}}, "nightly-2026-11-27", "a.b c"
    ),
    "max_retries": _field(
        "Failed attempts after which the job is dead; 0 and 1 both mean one attempt. Left out: the setting.",
        {"type": "integer", "minimum": 0, "maximum": MAX_RETRIES}, 3, 0,
    ),
    "backoff_base": _field(
        "The wait before a retry is this to the power of the attempts, in seconds. Left out: the setting.",
        {"type": "number", "minimum": 0, "maximum": MAX_BACKOFF_BASE}, 2, 1.5,
    ),
    "priority": _field(
        "Higher ones first.", {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1}, 10, -1, default=0
    ),
    "run_at": _field(
        "Not before this time (RFC 3339). Not together with delay.",
        {"type": "string", "format": "date-time", "pattern": _TIME},
        "2026-12-24T18:00:00Z", "2026-12-24T18:00:00+01:00",
    ),
    "delay": _field("Not before this has passed: seconds, or a duration.", _SECONDS, 90, "10m", "2h30m"),
    "timeout": _field(
        "How long an attempt may run: seconds, or a duration. Left out: the setting.",
        _LONGER_THAN_0, 30, "5m",
    ),
    "queue": _field(
        "The queue's name.",
        {"type": "string", "minLength": 1, "maxLength": MAX_LABEL, "pattern": r"^[^\s,/_.:@+-][^\s,/]*$"},
        "mail", "eu-1:import", default="default",
    ),
    "cwd": _field(
        "Its directory, relative to the one where it is enqueued. Left out: that one.",
        _TEXT | {"minLength": 1}, "/srv/app", "build",
    ),
    "env": _field(
        "Added to the worker's environment.",
        {"type": "object", "additionalProperties": _TEXT, "propertyNames": {"pattern": r"^[^=\u0000]+$"}},
        {"LANG": "C", "EMPTY": ""}, {},
    ),
    "tags": _field(
        "Words to choose jobs by.",
        {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": MAX_LABEL, "pattern": "^[^ ,]+$"}},
        ["nightly", "mail"], [],
    ),
    "unique_key": _field("No other pending or processing job may have it.", _NAME, "import/customers"),
    "success_codes": _field(
        "Exit codes that count as success instead of 0.", _some(_CODE), [0, 3], 3
    ),
    "retry_on": _field(
        "The only endings after which it is tried again: exit codes, names of signals, timeout, lost.",
        _some(_ENDING), [75, "SIGKILL"], ["timeout", "lost"],
    ),
    "give_up_on": _field("Endings after which it is dead at once, as in retry_on.", _some(_ENDING), [2], "timeout"),
    "backoff_max": _field("The longest wait before a retry. Left out: the setting.", _SECONDS, "1h", 60),
    "backoff_jitter": _field(
        "The share of a wait that chance may take away. Left out: the setting.",
        {"type": "number", "minimum": 0, "maximum": 1}, 0.2, 0,
    ),
    "retry_for": _field("No retry starts later than this after the first attempt.", _LONGER_THAN_0, "6h", 600),
    "depends_on": _field("Reserved: jobs cannot wait for other jobs yet.", {"not": {}}),
}  # fmt: skip


def job() -> Shape:
    """Return the shape of a specification: one job as `enqueue` takes it, alone, in an array or as a line."""
    return {
        "$schema": _DIALECT,
        "title": "queuectl job specification",
        "type": "object",
        "properties": {name: SPEC[name] for name in every_field()},
        "required": ["command"],
        "additionalProperties": False,
        "not": {"required": ["run_at", "delay"]},
    }


def _or_null(kind: str, **more: object) -> Shape:
    return {"type": [kind, "null"], **more}


_AT: Shape = {"type": "string", "format": "date-time", "pattern": r"^[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z$"}
_AT_OR_NULL: Shape = _AT | {"type": ["string", "null"]}
_STRINGS: Shape = {"type": "array", "items": {"type": "string"}}
_COUNT: Shape = {"type": "integer", "minimum": 0}
_STATE: Shape = {"enum": [state.value for state in JobState]}

#: By field of a shown job, in order. A test holds it against what is shown.
SHOWN: dict[str, Shape] = {
    "id": {"type": "string"}, "command": {"type": "string"}, "state": _STATE, "queue": {"type": "string"},
    "priority": {"type": "integer"}, "attempts": _COUNT, "max_retries": _COUNT, "created_at": _AT, "updated_at": _AT,
    "next_run_at": _AT_OR_NULL, "started_at": _AT_OR_NULL, "finished_at": _AT_OR_NULL,
    "duration_seconds": _or_null("number", minimum=0), "exit_code": _or_null("integer"), "error": _or_null("string"),
    "worker": _or_null("string"), "cwd": _or_null("string"),
    "env": {"description": "Its names; with show --env an object with the values.", "type": ["array", "object"]},
    "tags": _STRINGS, "timeout": _or_null("number"), "unique_key": _or_null("string"), "depends_on": _STRINGS,
    "success_codes": {"type": "array", "items": _CODE}, "retry_on": {"type": "array", "items": _ENDING},
    "give_up_on": {"type": "array", "items": _ENDING}, "backoff_max": _or_null("number"),
    "backoff_jitter": _or_null("number"), "retry_for": _or_null("number"), "retry_until": _AT_OR_NULL,
    "signature": _or_null("string"),
}  # fmt: skip

_STEP: dict[str, Shape] = {
    "cursor": {"type": "string"}, "at": _AT, "kind": {"const": "transition"}, "job": {"type": "string"},
    "from": {"enum": [*_STATE["enum"], None]}, "to": _STATE, "attempt": _COUNT, "run": _COUNT,
    "worker": _or_null("string"), "reason": _or_null("string"), "exit_code": _or_null("integer"),
    "queue": {"type": "string"},
}  # fmt: skip
_DEED: dict[str, Shape] = {
    "cursor": {"type": "string"}, "at": _AT, "kind": {"const": "action"}, "by": {"type": "string"},
    "verb": {"type": "string"}, "what": {"type": "string"}, "jobs": _COUNT,
}  # fmt: skip


def shown() -> Shape:
    """Return the shape of a job as `list`, `show` and others show it with `--json`."""
    return {"$schema": _DIALECT, "title": "queuectl job as shown", **_object(SHOWN)}


def event() -> Shape:
    """Return the shape of an event, as `events` tells it with `--json`."""
    return {"$schema": _DIALECT, "title": "queuectl event", "oneOf": [_object(_STEP), _object(_DEED)]}


def error() -> Shape:
    """Return the shape of what stands on stderr if a command with `--json` fails."""
    codes = {kind.code: kind.exit_code for kind in every_error(errors.QueuectlError)}
    text: Shape = {"type": "string"}
    inner = _object({"code": {"enum": sorted(codes)}, "message": text, "hint": _or_null("string")})
    return {"$schema": _DIALECT, "title": "queuectl error", **_object({"error": inner})}


def every_error(kind: type[errors.QueuectlError]) -> Iterator[type[errors.QueuectlError]]:
    """Yield a class of errors and all that are kinds of it."""
    yield kind
    for child in kind.__subclasses__():
        yield from every_error(child)


def _object(properties: dict[str, Shape]) -> Shape:
    return {"type": "object", "properties": properties, "required": list(properties)}
