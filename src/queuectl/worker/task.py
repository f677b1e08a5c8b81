"""What a worker has in hand: its own runs, and those it has adopted."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from queuectl import clock
from queuectl.duration import format_duration
from queuectl.model import Execution, Outcome, execution_of_wait_status
from queuectl.worker import process

if TYPE_CHECKING:
    from queuectl.repository.base import Lease
    from queuectl.worker.record import Record

#: Seconds between two looks at a run whose end no descriptor announces.
_SOON, _LATER = 0.01, 1.0


class Stop(NamedTuple):
    """Why a run is being stopped, and until when it has time to end by itself."""

    cause: str  #: `timeout`, `stop`, `cancel`, or `cut` (off from the store)
    kill_at: float  #: by the monotonic clock


class Task:
    """A run that this worker started.

    Args:
        shim: keeps it.
        slot: of the shim's run record.
    """

    def __init__(self, lease: Lease, shim: process.Shim, slot: int) -> None:
        self.lease = lease
        self.stop: Stop | None = None
        self.slot = slot
        self.run = run_name(lease)  #: its name, unique in its store
        self.started_at = lease.job.started_at or 0
        self.began: float | None = None  #: by the monotonic clock; None: it waits in the shim
        self._shim = shim
        self._is_dropped = False

    def signal(self, number: int) -> None:
        """Signal the command's group; the shim knows whether it is still there."""
        self._shim.send([("signal", self.slot, self.run, number)])

    def drop(self) -> None:
        """Have it given back if it has not begun; it is over then."""
        if not self._is_dropped:
            self._is_dropped = True
            self._shim.send([("drop", self.slot, self.run)])

    def times_out_at(self) -> float | None:
        """Return the end of its time by the monotonic clock, if it has one."""
        timeout = self.lease.job.timeout
        return None if timeout is None or self.began is None else self.began + timeout


class Adopted(Task):
    """A run whose worker or shim is gone, followed through its run record.

    Args:
        record: what its shim writes, if that is there.
        store: the location of the store.
        host: where its worker was, if that has kept its run records elsewhere. Unless the run is older than that
            worker, and has been here all the time, it cannot be followed: its host has stopped it.
    """

    def __init__(self, lease: Lease, record: Record, store: str, host: str = "") -> None:
        self.lease = lease
        self.stop = None
        self.slot = -1
        self.run = run_name(lease)
        self.record = record
        self.started_at = lease.job.started_at or 0
        self.began = time.monotonic()
        self.pid = 0
        self.descriptor: int | None = None  #: readable when the command has ended
        self.look_at = 0.0  #: when to look again, by the monotonic clock
        self.is_abandoned = False  #: the shim that had to start it is gone for certain
        self._store = store
        self._host = host
        self._end: Execution | None = None

    def look(self) -> Execution | None:
        """Return how the run ended, None while it may go on or nothing can be known.

        Once it has told an end it tells the same again: the status of a child can be had only once.
        """
        if self._end is None:
            try:
                self._end = self._find_out()
            except (OSError, ValueError):  # no descriptor is left, say
                self.look_at = time.monotonic() + _LATER
        return self._end

    def _find_out(self) -> Execution | None:
        self.look_at = time.monotonic() + _SOON
        found = self.record.run(self.run)
        if found is None:
            return self._never_started()
        if found.execution is not None:
            return found.execution
        self.started_at, self.began = found.started_at, found.began
        pid = found.pid
        if pid and process.identified(pid, found.born):
            self._follow(pid)
            return None
        # A worker whose shim died may have another by now, which keeps the same record.
        if not pid and self.record.keeper() != found.keeper:
            stray = process.find_stray(self.run, self._store)
            if stray is not None:
                self._follow(stray)
                return None
        return self._gone(pid or self.pid, found.keeper)

    def signal(self, number: int) -> None:
        """Signal the command's group, if the command is still there."""
        if self.pid and self.look() is None and self.pid:
            process.signal_group(self.pid, number)

    def close(self) -> None:
        """Follow it no longer."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def _follow(self, pid: int) -> None:
        self.pid = pid
        if self.descriptor is None:
            self.descriptor = process.watch(pid)
        if self.descriptor is not None:
            self.look_at = time.monotonic() + _LATER

    def _never_started(self) -> Execution | None:
        if not self.is_abandoned and self.record.may_start_more():
            return None
        # The shim may have got to it between our two looks, and died since.
        if self.record.exists() and self.record.run(self.run) is None:
            if self.is_abandoned:  # a worker that lives has lost its shim, perhaps to another job
                return _over(Outcome.RETURNED, "its shim was killed before the command was started")
            return _over(Outcome.NEVER_STARTED, "its worker died before the command was started")
        if self.record.exists():
            return self._find_out()
        return self._without_record()

    def _without_record(self) -> Execution | None:
        """Tell how a run ended of which nothing is written here, unless it is still there."""
        if self._host:
            return _over(Outcome.LOST, f"lost: its worker on host {self._host!r} has not been heard of")
        stray = process.find_stray(self.run, self._store)
        if stray is None:
            return _over(Outcome.LOST, "lost: its worker is gone and so is its run record")
        self._follow(stray)
        return None

    def _gone(self, pid: int, keeper: int) -> Execution | None:
        """Tell how a command ended that is no longer there."""
        status = process.reap(pid) if pid else None
        if status is not None:
            seconds = time.monotonic() - (self.began or 0.0)
            return execution_of_wait_status(
                status, started_at=self.started_at, finished_at=clock.now(), duration_seconds=seconds
            )
        if self.record.keeper() == keeper:
            return None  # its shim is about to write it down
        found = self.record.run(self.run)
        if found is not None and found.execution is not None:
            return found.execution
        return _over(Outcome.LOST, "lost: its worker and its command are both gone", self.started_at)


def run_name(lease: Lease) -> str:
    """Return the name of a run: unique in its store, and safe in file names."""
    return f"{lease.job.seq}-{lease.run}"


def timed_out(execution: Execution, timeout: float) -> Execution:
    """Return how a run ended that was stopped because it ran too long."""
    return execution._replace(outcome=Outcome.TIMED_OUT, error=f"timed out after {format_duration(timeout)}")


def _over(outcome: Outcome, error: str, started_at: int | None = None) -> Execution:
    return Execution(outcome, None, error, started_at, clock.now(), None)
