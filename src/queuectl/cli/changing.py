"""What `edit --set` and `dlq retry --edit` share: changes of fields as words of a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.changes import Changes, names, parse_changes
from queuectl.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click
    from click.shell_completion import CompletionItem


def field_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the fields that can be changed; of a single variable the name is still to be typed."""
    from click.shell_completion import CompletionItem

    offered = (name if name.endswith(".") else f"{name}=" for name in names())
    return [CompletionItem(name) for name in offered if name.startswith(incomplete)]


def changes_of(option: str, texts: Sequence[str], now: int) -> Changes:
    """Return the changes that an option's values ask for; a directory counts from here, as it does for `enqueue`.

    Raises:
        InvalidInput: they make no sense; the message names the option.
    """
    try:
        changes = parse_changes(texts, now=now)
    except InvalidInput as error:
        raise InvalidInput(f"{option}: {error.message}", error.hint) from None
    return placed(changes)


def placed(changes: Changes) -> Changes:
    """Return the changes with a directory that counts from here."""
    if "cwd" not in changes.fields:
        return changes
    from os.path import join

    from queuectl.cli.sources import here

    return changes._replace(fields={**changes.fields, "cwd": join(here(), changes.fields["cwd"])})
