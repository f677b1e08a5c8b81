"""What a person wants to be different in jobs that are there: fields of a specification, checked, as plain values.

Every field of `fields.FIELDS` can be changed that says how a job runs; one that is added there can be changed at once.
Nothing here knows which jobs are meant, or in which states jobs may be changed.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from queuectl.errors import InvalidInput, did_you_mean, quoted
from queuectl.fields import FIELDS
from queuectl.model import NO_ENV, NO_POLICY, JobSpec
from queuectl.spec import build_spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_ENV = "env."
#: What a job is and not how it runs.
_FIXED = {"id", "depends_on"}
#: A value that stands for the absence of one, as in `queuectl config set timeout none`.
_NONE = {"", "none"}
#: Fields of a job that may be absent; those of a policy may all be.
_OPTIONAL: dict[str, Any] = {"timeout": None, "backoff_base": None, "unique_key": None, "tags": ()}
_BASE = JobSpec("-")
_DIGITS = 18  #: of a number that any field takes
_EXAMPLE = "write it like priority=5, timeout=10m or env.NAME=value"


def names() -> list[str]:
    """Return the fields that can be changed, for tab completion."""
    return [_ENV if name == "env" else name for name in FIELDS if name not in _FIXED]


class Changes(NamedTuple):
    """What is to be different; what is not named stays as it is."""

    fields: Mapping[str, Any] = NO_ENV  #: by the name in `JobSpec`, except `env` and `policy`: the new value
    env: Mapping[str, str | None] = NO_ENV  #: variables to set; None takes the variable away
    policy: Mapping[str, Any] = NO_ENV  #: by the name in `Policy`: the new value

    @property
    def names(self) -> tuple[str, ...]:
        """What is changed, for people; values of variables may be secrets and are not in it."""
        return (*self.fields, *self.policy, *(_ENV + name for name in self.env))


NO_CHANGES = Changes()


def parse_changes(texts: Iterable[str], *, now: int) -> Changes:
    """Return the changes that `key=value` texts ask for, checked as the fields of a specification are.

    A value is text or JSON, whichever the field takes. `env.NAME=value` sets one variable, `env.NAME` alone takes it
    away; a field that may be absent goes with `none`. Of one key the last value counts.

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
            build_spec({"command": "-", "env": {name: value}}, now=now)
            env[name] = value if equals else None
            continue
        if not equals:
            raise InvalidInput(f"{quoted(text)} is no change of a field", _EXAMPLE)
        for name, changed in _changed(key.strip(), value, now):
            if name == "env":
                env |= changed
            else:
                (policy if name in NO_POLICY._fields else fields)[name] = changed
    return Changes(fields, env, policy)


def _changed(key: str, text: str, now: int) -> Iterator[tuple[str, Any]]:
    """Yield the fields of `JobSpec` and `Policy` that a text changes, with their new values."""
    if key not in FIELDS:
        raise InvalidInput(
            f"there is no field {quoted(key)}", did_you_mean(key, FIELDS) or f"the fields are {', '.join(FIELDS)}"
        )
    if key in _FIXED:
        raise InvalidInput(f"{key} cannot be changed", "enqueue another job, and remove this one")
    if text in _NONE and key in _OPTIONAL | NO_POLICY._asdict():
        yield key, (_OPTIONAL | NO_POLICY._field_defaults)[key]
        return
    spec = _checked(key, text, now)
    for owner, before in ((spec, _BASE), (spec.policy, NO_POLICY)):
        for name, value, old in zip(owner._fields, owner, before, strict=True):
            if name != "policy" and (name == key or (value != old and name != "command")):
                yield name, value


def _checked(key: str, text: str, now: int) -> JobSpec:
    """Build a specification with this field as JSON, as text or as a list, whichever it takes first."""
    for value in _readings(text):
        with suppress(InvalidInput):
            return build_spec({"command": "-", key: value}, now=now)
    refusals = []
    for value in (text, _words(text)):
        try:
            build_spec({"command": "-", key: value}, now=now)
        except InvalidInput as error:
            refusals.append(error)
    # A list that is refused for one of its words is a list all the same.
    refusal = next((one for one in refusals if one.message.startswith(f"{key}[")), refusals[0])
    hint = refusal.hint
    if hint and "quotes" in hint:  # nobody types quotes here
        hint = f"see the field {key} of queuectl enqueue --help"
    raise InvalidInput(refusal.message, hint)


def _readings(text: str) -> Iterator[Any]:
    """Yield what a text may mean; a bare word in JSON's quotes is a word with quotes."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if value is not None and not isinstance(value, str):
        yield value
    yield text
    words = _words(text)
    yield words
    yield [int(word) if word.isascii() and word.isdecimal() and len(word) <= _DIGITS else word for word in words]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]
