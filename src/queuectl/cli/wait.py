"""`queuectl wait`: wait until jobs have ended, and exit by what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from queuectl.cli.options import Duration, job_ids, shared
from queuectl.cli.words import Command
from queuectl.errors import InvalidInput
from queuectl.model import JobState

if TYPE_CHECKING:
    from queuectl.cli.session import Session


@click.command("wait", cls=Command)
@click.argument("ids", nargs=-1, metavar="ID…", shell_complete=job_ids(JobState.PENDING, JobState.PROCESSING))
@click.option("--any", "first", is_flag=True, help="Wait until one of them has ended.")
@click.option("--timeout", type=Duration(), metavar="DUR", help="Give up after this long, and exit with 124.")
@click.option("--exit-code", "own", is_flag=True, help="If a job ended without success, exit with its own code.")
@shared
@click.pass_obj
def command(session: Session, ids: tuple[str, ...], *, first: bool, timeout: float | None, own: bool) -> int:
    """Wait until jobs have ended, retries included.

    Exits with 0 if all that was waited for succeeded, with 5 if a job is dead or cancelled. With
    --exit-code it is the exit code of the first such job on the line instead, if that has one.
    When the time of --timeout has run out it exits with 124; the same command again goes on waiting.

    Prints a line for each job that ends: id, state, exit code, error. With --json, at the end, all jobs as
    they are then, also when the time has run out:

    \b
      {"jobs": [{"id": "task1", "state": "completed", …}], "timed_out": false}

    \b
    Examples:
      queuectl wait task1 task2 && echo both are done
      queuectl wait --timeout 10m --exit-code nightly
      winner=$(queuectl wait --any east west | cut -f 1)
    """
    if not ids:
        raise InvalidInput("there is nothing to wait for", "name the jobs; queuectl list shows them")
    from queuectl.cli.waiting import Wish, wait_for

    jobs = {job.seq: job.id for job in map(session.repository.get, ids)}
    return wait_for(session, jobs, Wish(first=first, seconds=timeout, own=own))
