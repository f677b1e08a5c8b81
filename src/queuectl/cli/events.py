"""`queuectl events`: what happens to the jobs, one step after another, so that a reader can go on where it stopped."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from queuectl.cli import output
from queuectl.cli.options import Count, job_ids, shared
from queuectl.cli.session import now
from queuectl.cli.words import Command
from queuectl.duration import format_time
from queuectl.errors import StoreGone
from queuectl.repository.telling import START, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from queuectl.cli.session import Session
    from queuectl.model import Job
    from queuectl.repository.protocol import JobRepository
    from queuectl.repository.telling import Event

#: Events that are shown if nobody says from where or how many.
_LAST = 50
#: Events that are read in one transaction.
_PAGE = 500
#: Seconds between two looks at whether there is news.
_LOOK = 0.05


@click.command("events", cls=Command)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on, until Ctrl-C.")
@click.option(
    "--after", metavar="CURSOR", help=f"Begin behind the event that has this cursor; {START}: with the first."
)
@click.option("--job", "job_id", metavar="ID", shell_complete=job_ids(), help="Only the steps of this job.")
@click.option(
    "-n", "--limit", type=Count(), metavar="N",
    help="No more than N events; 0 for all.  [default: 50 without --after and --follow, else all]",
)  # fmt: skip
@shared
@click.pass_obj
def command(session: Session, *, follow: bool, after: str | None, job_id: str | None, limit: int | None) -> None:
    """Tell what happened to the jobs: each step once, in the order in which it was committed.

    Every event has a cursor; --after goes on exactly behind it, whatever was restarted meanwhile.
    Without --after the last events are shown, with --follow those to come. With --json it is an
    array, with --follow JSON Lines: one object a line.

    In a pipe: cursor, time, kind, job, from, to, attempt, run, worker, reason, exit code and queue,
    with tabs between them. What a person did is of kind action: who in the place of the worker, and
    what in the place of the reason.

    \b
    Examples:
      queuectl events --job nightly
      queuectl events --follow --json --after "$(cat cursor)"
      queuectl events --follow --limit 1
    """
    repository = session.repository
    job = repository.get(job_id) if job_id else None
    if follow:
        start = repository.cursor() if after is None else after
        for some in _following(repository, start, job, limit or None):
            _write(session, some)
            output.flush()
        return
    if after is None and limit != 0:
        pages = iter([repository.last_events(limit=_LAST if limit is None else limit, job=job)])
    else:
        pages = _pages(repository, START if after is None else after, job, limit or None)
    if session.json:
        output.array(map(_object, chain.from_iterable(pages)))
    elif not any([_write(session, some) for some in pages]) and output.is_terminal():  # noqa: C419 - all are written
        session.say("No events.")


def _pages(repository: JobRepository, after: str, job: Job | None, limit: int | None) -> Iterator[Sequence[Event]]:
    """Yield the events behind a cursor that are there, in parts."""
    while limit is None or limit > 0:
        size = _PAGE if limit is None else min(_PAGE, limit)
        page = repository.events(after, limit=size, job=job)
        if page:
            after = page[-1].cursor
            limit = None if limit is None else limit - len(page)
            yield page
        if len(page) < size:
            return


def _following(repository: JobRepository, after: str, job: Job | None, limit: int | None) -> Iterator[Sequence[Event]]:
    """Yield the events behind a cursor, those that are still to come too."""
    while True:
        version = repository.version()  # first: what is committed during the reading is news again
        for page in _pages(repository, after, job, limit):
            after = page[-1].cursor
            yield page
            if limit is not None:
                limit -= len(page)
        if limit == 0:
            return
        while repository.version() == version:
            output.rest(_LOOK)
            if not repository.is_same_file():
                hint = "its cursors mean nothing in the store that is there now"
                raise StoreGone(f"store {repository.url!r} was deleted or replaced", hint)


def _write(session: Session, events: Sequence[Event]) -> bool:
    """Write events in the form that the reader wants; say whether there were any."""
    if session.json:
        output.write("".join(output.as_json(_object(event)) + "\n" for event in events))
    elif output.is_terminal():
        _draw(events)
    else:
        for event in events:
            output.line(*_columns(event))
    return bool(events)


def _object(event: Event) -> dict[str, Any]:
    """Return an event as scripts read it; fields are only ever added."""
    head = {"cursor": event.cursor, "at": format_time(event.at)}
    if not isinstance(event, Step):
        return head | {"kind": "action", "by": event.by, "verb": event.verb, "what": event.what, "jobs": event.jobs}
    return head | {
        "kind": "transition",
        "job": event.job,
        "from": event.from_state,
        "to": event.state,
        "attempt": event.attempt,
        "run": event.run,
        "worker": event.worker,
        "reason": event.reason,
        "exit_code": event.exit_code,
        "queue": event.queue,
    }


def _columns(event: Event) -> Iterable[object]:
    if isinstance(event, Step):
        return _object(event).values()
    nothing = (None,) * 5
    what = f"{event.verb} {event.what} ({event.jobs})"
    return (event.cursor, format_time(event.at), "action", *nothing, event.by, what, None, None)


def _draw(events: Sequence[Event]) -> None:
    """Draw a line for each event."""
    from queuectl.cli.cells import clock, line
    from queuectl.cli.tables import glyphs_for, state_cell

    glyphs = glyphs_for(unicode=output.speaks_unicode())
    width, at = output.console().width, now()

    def parts(event: Event) -> Iterator[tuple[str, str]]:
        yield f"{clock(event.at, at)}  ", "dim"
        if not isinstance(event, Step):
            jobs = "1 job" if event.jobs == 1 else f"{event.jobs:,} jobs"
            yield f"{event.by}  {event.verb} {event.what} ({jobs})", "bold"
            return
        yield f"{event.job}  ", "bold"
        yield state_cell(event.state, glyphs, retrying=event.state == "pending" and event.attempt > 0)
        if event.attempt:
            yield f"  attempt {event.attempt}", "dim"
        if event.reason and event.reason != event.state:
            yield f"  {event.reason}", ""
        if event.worker and event.state == "processing":
            yield f"  {event.worker}", "dim"

    output.render(*(line(width, list(parts(event)), (), glyphs) for event in events))
