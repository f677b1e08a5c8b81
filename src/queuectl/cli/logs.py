"""`queuectl logs`: what a job's command printed, as it printed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from queuectl.cli.following import follow as follow_job
from queuectl.cli.following import write
from queuectl.cli.options import job_ids, shared
from queuectl.cli.printed import host_elsewhere, host_of, is_cut, log_of
from queuectl.cli.words import Command
from queuectl.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from queuectl.cli.session import Session
    from queuectl.model import Job
    from queuectl.worker.logs import Log


@click.command("logs", cls=Command)
@click.argument("job_id", metavar="ID", shell_complete=job_ids())
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended, retries included.")
@click.option("-n", "--lines", type=click.IntRange(min=0), metavar="N", help="Only the last N lines.")
@click.option("--attempt", type=click.IntRange(min=1), metavar="N", help="Of this attempt.  [default: the last one]")
@shared
@click.pass_obj
def command(session: Session, job_id: str, *, follow: bool, lines: int | None, attempt: int | None) -> None:
    """Show what a job's command wrote to stdout and stderr.

    In a pipe these are the very bytes; on a terminal control characters are made visible. Of long
    output the head and the tail are kept; see the setting log-max-bytes.

    \b
    Examples:
      queuectl logs k3v9t2m8qa
      queuectl logs --follow k3v9
      queuectl logs --attempt 1 k3v9 | tail
    """
    if session.json:
        raise InvalidInput("logs are bytes and have no JSON form", "leave out --json")
    job = session.repository.get(job_id)
    run = _run_of(session, job, attempt)
    log = log_of(session.repository, job.seq, run)
    write(log.read() if lines is None else log.tail(lines))
    _say_where(session, job, run, log, follow=follow)
    if follow:
        only = attempt is not None
        follow_job(session.repository, job, run=run, log=log, only=only, write=write, say=session.say)


def _say_where(session: Session, job: Job, run: int, log: Log, *, follow: bool) -> None:
    """Say of a run whose log is on another host what that means for what is shown."""
    repository = session.repository
    if is_cut(repository, log):
        session.say(f"Only the end is kept; the whole log is on {host_of(repository, job, run)}.")
    elif not follow and run == job.runs and (host := host_elsewhere(repository, job)):
        session.say(f"Job {job.id!r} runs on host {host}, and so does its log; its end can be seen once it has ended.")


def _run_of(session: Session, job: Job, attempt: int | None) -> int:
    """Return the run that is meant: the last one, or the last one of that attempt."""
    if attempt is None:
        return job.runs
    runs = session.repository.runs(job)
    found = [run for number, run in runs if number == attempt]
    if not found:
        known = ", ".join(sorted({str(number) for number, _ in runs})) or "none"
        raise NotFound(f"job {job.id!r} has no attempt {attempt}", f"its attempts so far: {known}")
    return found[-1]
