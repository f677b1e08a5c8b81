"""`queuectl worker`: run the jobs of a store in the foreground, and show how it goes."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import click

from queuectl.cli import output
from queuectl.cli.options import Duration, queue_names, shared
from queuectl.cli.words import Command, Words
from queuectl.config import no_color
from queuectl.errors import InvalidInput
from queuectl.worker.options import WorkerOptions

if TYPE_CHECKING:
    from queuectl.cli.lines import Lines
    from queuectl.cli.live import LiveDisplay
    from queuectl.cli.session import Session

#: More commands at a time than a machine could hold.
_MOST_SLOTS = 1024


@click.group("worker", cls=Words)
@shared
def command() -> None:
    """Run the jobs."""


@command.command("start", cls=Command)
@click.option("--once", is_flag=True, help="Run one ready job and exit; exit at once if none is ready.")
@click.option("--drain", is_flag=True, help="Exit when nothing is left to run or to retry.")
@click.option(
    "-c", "--concurrency", "--count", "slots", type=click.IntRange(1, _MOST_SLOTS), default=1, show_default=True,
    metavar="N", help="Commands at a time.",
)  # fmt: skip
@click.option(
    "-Q", "--queue", "queues", multiple=True, metavar="NAME", shell_complete=queue_names,
    help="Only jobs of this queue; may be repeated.  [default: all]",
)  # fmt: skip
@click.option("--max-jobs", type=click.IntRange(min=1), metavar="N", help="Exit after so many runs.")
@click.option(
    "--grace", type=Duration(), metavar="DUR",
    help="How long running jobs may go on after the first Ctrl-C.  [default: until they end]",
)  # fmt: skip
@click.option("--name", metavar="NAME", help="What the worker is called.  [default: HOST-PID]")
@click.option("--trust-store", is_flag=True, help="Work on a store that another user could have written.")
@click.option(
    "--log-format", type=click.Choice(["text", "json"]),
    help="Print one line an event, on a terminal too.  [default in a pipe: text]",
)  # fmt: skip
@shared
@click.pass_obj
def start(
    session: Session,
    *,
    once: bool,
    drain: bool,
    slots: int,
    queues: tuple[str, ...],
    max_jobs: int | None,
    grace: float | None,
    name: str | None,
    trust_store: bool,
    log_format: str | None,
) -> int:
    """Run jobs until Ctrl-C.

    The first Ctrl-C or TERM lets running jobs finish, the second stops them and gives them back to
    the queue, the third leaves at once. Jobs outlive a worker that is killed: the next one takes
    them over.

    \b
    Examples:
      queuectl worker start
      queuectl worker start --concurrency 4 --drain
      queuectl worker start --once
    """  # noqa: D301 - Click's mark for lines that stay as they are
    if once and drain:
        raise InvalidInput("--once and --drain exclude each other", "--drain runs all jobs, --once only one")
    if name is not None and not name.strip():
        raise InvalidInput("the name of the worker is empty", "leave --name out for HOST-PID")
    repository = session.repository
    if not trust_store:
        from queuectl.worker.trust import check_trust

        check_trust(repository)
    options = WorkerOptions(slots, queues, once=once, drain=drain, max_jobs=max_jobs, grace=grace, name=name)
    from queuectl.worker.engine import run_worker

    with closing(_observer(session, options, log_format)) as observer:
        return run_worker(repository, options, observer)


def _observer(session: Session, options: WorkerOptions, log_format: str | None) -> Lines | LiveDisplay:
    """Return who shows the worker: a screen for a person who can see it, else lines."""
    plain = log_format is not None or session.json or session.quiet or no_color()
    if sys.stdout is not None and output.is_terminal() and not plain:
        from queuectl.cli.live import LiveDisplay
        from queuectl.cli.terminal import Terminal

        return LiveDisplay(Terminal(sys.stdout), options)
    from queuectl.cli.lines import Lines

    return Lines(sys.stdout, as_json=log_format == "json" or session.json, quiet=session.quiet)
