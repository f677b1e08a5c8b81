"""The run record, as a reader sees it; `queuectl.worker.shim` says how it is written."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import math
import os
from typing import TYPE_CHECKING, NamedTuple

from queuectl import clock, errors
from queuectl.model import Execution, Outcome, execution_of_wait_status
from queuectl.worker.shim import HEADS, HOLDS, LINE, line

if TYPE_CHECKING:
    from pathlib import Path


#: Why a run was stopped whose host did not reach the store.
CUT_OFF = "its host was cut off from the store"


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
                os.posix_fallocate(descriptor, 0, LINE * (slots + HEADS))
            finally:
                os.close(descriptor)
        except OSError as error:
            kind = errors.StoreFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else errors.StoreUnreachable
            raise kind(f"cannot make the run record {str(self.path)!r}: {error.strerror}", "free some space") from error

    def hold(self, until: float) -> None:
        """Let its shim's commands run until this moment by the clock since the boot; without end they may anyway.

        If that cannot be written, they are stopped earlier than they would have to be.
        """
        if not math.isinf(until):
            with contextlib.suppress(OSError):
                descriptor = os.open(self.path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    os.pwrite(descriptor, line(HOLDS, f"{until:.3f}"), LINE)
                finally:
                    os.close(descriptor)

    def run(self, name: str) -> Recorded | None:
        """Return what it says of the run, or None if the shim was never about to start it."""
        for words in self._lines()[1:]:
            fields = words.split()
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
        found = (words.split() for words in self._lines()[1:])
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


def execution_of(status: int, started_at: int, ended_at: int, seconds: float, *, is_cut: bool) -> Execution:
    """Return how a run ended, from what the shim says, which goes by the machine's own clock.

    Args:
        status: as `wait` gives it.
        started_at: in milliseconds since the epoch.
        ended_at: likewise.
        seconds: that it took.
        is_cut: whether the shim had killed it because its lease was about to end.
    """
    execution = execution_of_wait_status(
        status,
        started_at=clock.shared(started_at),
        finished_at=clock.shared(ended_at),
        duration_seconds=seconds,
    )
    if is_cut and not execution.is_success():
        return execution._replace(outcome=Outcome.RETURNED, error=CUT_OFF)
    return execution


def _recorded(fields: list[str]) -> Recorded:
    keeper, pid, before, after, started_at, began = fields[:6]
    execution = None
    if fields[6:]:
        status, ended_at, seconds, *cut = fields[6:]
        execution = execution_of(int(status), int(started_at), int(ended_at), float(seconds), is_cut=bool(cut))
    born = float(before), float(after)
    return Recorded(int(keeper), int(pid), born, clock.shared(int(started_at)), float(began), execution)
