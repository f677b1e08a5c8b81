"""The run record, as a reader sees it; `queuectl.worker.shim` says how it is written."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import TYPE_CHECKING, NamedTuple

from queuectl import clock, errors
from queuectl.model import Execution, execution_of_wait_status
from queuectl.worker.shim import LINE

if TYPE_CHECKING:
    from pathlib import Path


class Recorded(NamedTuple):
    """What a run record says of one run."""

    keeper: int  #: pid of the shim that wrote it
    pid: int  #: of the command; 0: it was about to be started
    born: tuple[float, float]  #: seconds from the boot to before and after its start
    started_at: int
    began: float  #: the machine's monotonic clock at its start, in seconds
    execution: Execution | None  #: how it ended, if it did


class Record:
    """A run record.

    Only a file that is not there counts as absent. That one cannot be read, for want of a
    descriptor perhaps, says nothing about the run: such an `OSError` is for the reader to bear.

    Args:
        path: of the file, which need not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self, slots: int) -> None:
        """Make it, empty: a run of which it says nothing was certainly never started.

        It gets its whole length now, so that no full disk can keep the shim from writing into it.

        Raises:
            StoreFull: there is no room for it.
            StoreUnreachable: it cannot be made for another reason.
        """
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, LINE * (slots + 1))
            finally:
                os.close(descriptor)
        except OSError as error:
            kind = errors.StoreFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else errors.StoreUnreachable
            raise kind(f"cannot make the run record {str(self.path)!r}: {error.strerror}", "free some space") from error

    def run(self, name: str) -> Recorded | None:
        """Return what it says of the run, or None if the shim was never about to start it."""
        for line in self._lines()[1:]:
            fields = line.split()
            if fields and fields[0] == name:
                return _recorded(fields[1:])
        return None

    def keeper(self) -> int | None:
        """Return the pid of the shim that keeps it, or None if that is dead.

        The shim holds a lock on the file; the kernel drops it with the process.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int((self._lines()[0].split() + ["0"] * 3)[2])
        else:
            return None
        finally:
            os.close(descriptor)

    def pids(self) -> set[int]:
        """Return the pids of all commands that it names."""
        found = (line.split() for line in self._lines()[1:])
        return {int(fields[2]) for fields in found if fields[2:]}

    def may_start_more(self) -> bool:
        """Say whether its shim may still get to a run that it has not started yet."""
        return self.keeper() is not None and "detached" not in self._lines()[0]

    def exists(self) -> bool:
        """Say whether the file is there at all."""
        return self.path.exists()

    def _lines(self) -> list[str]:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return [""]
        # By length, not by newline: slots that were never used are holes in the file, and
        # read as zeros.
        starts = range(0, max(1, len(content)), LINE)
        return [content[start : start + LINE].strip(b"\0\n ").decode("ascii", "replace") for start in starts]


def _recorded(fields: list[str]) -> Recorded:
    keeper, pid, before, after, started_at, began = fields[:6]
    since = clock.shared(int(started_at))  # the shim goes by the machine's own
    execution = None
    if fields[6:]:
        status, ended_at, seconds = fields[6:9]
        execution = execution_of_wait_status(
            int(status), started_at=since, finished_at=clock.shared(int(ended_at)), duration_seconds=float(seconds)
        )
    return Recorded(int(keeper), int(pid), (float(before), float(after)), since, float(began), execution)
