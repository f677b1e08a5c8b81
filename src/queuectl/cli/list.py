"""`queuectl list`: the jobs, oldest first."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from queuectl.cli import output
from queuectl.cli.options import (
    States,
    flat,
    limit_option,
    named,
    queue_option,
    search_option,
    shared,
    tag_option,
)
from queuectl.cli.session import Session, now
from queuectl.cli.watch import watch, watch_option
from queuectl.cli.words import Command
from queuectl.errors import InvalidInput, did_you_mean, quoted
from queuectl.model import JobState
from queuectl.repository.base import Filter
from queuectl.repository.ordering import ENQUEUED, KEYS, Order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.shell_completion import CompletionItem
    from rich.console import RenderableType

    from queuectl.cli.tables import JobTable
    from queuectl.model import Job

#: Jobs of a long list for which a terminal's columns are laid out, and drawn, at a time.
_PART = 500
_SORT_HELP = f"By {', '.join(KEYS[:-1])} or {KEYS[-1]}; -KEY begins with the highest.  [default: created]"


class SortKey(click.ParamType[Order]):
    """What jobs are sorted by, with `-` before it if the highest come first, as an `Order`."""

    name = "key"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the order."""
        if isinstance(value, Order):
            return value
        key = str(value).strip().lower()
        bare = key.removeprefix("-")
        if bare not in KEYS:
            with named(param):
                hint = did_you_mean(bare, KEYS) or f"sort by {', '.join(KEYS)}, with - before it to begin at the end"
                raise InvalidInput(f"jobs are not sorted by {quoted(bare)}", hint)
        return Order(bare, descending=key != bare)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the keys; what begins with `-` a shell takes for an option."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(key) for key in KEYS if key.startswith(incomplete)]


@click.command("list", cls=Command)
@click.option("--state", "states", type=States(), multiple=True, metavar="STATE,…", help="Only jobs in these states.")
@click.option("--retrying", is_flag=True, help="Only jobs that wait for a retry; the same as --state failed.")
@queue_option
@tag_option
@search_option
@click.option("--sort", "order", type=SortKey(), default="created", metavar="[-]KEY", help=_SORT_HELP)
@limit_option
@watch_option
@shared
@click.pass_obj
def command(
    session: Session,
    states: tuple[tuple[JobState, ...], ...],
    queues: tuple[str, ...],
    tags: tuple[str, ...],
    search: str,
    *,
    retrying: bool,
    order: Order,
    limit: int,
    seconds: float | None,
) -> None:
    """List the newest jobs, in the order of enqueueing.

    With --sort by anything but created, --limit keeps the first ones in that order; jobs of which
    the key is not known come last.

    In a pipe: one line a job with tabs between id, state, attempts, max_retries, queue, priority,
    created_at, next_run_at, finished_at, exit_code, error and command.

    \b
    Examples:
      queuectl list --state pending,processing
      queuectl list --retrying --queue mail
      queuectl list --state completed --sort -duration --limit 10
      queuectl list --limit 0 --json | jq '.[].id'
    """
    wanted = (*flat(states), JobState.FAILED) if retrying else flat(states)
    which = Filter(states=wanted, queues=queues, tags=tags, search=search)
    if seconds is None:
        show_jobs(session, which, limit=limit, order=order)
        return
    watch(session, lambda width, height: _page(session, which, limit, order, width, height), seconds=seconds)


def show_jobs(
    session: Session,
    which: Filter,
    *,
    limit: int,
    order: Order = ENQUEUED,
    last_line: Callable[[Job], str] | None = None,
) -> None:
    """Write the jobs that a filter lets through, in the form that the reader wants.

    With `last_line`, what that returns stands beside the error of each job.
    """
    jobs, older = session.repository.list(which, limit=limit, order=order)
    if session.json:
        from queuectl.cli.jobjson import job_object

        output.array(job_object(job) | ({"last_line": last_line(job)} if last_line else {}) for job in jobs)
    elif output.is_terminal():
        _draw(session, which, (_explained(job, last_line) for job in jobs))
    else:
        _write_lines(jobs, last_line)
    if older:
        output.flush()  # on a terminal the note stands below the list
        session.say(f"{_left_out(older, order)}; --limit 0 shows all")


def _left_out(number: int, order: Order) -> str:
    which = "older" if order.key == "created" else "more"
    return f"{number:,} {which} {'job is' if number == 1 else 'jobs are'} not shown"


def _explained(job: Job, last_line: Callable[[Job], str] | None) -> Job:
    """Return the job with the last line of its output in its error."""
    line = last_line(job) if last_line else ""
    return job._replace(error=f"{job.error}: {line}") if line else job


def _draw(session: Session, which: Filter, jobs: Iterator[Job]) -> None:
    first = list(islice(jobs, _PART))
    if not first:
        _say_empty(session, which)
        return
    table = _table(which, output.console().width, now())
    output.render(table.part(first))
    while part := list(islice(jobs, _PART)):
        output.render(table.part(part))


def _table(which: Filter, width: int, at: int) -> JobTable[Job]:
    from queuectl.cli import tables

    columns = tables.DEAD if which.states == (JobState.DEAD,) else tables.LIST
    return tables.JobTable(columns, width=width, at=at, glyphs=tables.glyphs_for(unicode=output.speaks_unicode()))


def _page(  # noqa: PLR0917 - what was asked for, and where it has to fit
    session: Session, which: Filter, limit: int, order: Order, width: int, height: int
) -> Callable[[int], Iterator[RenderableType]]:
    """Read as many jobs as there is room for, and return what draws them at an instant."""
    room = max(1, height - 2)  # without the header, and the note on what is left out
    jobs, older = session.repository.list(which, limit=min(limit or room, room), order=order)
    shown = list(jobs)

    def draw(at: int) -> Iterator[RenderableType]:
        from rich.text import Text

        if shown:
            yield _table(which, width, at).part(shown)
        else:
            yield Text("No such jobs." if which != Filter() else "No jobs yet.", "dim")
        if older:
            yield Text(f"{_left_out(older, order)}.", "dim")

    return draw


def _say_empty(session: Session, which: Filter) -> None:
    if which != Filter():
        session.say("No dead jobs." if which == Filter(states=(JobState.DEAD,)) else "No such jobs.")
        return
    session.say("No jobs yet.")
    session.hint(f"put one into the queue with: {session.call('enqueue')} 'echo Hello World'")


def _write_lines(jobs: Iterator[Job], last_line: Callable[[Job], str] | None) -> None:
    from queuectl.cli.jobjson import time_or_none

    for job in jobs:
        output.line(
            job.id, job.state, job.attempts, job.max_retries, job.queue, job.priority, time_or_none(job.created_at),
            time_or_none(job.next_run_at), time_or_none(job.finished_at), job.exit_code, job.error, job.command,
            *([last_line(job)] if last_line else []),
        )  # fmt: skip
