"""What `config.toml` may say: its keys, what they mean, and what is told of one that is not right."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from queuectl.config import SETTINGS
from queuectl.duration import format_duration, parse_duration
from queuectl.errors import InvalidInput, did_you_mean, quoted
from queuectl.preferences import DEFAULTS, MOST_SLOTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Preference(NamedTuple):
    """One key of the file."""

    help: str  #: one line
    parse: Callable[[object], Any]  #: its value from TOML's; InvalidInput without the key's name


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise InvalidInput("it is neither true nor false", "write true or false, without quotes")


def _whole(lowest: int, highest: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        if type(value) is int and lowest <= value <= highest:
            return value
        raise InvalidInput(f"it is not a whole number from {lowest} to {highest}", "write a number, without quotes")

    return parse


def _location(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput("it is not the location of a store", 'write a path or URL in quotes, such as "~/queue.db"')
    from os.path import expanduser

    return expanduser(value)  # noqa: PTH111 - a URL stays as it is


def _grace(value: object) -> float | None:
    if isinstance(value, str):
        return None if value.lower() == "none" else parse_duration(value)
    if type(value) in {int, float} and value >= 0:  # type: ignore[operator]
        return parse_duration(str(value))
    raise InvalidInput("it is not a duration", 'write seconds, or text such as "30s" or "none"')


#: Every preference by its key, in the order in which they are shown.
PREFERENCES: dict[str, Preference] = {
    "db": Preference("the store, unless --db or QUEUECTL_DB names one", _location),
    "hints": Preference("whether to say what to do next", _flag),
    "quiet": Preference("whether to print data and errors only, as --quiet", _flag),
    "list.limit": Preference("how many of the newest jobs lists show; 0: all", _whole(0, 2**63 - 1)),
    "worker.concurrency": Preference("commands at a time of a worker", _whole(1, MOST_SLOTS)),
    "worker.grace": Preference("how long running jobs may go on after the first Ctrl-C", _grace),
}


def parse(content: bytes, path: str) -> dict[str, Any]:
    """Return what a file says, by key.

    Raises:
        InvalidInput: it is not TOML, or holds something that is no preference.
    """
    import tomllib

    try:
        text = content.decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError:
        raise InvalidInput(f"{path}: it is not UTF-8", "write it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidInput(f"{path}: not valid TOML: {error}", "write lines such as: list.limit = 20") from None
    found = {}
    for key, value in _flat(document, ""):
        where = f"{path}: {_line_of(key, text)}"
        if key not in DEFAULTS:
            raise InvalidInput(f"{where}unknown preference {quoted(key)}", _hint_at(key))
        try:
            found[key] = PREFERENCES[key].parse(value)
        except InvalidInput as error:
            raise InvalidInput(f"{where}{key}: {error.message}", error.hint) from None
    return found


def _flat(table: Mapping[str, Any], before: str) -> list[tuple[str, Any]]:
    """Return all values with their keys, those in tables as `table.key`."""
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        found += _flat(value, f"{before}{key}.") if isinstance(value, dict) and value else [(f"{before}{key}", value)]
    return found


def _line_of(key: str, text: str) -> str:
    """Return `line 3: ` for the first line that seems to set a key, empty if there is none."""
    table, _, name = key.rpartition(".")
    spellings = {key, f'"{key}"', name, f'"{name}"'}
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.partition("#")[0].strip()
        if bare.startswith("["):
            current = bare.strip("[] ")
            if current == key:
                return f"line {number}: "
        word = re.sub(r"\s+", "", bare.partition("=")[0])
        if word in spellings and (word in {key, f'"{key}"'} or current == table):
            return f"line {number}: "
    return ""


def _hint_at(key: str) -> str:
    if key in SETTINGS:
        return f"it is a setting of the store: queuectl config set {key} …"
    return did_you_mean(key, DEFAULTS) or f"the preferences are {', '.join(DEFAULTS)}"


def preference_text(value: object) -> str:
    """Return a preference's value for people."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return format_duration(value) if isinstance(value, float) else str(value)
