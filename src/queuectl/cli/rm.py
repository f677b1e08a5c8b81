"""`queuectl rm`: remove single jobs that have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from queuectl.cli.options import dry_run_option, job_ids, shared
from queuectl.cli.removal import Verb, remove_named
from queuectl.cli.words import Command
from queuectl.model import FINAL
from queuectl.repository.base import Filter

if TYPE_CHECKING:
    from queuectl.cli.session import Session


@click.command("rm", cls=Command)
@click.argument("ids", nargs=-1, required=True, metavar="ID…", shell_complete=job_ids(*sorted(FINAL)))
@dry_run_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask if there are several.")
@shared
@click.pass_obj
def command(session: Session, ids: tuple[str, ...], *, dry_run: bool, yes: bool) -> None:
    """Remove jobs for good, with their history and logs.

    Only completed, cancelled and dead jobs; stop others with `queuectl cancel` first. All of them
    or, if one of the ids is not that of such a job, none. The ids may be used again.

    \b
    Examples:
      queuectl rm a7
      queuectl rm a7 b3 --yes
    """
    which = Filter(ids=ids, states=tuple(sorted(FINAL)))
    remove_named(session, which, Verb("remove", "removed", "rm"), dry_run=dry_run, yes=yes)
