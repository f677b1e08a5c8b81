"""What a job prints, shown as it comes, one run after another, until the job has ended."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from queuectl.cli import output
from queuectl.cli.printed import host_elsewhere, log_of
from queuectl.cli.waiting import check, pause, removed
from queuectl.errors import JobNotFound
from queuectl.model import FINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl.model import Job
    from queuectl.repository.protocol import JobRepository
    from queuectl.worker.logs import Log

#: Seconds between two looks at a log, at the most.
_LOOK = 0.1


class _Reader:
    """Reads what the runs of a job print, from one of them on."""

    def __init__(
        self, repository: JobRepository, job: Job, run: int, log: Log | None, say: Callable[[str], None] | None
    ) -> None:
        self.run = run
        self._repository = repository
        self._job = job
        self._log = log or log_of(repository, job.seq, run)
        self._say = say
        self._known: int | None = None  # the version of the store that was looked at
        self._located = 0  # the run of which it is known where it is

    def look(self) -> Job:
        """Return the job as it is now; what was printed before is there for `more`."""
        if (version := self._repository.version()) != self._known:
            self._known, self._job = version, _again(self._repository, self._job)
            if self._job.runs == self.run and self._job.state is JobState.PROCESSING:
                self._locate()
            elif self._job.runs >= self.run and not self._log.is_begun:
                self._log = log_of(self._repository, self._job.seq, self.run)  # the store may have its end by now
        return self._job

    def more(self) -> bytes:
        """Return what the run has printed since the last call."""
        return self._log.more()

    def go_on(self) -> None:
        """Turn to the next run."""
        self.run += 1
        self._log = log_of(self._repository, self._job.seq, self.run)

    def _locate(self) -> None:
        """Say of a run that goes on elsewhere why nothing comes."""
        if self._say and self._located != self.run and (host := host_elsewhere(self._repository, self._job)):
            self._say(f"Job {self._job.id!r} runs on host {host}: what it prints is shown once it has ended.")
        self._located = self.run


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
    say: Callable[[str], None] | None = None,
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
        say: told in words why nothing can be shown.

    Raises:
        JobNotFound: it was removed meanwhile.
        StoreGone: the store was.
    """
    began = time.monotonic()
    told = job.attempts if job.state is JobState.PENDING else 0
    reader = _Reader(repository, job, run, log, say)
    while True:
        # The state first: what is written before a job ends is there once it has ended.
        job = reader.look()
        write(reader.more())
        if failed and job.state is JobState.PENDING and job.attempts > told:
            told = job.attempts
            failed(job)
        waited = time.monotonic() - began
        if job.runs > reader.run and not only:
            reader.go_on()
        elif job.state in FINAL or job.runs > reader.run or (seconds is not None and waited >= seconds):
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
