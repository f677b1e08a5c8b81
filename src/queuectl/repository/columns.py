"""What an export holds of each thing, column by column, and the check that each value must pass.

Pure. A check returns the value as the column takes it, or raises an `InvalidInput` that does not
know the value's place. Values of `env` never stand in a message.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from queuectl.duration import MAX_INSTANT
from queuectl.errors import InvalidInput, quoted
from queuectl.fields import FIELDS, MAX_RETRIES, kind_of
from queuectl.model import NO_POLICY, JobState
from queuectl.policy import POLICY_FIELDS, amended

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[object], Any]

#: More than any counter of a store comes to, and exact in every reader of JSON.
_MOST = 2**53 - 1
_LARGEST = 1e300
_CODE = re.compile("[0-9]{1,3}")

DAMAGED = "nothing was stored; the file is damaged, or was changed by hand"


def _whole(lowest: int = 0, highest: int = _MOST) -> Check:
    def check(value: object) -> int:
        if type(value) is int and lowest <= value <= highest:
            return value
        raise InvalidInput(f"{shown(value)} is not a whole number from {lowest} to {highest}", DAMAGED)

    return check


def _number(value: object) -> float:
    # An integer of JSON may be too large for a float, and `1e999` is infinite.
    if type(value) in {int, float} and 0 <= value <= _LARGEST:  # type: ignore[operator]
        return float(value)  # type: ignore[arg-type]
    raise InvalidInput(f"{shown(value)} is not a number of 0 or more", DAMAGED)


def text(value: object) -> str:
    """Check any text that can be stored."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidInput("it is not valid Unicode", DAMAGED) from None
        return value
    raise InvalidInput(f"{shown(value)} is not a text", DAMAGED)


def _flag(value: object) -> int:
    if isinstance(value, bool):
        return int(value)
    raise InvalidInput(f"{shown(value)} is neither true nor false", DAMAGED)


def _one_of(*states: JobState) -> Check:
    known = {str(state): str(state) for state in states}

    def check(value: object) -> str:
        if isinstance(value, str) and value in known:
            return known[value]
        raise InvalidInput(f"{shown(value)} is not one of {', '.join(known)}", DAMAGED)

    return check


def _policy(value: object) -> str:
    """Check what a job asks for beyond the settings as it was checked when it came; return it as its column."""
    if not isinstance(value, dict) or not value:
        raise InvalidInput(f"{shown(value)} is not a policy", DAMAGED)
    asked = {name: _asked(name, given) for name, given in value.items()}
    amended(NO_POLICY, asked)
    return json.dumps(asked, separators=(",", ":"))


def _asked(name: str, value: object) -> Any:
    if name not in POLICY_FIELDS:
        raise InvalidInput(f"unknown field {quoted(name)}", DAMAGED)
    if isinstance(getattr(NO_POLICY, name), tuple):
        if not isinstance(value, list) or not value:
            raise InvalidInput(f"{name}: {shown(value)} is not a list of endings", DAMAGED)
        if name != "success_codes":  # endings are kept as words, those too that are numbers
            value = [int(one) if isinstance(one, str) and _CODE.fullmatch(one) else one for one in value]
    elif type(value) not in {int, float}:
        raise InvalidInput(f"{name}: {shown(value)} is not a number", DAMAGED)
    try:
        return POLICY_FIELDS[name](value)
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error.message}".replace(": [", "["), error.hint) from None


def _json(check: Check) -> Check:
    """Return a check that gives the column's text instead of the value."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    return lambda value: encode(check(value))


def shown(value: object) -> str:
    """Return a value as a message shows it: texts and numbers themselves, of others only the kind."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float) or (type(value) is int and abs(value) < 10**20):
        return str(value)
    return kind_of(value)


_KEPT = tuple(state for state in JobState if state is not JobState.FAILED)
_exit_code = _whole(-(2**31), 2**31)
_instant = _whole(0, MAX_INSTANT)

#: Every column of a job that is kept, in the order of the file, with its check.
JOB: dict[str, Check] = {
    "seq": _whole(1),
    "id": FIELDS["id"],
    "command": FIELDS["command"],
    "state": _one_of(*_KEPT),
    "queue": FIELDS["queue"],
    "priority": FIELDS["priority"],
    "attempts": _whole(),
    "max_retries": _whole(0, MAX_RETRIES),
    "backoff_base": _number,
    "created_at": _instant,
    "updated_at": _instant,
    "next_run_at": _instant,
    "delayed": _flag,
    "started_at": _instant,
    "finished_at": _instant,
    "duration_seconds": _number,
    "exit_code": _exit_code,
    "error": text,
    "reason": text,
    "worker": text,
    "cwd": FIELDS["cwd"],
    "env": _json(FIELDS["env"]),
    "tags": _json(FIELDS["tags"]),
    "timeout": _number,
    "unique_key": FIELDS["unique_key"],
    "policy": _policy,
    "retry_until": _instant,
    "signature": text,
    "runs": _whole(),
    "returned": _whole(),
    "cancel_grace": _number,
}
#: Columns of which there must be a value.
NEEDED = ("seq", "id", "command", "state", "queue", "priority", "attempts", "max_retries", "created_at", "updated_at")
#: What a column holds if nothing is said of it; the others are null then.
ABSENT = {"delayed": 0, "runs": 0, "returned": 0}

#: The same of a transition.
STEP: dict[str, Check] = {
    "id": _whole(1),
    "at": _instant,
    "state": _one_of(*JobState),
    "attempt": _whole(),
    "run": _whole(),
    "since": _instant,
    "worker": text,
    "reason": text,
    "exit_code": _exit_code,
}
STEP_NEEDED = ("id", "at", "state", "attempt", "run")

PAUSED: dict[str, Check] = {"queue": text, "since": _instant, "by": text}
ACTION: dict[str, Check] = {"at": _instant, "by": text, "verb": text, "what": text, "jobs": _whole()}
