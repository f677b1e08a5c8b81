"""`queuectl cancel`: stop jobs for good, whether they run or wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from queuectl.cli import output
from queuectl.cli.confirm import confirm, demand_somebody
from queuectl.cli.options import (
    Duration,
    States,
    check_ids_or_all,
    dry_run_option,
    flat,
    job_ids,
    queue_option,
    search_option,
    shared,
    tag_option,
    yes_option,
)
from queuectl.cli.session import Session, now
from queuectl.cli.words import Command
from queuectl.errors import WrongState
from queuectl.model import JobState
from queuectl.repository.base import Cancelled, Filter

if TYPE_CHECKING:
    from queuectl.model import Job

#: States whose jobs `--all` stops; dead ones are cancelled only by name.
_LIVE = (JobState.PENDING, JobState.PROCESSING)
_STATES = States((*_LIVE, JobState.FAILED, JobState.DEAD), "jobs have ended and cannot be cancelled")


@click.command("cancel", cls=Command)
@click.argument("ids", nargs=-1, metavar="[ID]…", shell_complete=job_ids(*_LIVE))
@click.option("--all", "everything", is_flag=True, help="All pending and processing jobs that the filters let through.")
@click.option("--state", "states", type=_STATES, multiple=True, metavar="S,…", help="With --all: only these states.")
@queue_option
@tag_option
@search_option
@click.option(
    "--grace", type=Duration(), default="5s", show_default=True, metavar="DUR",
    help="How long a running command has between TERM and KILL.",
)  # fmt: skip
@dry_run_option
@yes_option
@shared
@click.pass_obj
def command(  # noqa: PLR0917 - Click passes them by name
    session: Session,
    ids: tuple[str, ...],
    states: tuple[tuple[JobState, ...], ...],
    queues: tuple[str, ...],
    tags: tuple[str, ...],
    search: str,
    *,
    everything: bool,
    grace: float,
    dry_run: bool,
    yes: bool,
) -> None:
    """Stop jobs for good. They are kept as cancelled, not in the Dead Letter Queue.

    A pending job is cancelled at once. The command of a processing one gets TERM, with everything
    in its process group, and KILL if it has not ended after --grace.

    \b
    Examples:
      queuectl cancel a7
      queuectl cancel --all --queue mail --dry-run
    """
    which = Filter(ids=ids, states=flat(states) or (() if ids else _LIVE), queues=queues, tags=tags, search=search)
    check_ids_or_all("cancel", ids, everything=everything, filtered=bool(states or queues or tags or search))
    repository = session.repository
    if dry_run:
        jobs = _candidates(session, which)
        waiting = tuple(job.id for job in jobs if job.state is not JobState.PROCESSING)
        _report(session, Cancelled(waiting, tuple(job.id for job in jobs if job.id not in waiting)), dry_run=True)
        return
    if everything and not yes:
        demand_somebody(yes=yes)
        number = len(_candidates(session, which))
        if number:
            confirm(f"Cancel {number:,} {'job' if number == 1 else 'jobs'}?", yes=False)
    cancelled = repository.cancel(which, now=now(), grace=grace, by=session.by)
    from queuectl.worker.living import call_workers

    workers = call_workers(repository)
    _report(session, cancelled)
    if cancelled.asked and not workers:
        session.hint("no worker is running; the next one to start stops what still runs")


def _candidates(session: Session, which: Filter) -> list[Job]:
    if not which.ids:
        return list(session.repository.list(which).jobs)
    jobs = list({job.id: job for job in map(session.repository.get, which.ids)}.values())
    for job in jobs:
        if job.state in {JobState.COMPLETED, JobState.CANCELLED}:
            raise WrongState(f"job {job.id!r} is {job.state}; there is nothing to cancel", "see queuectl list")
    return jobs


def _report(session: Session, cancelled: Cancelled, *, dry_run: bool = False) -> None:
    """Say which jobs it was; those that still run end within their grace."""
    done, asked = ("would_cancel", "would_stop") if dry_run else ("cancelled", "stopping")
    ids = [(job_id, done) for job_id in cancelled.done] + [(job_id, asked) for job_id in cancelled.asked]
    if session.json:
        output.document({"jobs": [{"id": job_id, "how": how} for job_id, how in ids], "dry_run": dry_run})
    elif not ids:
        session.say("No such jobs.")
    elif output.is_terminal() and not session.quiet:
        from queuectl.cli.sentences import named

        for verb, some in (("Cancel", cancelled.done), ("Stop", cancelled.asked)):
            if some:
                past = {"Cancel": "Cancelled", "Stop": "Stopping"}[verb]
                output.write(f"{f'Would {verb.lower()}' if dry_run else past} {named(some)}.\n")
    else:
        for job_id, _ in ids:
            output.line(job_id)
