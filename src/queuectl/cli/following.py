"""What a job prints, shown as it comes, one run after another, until the job has ended."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from queuectl.cli import output
from queuectl.cli.waiting import check, pause, removed
from queuectl.errors import JobNotFound
from queuectl.model import FINAL, JobState
from queuectl.worker.logs import Log, log_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl.model import Job
    from queuectl.repository.protocol import JobRepository

#: Seconds between two looks at a log, at the most.
_LOOK = 0.1


def log_of(repository: JobRepository, job: Job, run: int) -> Log:
    """Return the log of one of its runs, which are numbered from 1."""
    return Log(log_path(repository.directory, job.seq, run))


def follow(
    repository: JobRepository,
    job: Job,
    *,
    run: int,
    log: Log | None = None,
    only: bool = False,
    seconds: float | None = None,
    write: Callable[[bytes], None],
    failed: Callable[[Job], None] | None = None,
) -> Job:
    """Write what comes from this run on until the job has ended; return it as it is then.

    Args:
        repository: where it is.
        job: what to follow.
        run: where to begin; one that is still to come has printed nothing yet.
        log: that of the run, as far as it was read.
        only: end with this run.
        seconds: how long to wait; then the job that is returned has not ended. None: for ever.
        write: takes what was printed.
        failed: told of each attempt that failed and is followed by another one.

    Raises:
        JobNotFound: it was removed meanwhile.
        StoreGone: the store was.
    """
    began = time.monotonic()
    known: int | None = None
    told = job.attempts if job.state is JobState.PENDING else 0
    log = log or log_of(repository, job, run)
    while True:
        # The state first: what is written before a job ends is there once it has ended.
        if (version := repository.version()) != known:
            known, job = version, _again(repository, job)
        write(log.more())
        if failed and job.state is JobState.PENDING and job.attempts > told:
            told = job.attempts
            failed(job)
        waited = time.monotonic() - began
        if job.runs > run and not only:
            run += 1
            log = log_of(repository, job, run)
        elif job.state in FINAL or job.runs > run or (seconds is not None and waited >= seconds):
            return job
        else:
            left = _LOOK if seconds is None else min(_LOOK, seconds - waited)
            time.sleep(min(left, pause(waited, most=_LOOK)))
            check(repository)


def _again(repository: JobRepository, job: Job) -> Job:
    """Return the job as it is now; another one may have its id."""
    try:
        found = repository.get(job.id)
    except JobNotFound:
        found = None
    if found is None or found.seq != job.seq:
        raise removed(job.id)
    return found


def write(content: bytes) -> None:
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
