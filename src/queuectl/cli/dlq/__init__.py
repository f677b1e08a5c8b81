"""`queuectl dlq`: the Dead Letter Queue, the jobs that gave up and wait for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from queuectl.cli.options import shared
from queuectl.cli.words import LazyWords

if TYPE_CHECKING:
    from queuectl.cli.session import Session

#: By word: section of the help, help in one line, place of the command.
TABLE = {
    "list": ("Commands", "List the dead jobs, or what they died of.  [also: ls]", "queuectl.cli.dlq.list:command"),
    "show": ("Commands", "Show why a dead job gave up, and what can be done.", "queuectl.cli.dlq.show:command"),
    "retry": ("Commands", "Put dead jobs back, all at once or with care.", "queuectl.cli.dlq.retry:command"),
    "purge": ("Commands", "Remove dead jobs for good.", "queuectl.cli.dlq.purge:command"),
}


@click.group("dlq", cls=LazyWords, table=TABLE)
@shared
@click.pass_obj
def command(session: Session) -> None:
    """See, retry and purge the jobs that gave up: the Dead Letter Queue."""
    session.is_among_dead = True
