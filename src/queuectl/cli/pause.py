"""`queuectl pause`: claim nothing more from a queue; and what `resume` shares with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from queuectl.cli import output
from queuectl.cli.options import queue_names, shared
from queuectl.cli.session import now
from queuectl.cli.words import Command
from queuectl.errors import InvalidInput, did_you_mean
from queuectl.fields import FIELDS
from queuectl.repository.acting import ALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.cli.session import Session
    from queuectl.repository.acting import Paused


@click.command("pause", cls=Command)
@click.argument("queues", nargs=-1, metavar="[QUEUE]…", shell_complete=queue_names)
@click.option("--all", "everything", is_flag=True, help="All queues, those included that come later.")
@shared
@click.pass_obj
def command(session: Session, queues: tuple[str, ...], *, everything: bool) -> None:
    """Hold queues back: their jobs wait until `queuectl resume`.

    What runs goes on. New jobs can be enqueued all the while. A pause lasts until it is lifted, over
    the end of every worker; `queuectl status` shows it.

    \b
    Examples:
      queuectl pause mail
      queuectl pause --all
    """
    wanted = wanted_queues("pause", queues, everything=everything)
    repository = session.repository
    before = {paused.queue: paused for paused in repository.paused()}
    done = repository.pause(wanted, now=now(), by=session.by)
    report(session, wanted, done, "paused", "Paused")
    from queuectl.worker.wakeup import wake

    wake(repository.directory_name)  # a worker that drains has nothing to wait for any more
    if session.json:
        return
    for queue in wanted:
        if queue not in done:
            session.say(_already(queue, before.get(queue)))
    _doubt(session, [queue for queue in done if queue != ALL])


def wanted_queues(verb: str, queues: Sequence[str], *, everything: bool) -> list[str]:
    """Return the queues that a command line names, each once; `ALL` for `--all`."""
    if everything == bool(queues):
        raise InvalidInput(f"name the queues to {verb}, or say --all", "queuectl status shows what is paused")
    return [ALL] if everything else list(dict.fromkeys(map(FIELDS["queue"], queues)))


def shown(queue: str) -> str:
    """Return a queue as scripts read it: `*` stands for all, and is the name of none."""
    return queue or "*"


def report(session: Session, wanted: Sequence[str], done: Sequence[str], how: str, past: str) -> None:
    """Say which queues it was; in a pipe only those for which something has changed."""
    if session.json:
        queues = [*done, *(queue for queue in wanted if queue not in done)]
        rows = [{"queue": shown(queue), "how": how if queue in done else "unchanged"} for queue in queues]
        output.document({"queues": rows})
    elif output.is_terminal() and not session.quiet:
        for queue in done:
            what = f"queue {queue!r}" if queue else "all queues"
            output.write(output.safe(f"{past} {what}.") + "\n")
    else:
        for queue in done:
            output.line(shown(queue))


def _already(queue: str, paused: Paused | None) -> str:
    """Say since when a queue has been paused, and by whom."""
    words = f"Queue {queue!r} was paused already" if queue else "All queues were paused already"
    if paused is None:  # somebody was quicker
        return f"{words}."
    from queuectl.duration import format_duration

    return f"{words}, {format_duration(max(0, now() - paused.since) // 1000)} ago by {paused.by}."


def _doubt(session: Session, queues: Sequence[str]) -> None:
    """Say of queues that hold no job that they are paused all the same: a name may be mistyped."""
    known = session.repository.queues()
    for queue in queues:
        if queue not in known:
            session.say(f"No job is in queue {queue!r} yet; it is paused all the same.")
            if known and (near := did_you_mean(queue, known)):
                session.hint(near)
