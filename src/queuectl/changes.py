"""What a person wants to be different in jobs that are there: fields of a specification, checked, as plain values.

Every field can be changed that says how a job runs, those of its policy too; one that is added can be changed at once.
Nothing here knows which jobs are meant, or in which states jobs may be changed.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from queuectl.errors import InvalidInput, quoted
from queuectl.model import NO_ENV, NO_POLICY
from queuectl.spec import build_spec, checked, every_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from queuectl.model import Policy

_ENV = "env."
#: What a job is and not how it runs.
_FIXED = {"id", "depends_on"}
_NULL = "null"
#: Values that stand for the absence of one, where there may be none; JSON's null does so everywhere.
_NONE = {"", "none", _NULL}
#: What a field becomes that goes: nothing asked for, at once. Those of a policy may all go.
ABSENT: Mapping[str, Any] = {
    "timeout": None, "backoff_base": None, "unique_key": None, "run_at": None, "env": NO_ENV, "tags": (),
} | NO_POLICY._asdict()  # fmt: skip
_DIGITS = 18  #: of a number that any field takes
_EXAMPLE = "write it like priority=5, timeout=10m or env.NAME=value"


def names() -> list[str]:
    """Return the fields that can be changed, for tab completion."""
    return [_ENV if name == "env" else name for name in every_field() if name not in _FIXED]


class Changes(NamedTuple):
    """What is to be different; what is not named stays as it is."""

    fields: Mapping[str, Any] = NO_ENV  #: by the name in `JobSpec`, except `policy`: the new value
    env: Mapping[str, str | None] = NO_ENV  #: variables to set; None takes the variable away
    policy: Mapping[str, Any] = NO_ENV  #: by the name in `Policy`: the new value

    @property
    def names(self) -> tuple[str, ...]:
        """What is changed, for people; values of variables may be secrets and are not in it."""
        return (*self.fields, *self.policy, *(_ENV + name for name in self.env))

    def policy_of(self, job_id: str, policy: Policy) -> Policy:
        """Return the policy that a job with this one comes to.

        Raises:
            InvalidInput: one ending would have to be treated in two ways.
        """
        if not self.policy:
            return policy
        from queuectl.policy import amended

        try:
            return amended(policy, self.policy)
        except InvalidInput as error:
            raise InvalidInput(f"job {job_id!r}: {error.message}", error.hint) from None


NO_CHANGES = Changes()


def parse_changes(texts: Iterable[str], *, now: int) -> Changes:
    """Return the changes that `key=value` texts ask for, checked as the fields of a specification are.

    A value is JSON or text, whichever the field takes. `env.NAME=value` sets one variable, `env.NAME` alone takes it
    away; a field that may be absent goes with `none`, JSON's `null` or nothing. Of one key the last value counts.
    Whether endings contradict each other depends on the job: see `Changes.policy_of`.

    Raises:
        InvalidInput: a field is unknown or cannot be changed, or its value is wrong.
    """
    fields: dict[str, Any] = {}
    env: dict[str, str | None] = {}
    policy: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if key.startswith(_ENV):
            name = key.removeprefix(_ENV)
            checked("env", {name: value})
            env[name] = value if equals else None
            continue
        if not equals:
            raise InvalidInput(f"{quoted(text)} is no change of a field", _EXAMPLE)
        name, new = _changed(key.strip(), value, now)
        (policy if name in NO_POLICY._fields else fields)[name] = new
        if name == "env":
            env.clear()
    return Changes(fields, env, policy)


def _changed(key: str, text: str, now: int) -> tuple[str, Any]:
    """Return the field of `JobSpec` or `Policy` that a text changes, with its new value."""
    if key in _FIXED:
        raise InvalidInput(f"{key} cannot be changed", "enqueue another job, and remove this one")
    if key not in every_field():
        checked(key, text)  # says what it may be meant for
    name = "run_at" if key == "delay" else key
    if text in _NONE and name in ABSENT:
        return name, ABSENT[name]
    if text == _NULL:
        raise InvalidInput(f"{key}: a job cannot be without it", "give it another value")
    value = _value(key, text)
    return name, build_spec({"command": "-", key: value}, now=now).run_at if key == "delay" else value


def _value(key: str, text: str) -> Any:
    """Return the checked value of this field from JSON, text or a list, whichever it takes first."""
    decoded = _decoded(text)
    for value in (*decoded, text, _words(text), _numbered(text)):
        with suppress(InvalidInput):
            return checked(key, value)
    shapes = [value for value in decoded if isinstance(value, (dict, list))]
    refusals = []
    for value in (*shapes, text, _numbered(text) if key in NO_POLICY._fields else _words(text)):
        try:
            checked(key, value)
        except InvalidInput as error:
            refusals.append(error)
    # A list that is refused for one of its words is a list all the same.
    refusal = next((one for one in refusals if one.message.startswith(f"{key}[")), refusals[0])
    hint = refusal.hint
    if hint and "quotes" in hint and not shapes:  # nobody types quotes here
        hint = f"see the field {key} of queuectl enqueue --help"
    raise InvalidInput(refusal.message, hint)


def _decoded(text: str) -> list[Any]:
    """Return what a text means as JSON; nothing if it is none."""
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        return []


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _numbered(text: str) -> list[int | str]:
    return [
        int(word) if word.isascii() and word.isdecimal() and len(word) <= _DIGITS else word for word in _words(text)
    ]
