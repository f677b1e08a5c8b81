"""Deleting the logs of jobs that were removed, a few at a time.

What is to be deleted the store has noted (`leftovers`); no directory is searched for what nobody
knows, so a log is never taken for litter. Every directory on the way is opened as one, links
excluded, and names are made of numbers: nothing outside of the data directory can be reached.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from itertools import groupby
from typing import TYPE_CHECKING

from queuectl.worker.logs import SHELF, log_name
from queuectl.worker.said import wish_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from queuectl.repository.protocol import JobRepository
    from queuectl.repository.pruning import Leftover

#: Beyond so many runs of a job it is cheaper to look which files there are.
_MANY = 100
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: What opening a directory fails with if it is not there, or is something else.
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


def sweep(repository: JobRepository, *, limit: int) -> int:
    """Delete the logs of up to `limit` removed jobs; return of how many, 0 if none is left.

    The note of a job goes last: if this dies in between, somebody does it again.

    Raises:
        OSError: a file cannot be deleted. Its note stays.
    """
    leftovers = repository.leftovers(limit=limit)
    with _opened(repository.directory_name) as directory, _opened("logs", directory) as logs:
        for number, some in groupby(leftovers, key=lambda one: one.seq // SHELF):
            _clear(repository, number, some, logs)
    repository.swept(leftovers)
    return len(leftovers)


def _clear(repository: JobRepository, number: int, leftovers: Iterable[Leftover], logs: int | None) -> None:
    """Delete what these jobs left on one shelf, and the shelf if no job will need it any more."""
    where = log_name(number * SHELF, 0).split("/")[1]
    with _opened(where, logs) as shelf:
        if shelf is None:
            return
        for leftover in leftovers:
            for name in _files(leftover, shelf):
                # A directory of this name is not ours.
                with suppress(FileNotFoundError, IsADirectoryError):
                    os.unlink(name, dir_fd=shelf)
    if repository.is_past(number * SHELF, number * SHELF + SHELF - 1):
        with suppress(OSError):  # not empty yet, or already gone
            os.rmdir(where, dir_fd=logs)


def _files(leftover: Leftover, shelf: int) -> Iterable[str]:
    """Return what the runs of a job may have left: their logs, and what they said about the next run."""
    if leftover.runs <= _MANY:
        seq, runs = leftover.seq, range(1, leftover.runs + 1)
        return [name(seq, run).split("/")[2] for run in runs for name in (log_name, wish_name)]
    return [name for name in os.listdir(shelf) if name.startswith(f"{leftover.seq}-")]


@contextmanager
def _opened(name: str, parent: int | None = -1) -> Iterator[int | None]:
    """Open a directory, in another one unless that is -1; None if either is not there, or is a link."""
    descriptor: int | None = None
    if parent is not None:
        try:
            descriptor = os.open(name, _DIRECTORY, dir_fd=None if parent == -1 else parent)
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)
