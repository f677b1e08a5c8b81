"""The options that say when a job is tried again; of `enqueue`, and of whatever else takes a job's fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from queuectl.cli.options import Duration, OrNone
from queuectl.model import NO_POLICY
from queuectl.spec import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

F = TypeVar("F", bound="Callable[..., Any]")


class Endings(click.ParamType["list[int | str]"]):
    """Exit codes and names of endings with commas between them, as a specification has them."""

    name = "endings"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the items; whether they make sense is for the check of the field to say."""
        del param, ctx
        return [_item(word.strip()) for word in str(value).split(",")]


def _item(word: str) -> int | str:
    # Of a million digits twenty are enough to be refused.
    return int(word[:20]) if word.isascii() and word.isdecimal() else word


def policy_options(function: F) -> F:
    """Let a command take the fields of a policy as options."""
    for name, settings in reversed(_OPTIONS.items()):
        function = click.option(f"--{name}", **settings)(function)
    return function


def policy_changes(function: F) -> F:
    """Let a command change the fields of a policy by options that take `none` too."""
    for name, settings in reversed(_OPTIONS.items()):
        kind = settings["type"] if settings.get("multiple") else OrNone(settings["type"])
        changed = {**settings, "type": kind, "metavar": f"{settings['metavar']}|none"}
        function = click.option(f"--{name}", **changed)(function)
    return function


def policy_asked(options: MutableMapping[str, Any]) -> dict[str, Any]:
    """Take the fields of a policy out of the options of a change, checked one by one; what goes as `NO_POLICY` has it.

    Whether they contradict each other depends on the job.
    """
    given = policy_fields({name: options.pop(name) for name in NO_POLICY._fields})
    return {
        name: getattr(NO_POLICY, name) if value in ("none", ["none"]) else checked(name, value)
        for name, value in given.items()
        if value is not None and value != []
    }


def policy_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with what was said several times in one list."""
    return {
        name: [item for items in value for item in items] if name in _LISTS else value
        for name, value in options.items()
    }


_LISTS = {"success_codes", "retry_on", "give_up_on"}
_LIST = {"type": Endings(), "multiple": True}
_OPTIONS: dict[str, dict[str, Any]] = {
    "success-codes": {**_LIST, "metavar": "N,…", "help": "Exit codes that count as success.  [default: 0]"},
    "retry-on": {**_LIST, "metavar": "E,…", "help": "Try again only after these: 75, SIGKILL, timeout, lost."},
    "give-up-on": {**_LIST, "metavar": "E,…", "help": "Never try again after these."},
    "backoff-max": {"type": Duration(), "metavar": "DUR", "help": "The longest wait before a retry.  [setting: 1d]"},
    "backoff-jitter": {
        "type": click.FLOAT, "metavar": "X", "help": "Let chance take away this share of a wait, 0 to 1.  [setting: 0]"
    },
    "retry-for": {"type": Duration(), "metavar": "DUR", "help": "Start no retry so long after the first attempt."},
}  # fmt: skip
