"""The settings of a store, and what the environment says; nobody else reads `os.environ`.

A setting is kept in the store as canonical text under its key; what is not set has its
default. Which storage engine a location leads to is decided in `queuectl.repository`.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from queuectl.duration import parse_duration
from queuectl.errors import InvalidInput, did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Value = int | float | None

DEFAULT_DATABASE = "queue.db"

#: How many bytes a unit stands for, spelled in any case.
_SIZE_UNITS = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_MAX_SIZE = 2**50
_MAX_COUNT = 1_000_000
_NUMBER = r"([0-9]{1,20}(?:\.[0-9]{1,20})?)"


class Settings(NamedTuple):
    """What counts: the value of every setting. Durations in seconds, None for `none`."""

    max_retries: int = 3
    backoff_base: float = 3.0
    backoff_max: float = 86_400.0
    backoff_jitter: float = 0.0
    timeout: float | None = None
    lease: float = 60.0
    log_max_bytes: int = 64 * 2**20
    retention_completed: float | None = None
    retention_dead: float | None = None
    retention_cancelled: float | None = None


class Setting(NamedTuple):
    """One row of the settings table."""

    default: str  #: as text
    help: str  #: one line
    parse: Callable[[str], Value]  #: its value from text; InvalidInput without the key's name
    unit: str = ""  #: what a bare number counts, and gets in the canonical text


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,20}", text) or int(text) > _MAX_COUNT:
        raise InvalidInput(f"{quoted(text)} is not a whole number from 0 to {_MAX_COUNT}", "give a number such as 3")
    return int(text)


def _number(text: str, highest: float) -> float:
    if not re.fullmatch(_NUMBER, text) or float(text) > highest:
        raise InvalidInput(f"{quoted(text)} is not a number from 0 to {highest:.0f}", "give a number such as 0.5 or 1")
    return float(text)


def _base(text: str) -> float:
    return _number(text, _MAX_COUNT)


def _share(text: str) -> float:
    return _number(text, 1)


def _lease(text: str) -> float:
    seconds = parse_duration(text)
    if seconds < 2:  # noqa: PLR2004 - a second lost to a busy machine must not cost the lease
        raise InvalidInput(f"{quoted(text)} is too short a lease", "give 2s or more")
    return seconds


def _duration_or_none(text: str) -> float | None:
    return None if text.lower() == "none" else parse_duration(text)


def _timeout(text: str) -> float | None:
    seconds = _duration_or_none(text)
    if seconds == 0:
        raise InvalidInput(f"{quoted(text)} is not a timeout", "give a duration longer than 0, or none")
    return seconds


def parse_size(text: str) -> int:
    """Return the bytes that `text` means: `64MiB`, `10MB` (a million each) or a plain number.

    Raises:
        InvalidInput: it is not a size, or one of more than a pebibyte.
    """
    match = re.fullmatch(_NUMBER + r"\s*([A-Za-z]*)", text.strip())
    scale = _SIZE_UNITS.get(match[2].lower()) if match else None
    if match is None or scale is None or float(match[1]) * scale > _MAX_SIZE:
        raise InvalidInput(f"{quoted(text)} is not a size", "give bytes like 65536, 64KiB, 10MB or 1GiB")
    return int(float(match[1]) * scale)


#: Every setting by its key, in the order in which they are shown.
SETTINGS: dict[str, Setting] = {
    "max-retries": Setting("3", "failed attempts after which a job is dead; for jobs enqueued from now on", _count),
    "backoff-base": Setting("3", "the wait before a retry is this number to the power of the attempts, in s", _base),
    "backoff-max": Setting("1d", "the longest wait before a retry", parse_duration, "s"),
    "backoff-jitter": Setting("0", "the share of a wait, 0 to 1, that chance may take away", _share),
    "timeout": Setting("none", "how long a command may run; for jobs enqueued from now on", _timeout, "s"),
    "lease": Setting("60s", "how long a claim holds without a sign of life from its worker", _lease, "s"),
    "log-max-bytes": Setting("64MiB", "how much of an attempt's output is kept", parse_size),
    "retention.completed": Setting("none", "how long completed jobs are kept", _duration_or_none, "s"),
    "retention.dead": Setting("none", "how long dead jobs are kept", _duration_or_none, "s"),
    "retention.cancelled": Setting("none", "how long cancelled jobs are kept", _duration_or_none, "s"),
}


def setting(key: str) -> Setting:
    """Return the row of a key.

    Raises:
        InvalidInput: there is no such key.
    """
    if key not in SETTINGS:
        raise InvalidInput(f"unknown setting {quoted(key)}", did_you_mean(key, SETTINGS) or "see queuectl config list")
    return SETTINGS[key]


def parse_setting(key: str, text: str) -> str:
    """Return the canonical text of a valid value: as it was written, without needless characters.

    A duration keeps its units (`60s` stays `60s`); a bare number of seconds gets one.

    Raises:
        InvalidInput: there is no such key, or `text` is no value for it.
    """
    row = setting(key)
    if _valued(key, row, text) is None:
        return "none"
    bare = "".join(text.split())
    return bare + row.unit if bare[-1].isdigit() else bare


def settings_from(stored: Mapping[str, str]) -> Settings:
    """Return the value of every setting, given what a store holds.

    Keys of a later version are passed over.

    Raises:
        InvalidInput: a stored text is no value for its key.
    """
    values: dict[str, Any] = {}
    for key, text in stored.items():
        if key in SETTINGS:
            values[_field(key)] = _valued(key, SETTINGS[key], text)
    return Settings()._replace(**values)


def _field(key: str) -> str:
    return key.replace("-", "_").replace(".", "_")


def _valued(key: str, row: Setting, text: str) -> Value:
    try:
        return row.parse(text.strip())
    except InvalidInput as error:
        hint = f"{error.hint}; queuectl config unset {key} returns to {row.default}"
        raise InvalidInput(f"{key}: {error.message}", hint) from None


class Location(NamedTuple):
    """Where a store is."""

    engine: str  #: `sqlite`, or the scheme of a URL, whether there is such an engine or not
    path: str  #: of the file; for other engines empty


def database_url(option: str | None, preferred: str = DEFAULT_DATABASE) -> str:
    """Return where the store is: the option, else `QUEUECTL_DB`, else what the user prefers.

    Raises:
        InvalidInput: the option is empty, as an unset shell variable makes it.
    """
    if option is None:
        return os.environ.get("QUEUECTL_DB") or preferred
    if not option.strip():
        raise InvalidInput("the location of the store is empty", "name a file, or leave --db out for ./queue.db")
    return option


def parse_location(url: str) -> Location:
    """Take a location apart: `sqlite:///path` (relative, as in other tools), a URL, or a path.

    Raises:
        InvalidInput: there is no path, or one that cannot be a file's.
    """
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", url)
    if match and match[1].lower() != "sqlite":
        return Location(match[1].lower(), "")
    path = url[match.end() :].removeprefix("/") if match else url
    if match and not url[match.end() :].startswith("/"):
        raise InvalidInput(f"{quoted(url)} names a host", "write three slashes, sqlite:///path, or just the path")
    if not path or path == ":memory:" or "\0" in path:
        raise InvalidInput(f"{quoted(url)} is not the path of a file", "name a file, such as queue.db")
    return Location("sqlite", path)


#: Parameters of a location that are secrets: libpq's, of its newer versions too.
SECRETS = {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}


def redact_url(url: str) -> str:
    """Return a location without its secrets, for people, logs and jobs.

    Rather too much is hidden than too little: a password may itself hold `@` or `/`.
    """
    hidden = re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*://[^:@/?#]*):.*@", r"\1:***@", url, flags=re.DOTALL)
    hidden = re.sub(r"([?&][^=&\s]*=)([^&\s]*)", _hidden_parameter, hidden)
    return re.sub(r"(?i)(password=)('[^']*'|[^&\s]*)", r"\1***", hidden)


def _hidden_parameter(match: re.Match[str]) -> str:
    if "%" in (name := match[1][1:-1].lower()):
        from urllib.parse import unquote

        name = unquote(name).lower()
    return f"{match[1]}***" if name in SECRETS else match[0]


def is_server(url: str) -> bool:
    """Tell whether a location leads to a server, not to a file."""
    return "://" in url and parse_location(url).engine != "sqlite"


def is_database_in_environment() -> bool:
    """Tell whether `QUEUECTL_DB` names a store."""
    return bool(os.environ.get("QUEUECTL_DB"))


def user_file() -> str:
    """Return where a user's preferences stand; see the XDG Base Directory Specification."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if not base.startswith("/"):  # a relative one is to be ignored
        base = os.path.expanduser("~/.config")  # noqa: PTH111 - every command comes here, and does without pathlib
    return f"{base}/queuectl/config.toml"


def state_directory() -> str:
    """Return where data of this machine is kept that belongs to stores on servers; see the XDG specification."""
    base = os.environ.get("XDG_STATE_HOME", "")
    if not base.startswith("/"):
        base = os.path.expanduser("~/.local/state")  # noqa: PTH111 - as above
    return f"{base}/queuectl"


def environment() -> dict[str, str]:
    """Return a copy of the process's environment."""
    return dict(os.environ)


def no_color() -> bool:
    """Tell whether the user wants no colour: `NO_COLOR` (see no-color.org) or a dumb terminal."""
    return bool(os.environ.get("NO_COLOR")) or is_dumb_terminal()


def is_dumb_terminal() -> bool:
    """Tell whether the terminal, if there is one, only takes lines."""
    return os.environ.get("TERM") == "dumb"


def dumb_terminal() -> bool:
    """Tell whether the terminal can only print lines one below the other."""
    return os.environ.get("TERM") in {"dumb", "unknown"}


def debug() -> bool:
    """Tell whether the environment asks for tracebacks, as `--debug` does."""
    return bool(os.environ.get("QUEUECTL_DEBUG"))
