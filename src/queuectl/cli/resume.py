"""`queuectl resume`: let jobs of a paused queue be claimed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from queuectl.cli.options import paused_queues, shared
from queuectl.cli.pause import report, wanted_queues
from queuectl.cli.session import now
from queuectl.cli.words import Command
from queuectl.errors import QueueNotFound, did_you_mean
from queuectl.repository.acting import ALL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from queuectl.cli.session import Session
    from queuectl.repository.protocol import JobRepository


@click.command("resume", cls=Command)
@click.argument("queues", nargs=-1, metavar="[QUEUE]…", shell_complete=paused_queues)
@click.option("--all", "everything", is_flag=True, help="Lift every pause, those of single queues included.")
@shared
@click.pass_obj
def command(session: Session, queues: tuple[str, ...], *, everything: bool) -> None:
    """Let workers take jobs of paused queues again, at once.

    \b
    Examples:
      queuectl resume mail
      queuectl resume --all
    """
    wanted = wanted_queues("resume", queues, everything=everything)
    repository = session.repository
    _check_known(repository, wanted)
    done = repository.resume(wanted, now=now(), by=session.by)
    from queuectl.worker.living import call_workers

    workers = call_workers(repository)
    report(session, [] if everything else wanted, done, "resumed", "Resumed")
    if session.json:
        return
    if everything and not done:
        session.say("Nothing was paused.")
    for queue in wanted:
        if queue and queue not in done:
            session.say(f"Queue {queue!r} was not paused.")
    if done:
        session.hint_at_missing_worker(workers)


def _check_known(repository: JobRepository, queues: Iterable[str]) -> None:
    """See that each queue is paused or holds a job: one that is mistyped would stay paused, and nobody would know.

    Raises:
        QueueNotFound: one does neither.
    """
    known = {ALL, *(one.queue for one in repository.paused()), *repository.queues()}
    for queue in queues:
        if queue not in known:
            near = did_you_mean(queue, known - {ALL})
            raise QueueNotFound(
                f"no job is in queue {queue!r}, and it is not paused", near or "queuectl status shows what is paused"
            )
