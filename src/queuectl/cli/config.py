"""`queuectl config`: the settings of a store, shared by everybody who uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from queuectl.cli import output
from queuectl.cli.options import shared
from queuectl.cli.session import now
from queuectl.cli.words import Command, Words
from queuectl.config import SETTINGS, is_database_in_environment, parse_setting, redact_url, setting
from queuectl.errors import InvalidInput
from queuectl.preferences import DEFAULTS
from queuectl.preferences.file import PREFERENCES, preference_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from click.shell_completion import CompletionItem

    from queuectl.cli.session import Session


def _keys(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(key, help=row.help) for key, row in SETTINGS.items() if key.startswith(incomplete)]


_key = click.argument("key", metavar="KEY", shell_complete=_keys)


@click.group("config", cls=Words)
@shared
def command() -> None:
    """Read and change the settings that are kept in the store."""


@command.command("list", cls=Command, short_help="List all settings and preferences.")
@shared
@click.pass_obj
def list_settings(session: Session) -> None:
    """List all settings of the store, then what you prefer: key, value, origin, and what it means.

    The origin is default, store, option, environment, or file: your config.toml, for preferences.

    \b
    Examples:
      queuectl config list
      queuectl config list --json | jq '.[] | select(.is_set)'
    """
    stored = session.repository.settings()
    rows = [*(_as_object(key, stored) for key in SETTINGS), *_preferences(session)]
    if session.json:
        output.array(rows)
    elif output.is_terminal():
        from queuectl.cli.tables import settings_table

        shown = [(row["key"], row["value"], row["origin"], row["help"]) for row in rows]
        output.render(settings_table(shown, output.console().width))
        session.hint(f"preferences are read from {session.preferences.path}")
    else:
        for row in rows:
            output.line(row["key"], row["value"], row["origin"], row["help"])


@command.command("get", cls=Command)
@_key
@shared
@click.pass_obj
def get(session: Session, key: str) -> None:
    """Print the value of a setting.

    \b
    Example:
      queuectl config get max-retries
    """
    _check_key(session, key)
    stored = session.repository.settings()
    if session.json:
        output.document(_as_object(key, stored))
    else:
        output.line(value_of(key, stored))


@command.command("set", cls=Command)
@_key
@click.argument("value", metavar="VALUE")
@shared
@click.pass_obj
def set_(session: Session, key: str, value: str) -> None:
    """Change a setting.

    max-retries and timeout count for jobs enqueued from now on, the back-off settings from the
    next failure on; what a job asked for itself comes first.

    \b
    Examples:
      queuectl config set max-retries 5
      queuectl config set backoff-max 2h
    """
    _check_key(session, key)
    canonical = parse_setting(key, value)
    session.repository.set_setting(key, canonical, now=now(), by=session.by)
    _report(session, key, {key: canonical}, "is now")


@command.command("unset", cls=Command)
@_key
@shared
@click.pass_obj
def unset(session: Session, key: str) -> None:
    """Return a setting to its default.

    \b
    Example:
      queuectl config unset retention.completed
    """
    _check_key(session, key)
    was_set = session.repository.unset_setting(key, now=now(), by=session.by)
    _report(session, key, {}, "is back at" if was_set else "was not set; it is")


def value_of(key: str, stored: Mapping[str, str]) -> str:
    """Return what counts for a key, given what is stored."""
    return stored.get(key, SETTINGS[key].default)


def _check_key(session: Session, key: str) -> None:
    """Refuse a key that the store does not have.

    Raises:
        InvalidInput: it is a preference, or nothing.
    """
    if key in PREFERENCES:
        hint = f"write it into {session.preferences.path}"
        raise InvalidInput(f"{key!r} is a preference of yours, not a setting of the store", hint)
    setting(key)


def _as_object(key: str, stored: Mapping[str, str]) -> dict[str, str | bool]:
    row = SETTINGS[key]
    return {
        "key": key,
        "value": value_of(key, stored),
        "default": row.default,
        "is_set": key in stored,
        "origin": "store" if key in stored else "default",
        "help": row.help,
    }


def _preferences(session: Session) -> Iterator[dict[str, str | bool]]:
    """Yield the user's preferences in the form of settings."""
    given = session.preferences.given
    for key, row in PREFERENCES.items():
        value, origin = session.preferences.value(key), "file" if key in given else "default"
        if key == "db":
            value = redact_url(session.url)
            origin = "option" if session.db else "environment" if is_database_in_environment() else origin
        yield {
            "key": key,
            "value": preference_text(value),
            "default": preference_text(DEFAULTS[key]),
            "is_set": key in given,
            "origin": origin,
            "help": row.help,
        }


def _report(session: Session, key: str, stored: Mapping[str, str], verb: str) -> None:
    """Say what counts now: it is a message, for there is no result."""
    if session.json:
        output.document(_as_object(key, stored))
    else:
        session.say(f"{key} {verb} {value_of(key, stored)}")
