"""`queuectl worker`: run the jobs of a store in the foreground, and show how it goes."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import click

from queuectl.cli import output
from queuectl.cli.options import Duration, preferred, queue_names, shared, worker_names
from queuectl.cli.words import Command, Words
from queuectl.config import no_color
from queuectl.errors import InvalidInput
from queuectl.preferences import MOST_SLOTS
from queuectl.worker.options import WorkerOptions

if TYPE_CHECKING:
    from queuectl.cli.lines import Lines
    from queuectl.cli.live import LiveDisplay
    from queuectl.cli.session import Session


@click.group("worker", cls=Words)
@shared
def command() -> None:
    """Run the jobs; see and stop the workers."""


@command.command("start", cls=Command)
@click.option("--once", is_flag=True, help="Run one ready job and exit; exit at once if none is ready.")
@click.option("--drain", is_flag=True, help="Exit when nothing is left to run or to retry.")
@click.option(
    "-c", "--concurrency", "--count", "slots", type=click.IntRange(1, MOST_SLOTS),
    default=preferred("worker.concurrency"), metavar="N", help="Commands at a time.  [default: 1]",
)  # fmt: skip
@click.option(
    "-Q", "--queue", "queues", multiple=True, metavar="NAME", shell_complete=queue_names,
    help="Only jobs of this queue; may be repeated.  [default: all]",
)  # fmt: skip
@click.option("--max-jobs", type=click.IntRange(min=1), metavar="N", help="Exit after so many runs.")
@click.option(
    "--grace", type=Duration(), default=preferred("worker.grace"), metavar="DUR",
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
    """
    if once and drain:
        raise InvalidInput("--once and --drain exclude each other", "--drain runs all jobs, --once only one")
    _check_names(name, queues)
    repository = session.repository
    if not trust_store:
        from queuectl.worker.trust import check_trust

        check_trust(repository)
    options = WorkerOptions(slots, queues, once=once, drain=drain, max_jobs=max_jobs, grace=grace, name=name)
    from queuectl.cli import failure  # noqa: F401 - when it ends, the files may be those of another version
    from queuectl.worker.run import run_worker

    with closing(_observer(session, options, log_format)) as observer:
        return run_worker(repository, options, observer)


@command.command("list", cls=Command)
@shared
@click.pass_obj
def list_workers(session: Session) -> None:
    """List the workers that are alive.

    In a pipe: name, host, pid, slots, ids of its jobs, last heartbeat.

    \b
    Examples:
      queuectl worker list
      queuectl worker list --json | jq '.[].jobs'
    """
    from queuectl.cli.jobjson import worker_object
    from queuectl.worker.living import live_workers

    workers = live_workers(session.repository)
    if session.json:
        output.document([worker_object(worker) for worker in workers])
    elif output.is_terminal() and workers:
        from queuectl.cli.overview import worker_table
        from queuectl.cli.session import now
        from queuectl.cli.tables import glyphs_for

        glyphs = glyphs_for(unicode=output.speaks_unicode())
        output.render(worker_table(workers, output.console().width, now(), glyphs))
    elif not workers:
        session.hint_at_missing_worker(0)
    else:
        for worker in workers:
            identity, shown = worker.identity, worker_object(worker)
            jobs = ",".join(worker.jobs)
            output.line(identity.name, identity.host, identity.pid, identity.slots, jobs, shown["heartbeat_at"])


@command.command("stop", cls=Command, short_help="Stop workers from any terminal.")
@click.argument("names", nargs=-1, metavar="[NAME]…", shell_complete=worker_names)
@click.option("--now", "at_once", is_flag=True, help="Stop their commands too; the jobs go back to the queue.")
@click.option("--wait", type=Duration(), metavar="DUR", help="Wait until they are gone, but not longer than this.")
@shared
@click.pass_obj
def stop(session: Session, names: tuple[str, ...], *, at_once: bool, wait: float | None) -> None:
    """Stop workers from any terminal: all of them, or the named ones.

    They claim nothing more, let their running jobs finish, and end.

    \b
    Examples:
      queuectl worker stop
      queuectl worker stop desk --wait 10m
    """
    from queuectl.cli import stopping

    stopping.stop(session, names, how="now" if at_once else "graceful", wait=wait)


def _check_names(name: str | None, queues: tuple[str, ...]) -> None:
    """Refuse a name that could not be typed again, and queues that cannot be."""
    from queuectl.fields import FIELDS

    for option, field, value in (("--name", "id", name), *(("--queue", "queue", queue) for queue in queues)):
        if value is not None:
            try:
                FIELDS[field](value)
            except InvalidInput as error:
                hint = error.hint and error.hint.replace("an id", "a name")  # the rules are those of ids
                raise InvalidInput(f"{option}: {error.message}", hint) from None


def _observer(session: Session, options: WorkerOptions, log_format: str | None) -> Lines | LiveDisplay:
    """Return who shows the worker: a screen for a person who can see it, else lines."""
    plain = log_format is not None or session.json or session.quiet or no_color()
    if sys.stdout is not None and output.is_terminal() and not plain:
        from queuectl.cli.live import LiveDisplay
        from queuectl.cli.terminal import Terminal

        return LiveDisplay(Terminal(sys.stdout), options)
    from queuectl.cli.lines import Lines

    return Lines(sys.stdout, as_json=log_format == "json" or session.json, quiet=session.quiet)
