"""`queuectl list`: the jobs, oldest first."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import click

from queuectl.cli import output
from queuectl.cli.options import States, flat, limit_option, queue_option, search_option, shared, tag_option
from queuectl.cli.session import Session, now
from queuectl.cli.words import Command
from queuectl.model import JobState
from queuectl.repository.base import Filter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from queuectl.model import Job

#: Jobs of a long list for which a terminal's columns are laid out, and drawn, at a time.
_PART = 500


@click.command("list", cls=Command)
@click.option("--state", "states", type=States(), multiple=True, metavar="STATE,…", help="Only jobs in these states.")
@click.option("--retrying", is_flag=True, help="Only jobs that wait for a retry; the same as --state failed.")
@queue_option
@tag_option
@search_option
@limit_option
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
    limit: int,
) -> None:
    """List the newest jobs, in the order of enqueueing.

    In a pipe: one line a job with tabs between id, state, attempts, max_retries, queue, priority,
    created_at, next_run_at, finished_at, exit_code, error and command.

    \b
    Examples:
      queuectl list --state pending,processing
      queuectl list --retrying --queue mail
      queuectl list --limit 0 --json | jq '.[].id'
    """
    wanted = (*flat(states), JobState.FAILED) if retrying else flat(states)
    which = Filter(states=wanted, queues=queues, tags=tags, search=search)
    show_jobs(session, which, limit=limit)


def show_jobs(session: Session, which: Filter, *, limit: int, last_line: Callable[[Job], str] | None = None) -> None:
    """Write the jobs that a filter lets through, in the form that the reader wants.

    With `last_line`, what that returns stands beside the error of each job.
    """
    jobs, older = session.repository.list(which, limit=limit)
    if session.json:
        from queuectl.cli.jobjson import job_object

        output.array(job_object(job) | ({"last_line": last_line(job)} if last_line else {}) for job in jobs)
    elif output.is_terminal():
        _draw(session, which, (_explained(job, last_line) for job in jobs))
    else:
        _write_lines(jobs, last_line)
    if older:
        output.flush()  # on a terminal the note stands below the list
        noun = "job is" if older == 1 else "jobs are"
        session.say(f"{older:,} older {noun} not shown; --limit 0 shows all")


def _explained(job: Job, last_line: Callable[[Job], str] | None) -> Job:
    """Return the job with the last line of its output in its error."""
    line = last_line(job) if last_line else ""
    return job._replace(error=f"{job.error}: {line}") if line else job


def _draw(session: Session, which: Filter, jobs: Iterator[Job]) -> None:
    first = list(islice(jobs, _PART))
    if not first:
        _say_empty(session, which)
        return
    from queuectl.cli import tables

    is_dead = which.states == (JobState.DEAD,)
    table = tables.JobTable(
        tables.DEAD if is_dead else tables.LIST,
        width=output.console().width,
        at=now(),
        glyphs=tables.glyphs_for(unicode=output.speaks_unicode()),
    )
    output.render(table.part(first))
    while part := list(islice(jobs, _PART)):
        output.render(table.part(part))


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
