"""The fields of a job specification, each with the check that its value must pass.

A check returns the value as `JobSpec` takes it, or raises an `InvalidInput` that does not
know the value's place. Values of `env` never stand in a message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from queuectl.duration import MAX_DURATION, parse_duration, parse_rfc3339
from queuectl.errors import InvalidInput, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_RETRIES = 1_000_000
MAX_BACKOFF_BASE = 1_000_000
MAX_NAME = 255  #: characters of an id or a unique key
MAX_LABEL = 100  #: characters of a queue's name or a tag

_QUEUE = rf"[^\W_][\w.:@+-]{{0,{MAX_LABEL - 1}}}"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{shown(value)} is not a string", "put the text into double quotes")
    if "\0" in value:
        raise InvalidInput("it holds a NUL byte", "take the NUL byte (\\u0000) out")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidInput("it is not valid Unicode", "write it as UTF-8, without half a surrogate pair") from None
    return value


def _command(value: object) -> str:
    command = _text(value)
    if not command or command.isspace():
        raise InvalidInput("it is blank", "give the shell command to run")
    return command


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{shown(value)} is not a string", "put it into double quotes")
    if not value.isprintable() or not 0 < len(value) <= MAX_NAME or value.isspace():
        raise InvalidInput(
            f"{quoted(value)} is not 1 to {MAX_NAME} printable characters",
            "choose a shorter one, without control characters" if value else "leave the field out, or give it a value",
        )
    return value


def _id(value: object) -> str:
    name = _name(value)
    if "/" in name:
        raise InvalidInput(f"{quoted(name)} holds a '/'", "choose an id without it")
    return name


def _whole(lowest: int, highest: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if type(value) is int and lowest <= value <= highest:
            return value
        hint = "write it without quotes" if isinstance(value, str) else "choose a number in that range"
        raise InvalidInput(f"{shown(value)} is not a whole number from {lowest} to {highest}", hint)

    return check


def _base(value: object) -> float:
    if type(value) in {int, float} and 0 <= value <= MAX_BACKOFF_BASE:  # type: ignore[operator]
        return float(value)  # type: ignore[arg-type]
    hint = "write it without quotes" if isinstance(value, str) else "choose a number in that range"
    raise InvalidInput(f"{shown(value)} is not a number from 0 to {MAX_BACKOFF_BASE}", hint)


def seconds_of(value: object) -> float:
    """Return the seconds of a duration: a number, or text such as `10m`.

    Raises:
        InvalidInput: it is none.
    """
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_DURATION:
        return float(value)
    raise InvalidInput(f"{shown(value)} is not a duration", 'give seconds, or text like "10m" or "2h30m"')


def _timeout(value: object) -> float:
    seconds = seconds_of(value)
    if seconds <= 0:
        raise InvalidInput(
            f"{shown(value or 0)} is no time to run", "give a duration longer than 0, or leave the field out"
        )
    return seconds


def _run_at(value: object) -> int:
    return parse_rfc3339(_text(value))


def _queue(value: object) -> str:
    queue = _text(value)
    if not re.fullmatch(_QUEUE, queue):
        raise InvalidInput(
            f"{quoted(queue)} is not the name of a queue",
            f"use up to {MAX_LABEL} letters, digits and . _ - : @ +, a letter or digit first",
        )
    return queue


def _cwd(value: object) -> str:
    directory = _text(value)
    if not directory:
        raise InvalidInput("it is empty", "name a directory, or leave the field out")
    return directory


def _env(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise InvalidInput(f"{kind_of(value)} is not an object", 'write it like {"NAME": "value"}')
    for name, text in value.items():
        try:
            _variable(name, text)
        except InvalidInput as error:
            raise InvalidInput(f"[{shown(name)}]: {error.message}", error.hint) from None
    return value


def _variable(name: object, text: object) -> None:
    if not _text(name) or "=" in str(name):
        raise InvalidInput("it is no name for a variable", "use a name without '=', such as PATH")
    if not isinstance(text, str):
        raise InvalidInput(f"{kind_of(text)} is not a string", "put the value into double quotes")
    _text(text)


def _tags(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise InvalidInput(f"{shown(value)} is not a list", 'write it like ["nightly", "mail"]')
    for number, tag in enumerate(value):
        if not isinstance(tag, str) or not 0 < len(tag) <= MAX_LABEL or not tag.isprintable() or set(tag) & {" ", ","}:
            raise InvalidInput(
                f"[{number}]: {shown(tag)} is not a tag",
                f"use 1 to {MAX_LABEL} printable characters without spaces and commas",
            )
    return tuple(dict.fromkeys(value))


def _depends_on(_: object) -> NoReturn:
    raise InvalidInput("it is reserved: jobs cannot wait for other jobs yet", "leave the field out")


#: Every field of a specification, and what checks its value.
FIELDS: dict[str, Callable[[object], Any]] = {
    "command": _command,
    "id": _id,
    "max_retries": _whole(0, MAX_RETRIES),
    "backoff_base": _base,
    "priority": _whole(-(2**31), 2**31 - 1),
    "run_at": _run_at,
    "delay": seconds_of,
    "timeout": _timeout,
    "queue": _queue,
    "cwd": _cwd,
    "env": _env,
    "tags": _tags,
    "unique_key": _name,
    "depends_on": _depends_on,
}


def kind_of(value: object) -> str:
    """Return what a JSON value is, for a message: `a string`, `null`, `an object`."""
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return "null" if value is None else kinds.get(type(value), "something else")


def shown(value: object) -> str:
    """Return a value as a message shows it: scalars themselves, of others only the kind."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**20):
        return str(value)
    return "a number of that size" if isinstance(value, int) else kind_of(value)
