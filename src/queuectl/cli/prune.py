"""`queuectl prune`: remove jobs that ended long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from queuectl.cli.options import Duration, States, dry_run_option, flat, queue_option, shared, tag_option, yes_option
from queuectl.cli.removal import Verb, remove_all
from queuectl.cli.words import Command
from queuectl.model import FINAL, JobState
from queuectl.repository.base import Filter

if TYPE_CHECKING:
    from queuectl.cli.session import Session

#: What goes if nothing else is said: for dead jobs a person has to decide.
_DEFAULT = (JobState.COMPLETED, JobState.CANCELLED)


@click.command("prune", cls=Command)
@click.option(
    "--state", "states", type=States(FINAL, "jobs have not ended and cannot be pruned"), multiple=True, metavar="S,…",
    help="Only these states.  [default: completed,cancelled]",
)  # fmt: skip
@click.option("--older-than", type=Duration(), metavar="DUR", help="Only jobs that ended longer ago than this.")
@queue_option
@tag_option
@dry_run_option
@yes_option
@shared
@click.pass_obj
def command(
    session: Session,
    states: tuple[tuple[JobState, ...], ...],
    older_than: float | None,
    queues: tuple[str, ...],
    tags: tuple[str, ...],
    *,
    dry_run: bool,
    yes: bool,
) -> int:
    """Remove completed and cancelled jobs for good, with their history and logs.

    Dead jobs go only with --state dead. It works in small steps: workers go on meanwhile, and
    Ctrl-C keeps what is done. The file does not shrink; SQLite fills the free space again.
    `queuectl config set retention.completed 7d` has the workers do it by themselves.

    \b
    Examples:
      queuectl prune --older-than 30d --dry-run
      queuectl prune --state completed,dead --queue mail --yes
    """
    which = Filter(
        states=flat(states) or _DEFAULT,
        queues=queues,
        tags=tags,
        finished_before=None if older_than is None else session.now() - int(older_than * 1000),
    )
    return remove_all(session, which, Verb("prune", "pruned", "prune"), dry_run=dry_run, yes=yes)
