"""`queuectl logs`: what a job's command printed, as it printed it."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import click

from queuectl.cli import output
from queuectl.cli.options import job_ids, shared
from queuectl.cli.words import Command
from queuectl.errors import InvalidInput, NotFound
from queuectl.model import FINAL
from queuectl.worker.logs import Log, log_path

if TYPE_CHECKING:
    from queuectl.cli.session import Session
    from queuectl.model import Job

#: Seconds between two looks at a log that is followed.
_LOOK = 0.1


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
    """
    if session.json:
        raise InvalidInput("logs are bytes and have no JSON form", "leave out --json")
    job = session.repository.get(job_id)
    run = _run_of(session, job, attempt)
    log = Log(log_path(session.repository.directory, job.seq, run))
    _write(log.read() if lines is None else log.tail(lines))
    if follow:
        _follow(session, job, run, log, only=attempt is not None)


def _run_of(session: Session, job: Job, attempt: int | None) -> int:
    """Return the run that is meant: the last one, or the last one of that attempt."""
    runs = session.repository.runs(job)
    if attempt is None:
        return runs[-1][1] if runs else 0
    found = [run for number, run in runs if number == attempt]
    if not found:
        known = ", ".join(sorted({str(number) for number, _ in runs})) or "none"
        raise NotFound(f"job {job.id!r} has no attempt {attempt}", f"its attempts so far: {known}")
    return found[-1]


def _follow(session: Session, job: Job, run: int, log: Log, *, only: bool) -> None:
    """Write what comes until the job has ended, one run after another."""
    while True:
        # The state first: what is written before a job ends is there once it has ended.
        now = session.repository.get(job.id)
        last = _run_of(session, job, None)
        _write(log.more())
        if last != run and not only:
            run, log = last, Log(log_path(session.repository.directory, job.seq, last))
        elif now.state in FINAL or last != run:
            return
        else:
            time.sleep(_LOOK)


def _write(content: bytes) -> None:
    """Write bytes to stdout: as they are into a pipe, made harmless onto a terminal."""
    if not content or sys.stdout is None:
        return
    if not output.is_terminal():
        output.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    text = content.decode("utf-8", "backslashreplace")
    shown = "".join(char if char in "\n\t" else output.safe(char) for char in text.replace("\r\n", os.linesep))
    output.write(shown)
    output.flush()
