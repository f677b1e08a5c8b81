"""Which dead jobs a command means: ids, or filters, or all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from queuectl.cli.options import session_of
from queuectl.errors import InvalidInput
from queuectl.model import JobState
from queuectl.repository.base import Filter

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from queuectl.cli.session import Session


def group_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the groups of dead jobs, the largest first."""
    del param
    from queuectl.cli.candidates import groups

    return groups(session_of(ctx), incomplete)


group_option = click.option(
    "-g",
    "--group",
    metavar="GROUP",
    shell_complete=group_ids,
    help="Only jobs that died of this; see dlq list --group.",
)


def dead_jobs(
    session: Session, *, queues: tuple[str, ...], tags: tuple[str, ...], search: str, group: str | None
) -> Filter:
    """Return the filter of the dead jobs that the options let through.

    Raises:
        GroupNotFound: there is no such group.
        AmbiguousId: the group is not named by enough digits.
    """
    signature = None if group is None else session.repository.dead_signature(group)
    return Filter(states=(JobState.DEAD,), queues=queues, tags=tags, search=search, signature=signature)


def named_or_filtered(
    session: Session,
    verb: str,
    ids: tuple[str, ...],
    *,
    everything: bool,
    queues: tuple[str, ...],
    tags: tuple[str, ...],
    search: str,
    group: str | None,
    filtered: bool = False,
) -> Filter:
    """Return which dead jobs a line means, by ids or by filters; `filtered` says that another filter is given.

    Raises:
        InvalidInput: it says neither, or both.
    """
    filtered = filtered or bool(queues or tags or search or group is not None)
    if ids and (everything or filtered):
        raise InvalidInput("--all and filters do not go with ids", "leave out the one or the other")
    if not ids and not everything and not filtered:
        hint = "queuectl dlq list shows the dead jobs, queuectl dlq list --group what they died of"
        raise InvalidInput(f"name the jobs to {verb}, or say --all or a filter", hint)
    if ids:
        return Filter(ids=ids)
    return dead_jobs(session, queues=queues, tags=tags, search=search, group=group)
