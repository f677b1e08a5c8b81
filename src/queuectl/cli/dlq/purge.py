"""`queuectl dlq purge`: remove dead jobs for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from queuectl.cli.dlq.choice import group_option, named_or_filtered
from queuectl.cli.options import (
    Duration,
    dry_run_option,
    job_ids,
    queue_option,
    search_option,
    shared,
    tag_option,
    yes_option,
)
from queuectl.cli.removal import Verb, remove_all, remove_named
from queuectl.cli.words import Command
from queuectl.model import JobState

if TYPE_CHECKING:
    from queuectl.cli.session import Session


@click.command("purge", cls=Command)
@click.argument("ids", nargs=-1, metavar="[ID]…", shell_complete=job_ids(JobState.DEAD))
@click.option("--all", "everything", is_flag=True, help="All dead jobs, or all that the filters let through.")
@click.option("--older-than", type=Duration(), metavar="DUR", help="Only jobs that died longer ago than this.")
@group_option
@queue_option
@tag_option
@search_option
@dry_run_option
@yes_option
@shared
@click.pass_obj
def command(
    session: Session,
    /,
    ids: tuple[str, ...],
    *,
    older_than: float | None,
    dry_run: bool,
    yes: bool,
    **choice: Any,
) -> int:
    """Remove dead jobs for good, with their history and logs.

    \b
    Examples:
      queuectl dlq purge a7
      queuectl dlq purge --group 3fa2c1
      queuectl dlq purge --all --older-than 30d --dry-run
    """
    before = None if older_than is None else session.now() - int(older_than * 1000)
    which = named_or_filtered(session, "purge", ids, filtered=before is not None, **choice)
    which = which._replace(states=(JobState.DEAD,), finished_before=before)
    verb = Verb("purge", "purged", "dlq purge")
    if not ids:
        return remove_all(session, which, verb, dry_run=dry_run, yes=yes)
    remove_named(session, which, verb, dry_run=dry_run, yes=yes)
    return 0
