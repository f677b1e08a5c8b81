"""The fields of a specification that say when a job is tried again, and their checks.

They become one `Policy`. Apart from `queuectl.fields`, so that jobs without any of them pay nothing for them.
"""

from __future__ import annotations

from signal import Signals
from typing import TYPE_CHECKING, Any

from queuectl.errors import InvalidInput, did_you_mean, quoted
from queuectl.fields import seconds_of, shown
from queuectl.model import NO_POLICY, Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Endings that have no exit code of their own.
WORDS = ("timeout", "lost")
MAX_EXIT_CODE = 255

_ENDINGS_HINT = "give exit codes from 0 to 255, signals like SIGKILL, timeout or lost"


def _success_codes(value: object) -> tuple[int, ...]:
    return tuple(dict.fromkeys(_each(value, _exit_code)))


def _endings(value: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_each(value, _ending)))


def _each(value: object, check: Callable[[object], Any]) -> list[Any]:
    """Check every item of a list; one item stands for a list of one."""
    if not isinstance(value, (list, tuple)):
        return [check(value)]
    checked = []
    for number, item in enumerate(value):
        try:
            checked.append(check(item))
        except InvalidInput as error:
            raise InvalidInput(f"[{number}]: {error.message}", error.hint) from None
    return checked


def _exit_code(value: object) -> int:
    if type(value) is int and 0 <= value <= MAX_EXIT_CODE:
        return value
    hint = "write it without quotes" if _is_number(value) else f"give exit codes from 0 to {MAX_EXIT_CODE}"
    raise InvalidInput(f"{shown(value)} is not an exit code", hint)


def _ending(value: object) -> str:
    """Return an ending as `Policy` has it: `75`, `SIGKILL`, `timeout`, `lost`."""
    if not isinstance(value, str) or _is_number(value):
        return str(_exit_code(value))
    word = value.strip()
    if word.lower() in WORDS:
        return word.lower()
    name = word.upper()
    signals = Signals.__members__
    found = signals.get(name) or signals.get(f"SIG{name}")
    if found is None:
        hint = did_you_mean(word, (*WORDS, *signals)) or _ENDINGS_HINT
        raise InvalidInput(f"{quoted(value)} is no ending of a command", hint)
    return found.name


def _is_number(value: object) -> bool:
    return isinstance(value, str) and value.strip().lstrip("+-").isdecimal()


def _jitter(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    hint = "write it without quotes" if isinstance(value, str) else "give the share that chance may take away, 0 to 1"
    raise InvalidInput(f"{shown(value)} is not a number from 0 to 1", hint)


def _retry_for(value: object) -> float:
    seconds = seconds_of(value)
    if seconds <= 0:
        raise InvalidInput(f"{shown(value or 0)} is no time to try again in", "for one attempt only, say max_retries 1")
    return seconds


#: Every field, and what checks its value.
POLICY_FIELDS: dict[str, Callable[[object], Any]] = {
    "success_codes": _success_codes,
    "retry_on": _endings,
    "give_up_on": _endings,
    "backoff_max": seconds_of,
    "backoff_jitter": _jitter,
    "retry_for": _retry_for,
}


def amended(policy: Policy, asked: Mapping[str, Any]) -> Policy:
    """Return a policy with these checked fields in place of its own; `NO_POLICY` itself if nothing is asked for.

    Raises:
        InvalidInput: one ending would have to be treated in two ways.
    """
    amended = policy._replace(**asked)
    success = {"success_codes": tuple(map(str, amended.success_codes or (0,)))}
    _apart(success, "retry_on", amended.retry_on)
    _apart(success | {"retry_on": amended.retry_on}, "give_up_on", amended.give_up_on)
    return NO_POLICY if amended == NO_POLICY else amended


def combined(policy: Policy, other: Policy) -> Policy:
    """Return a policy in which whatever the other one asks for comes first.

    Raises:
        InvalidInput: as above.
    """
    return amended(policy, {name: value for name, value in other._asdict().items() if value not in {None, ()}})


def _apart(others: Mapping[str, tuple[str, ...]], field: str, words: tuple[str, ...]) -> None:
    for other, taken in others.items():
        for word in words:
            if word in taken:
                why = f"{word} stands in {other} too"
                if word == "0" and other == "success_codes":
                    why = "exit code 0 means success"
                raise InvalidInput(f"{field}: {why}", "name an ending in one of these fields only")
