"""`queuectl retry`: run jobs again that have ended, however they did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from queuectl.cli.options import (
    States,
    check_ids_or_all,
    dry_run_option,
    flat,
    job_ids,
    queue_option,
    search_option,
    shared,
    tag_option,
    yes_option,
)
from queuectl.cli.retrying import Order, is_agreed, put_back, would_put_back
from queuectl.cli.words import Command
from queuectl.model import FINAL
from queuectl.repository.base import Filter

if TYPE_CHECKING:
    from queuectl.cli.session import Session
    from queuectl.model import JobState


@click.command("retry", cls=Command)
@click.argument("ids", nargs=-1, metavar="[ID]…", shell_complete=job_ids(*sorted(FINAL)))
@click.option("--all", "everything", is_flag=True, help="All jobs that have ended and that the filters let through.")
@click.option(
    "--state", "states", type=States(FINAL, "jobs have not ended and cannot be retried"), multiple=True,
    metavar="S,…", help="With --all: only these states.",
)  # fmt: skip
@queue_option
@tag_option
@search_option
@dry_run_option
@yes_option
@shared
@click.pass_obj
def command(  # noqa: PLR0917 - Click passes them by name
    session: Session,
    ids: tuple[str, ...],
    states: tuple[tuple[JobState, ...], ...],
    queues: tuple[str, ...],
    tags: tuple[str, ...],
    search: str,
    *,
    everything: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Run completed, cancelled or dead jobs again: attempts 0, state pending, ready at once.

    All of them or, if one of the ids is not that of a job that has ended, none. A job keeps its id,
    its history and the logs of its earlier runs.

    \b
    Examples:
      queuectl retry a7
      queuectl retry --all --state cancelled --tag nightly --dry-run
    """
    check_ids_or_all("retry", ids, everything=everything, filtered=bool(states or queues or tags or search))
    which = Filter(ids=ids, states=flat(states) or tuple(sorted(FINAL)), queues=queues, tags=tags, search=search)
    order = Order(which)
    if dry_run:
        would_put_back(session, order)
    elif is_agreed(session, order, yes=yes):
        put_back(session, order)
