"""The runs that a worker has in hand, as such: which go on, which wait, and how they are stopped."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from queuectl.worker import process
from queuectl.worker.task import Adopted, Stop, Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl.worker.record import Record

#: Seconds between TERM and KILL.
GRACE = 5.0


class Tasks:
    """All runs of one worker.

    Args:
        record: the worker's own run record.
        slots: how many commands it may run at a time.
    """

    def __init__(self, record: Record, slots: int) -> None:
        self.tasks: dict[str, Task] = {}  #: by the run's name
        self._record = record
        self._slots = slots

    def begun(self) -> list[Task]:
        """Return those that go on."""
        return [task for task in self.tasks.values() if task.began is not None]

    def waiting(self) -> list[Task]:
        """Return those that wait in the shim for a slot."""
        return [task for task in self.tasks.values() if task.began is None]

    def surplus(self) -> list[Task]:
        """Return those of them for which no slot is free; the others the shim has only not got to yet."""
        waiting = self.waiting()
        return waiting[max(0, self._slots - (len(self.tasks) - len(waiting))) :]

    def adopted(self) -> list[Adopted]:
        """Return the runs that another worker, or a shim that is gone, had started."""
        return [task for task in self.tasks.values() if isinstance(task, Adopted)]

    def moments(self) -> Iterator[float]:
        """Yield when something is due for a run, by the monotonic clock."""
        for task in self.tasks.values():
            ends = task.stop.kill_at if task.stop else task.times_out_at()
            if ends is not None:
                yield ends
            if isinstance(task, Adopted):
                yield task.look_at

    # -- stopping ---------------------------------------------------------------------

    def stop(self, task: Task, cause: str, grace: float) -> None:
        """Ask a command to end, and see to it that it does after `grace` seconds."""
        kill_at = time.monotonic() + grace
        if task.stop is None:
            task.signal(process.TERM)
            task.stop = Stop(cause, kill_at)
        else:
            task.stop = Stop(task.stop.cause, min(task.stop.kill_at, kill_at))

    def cancel(self, token: str, grace: float) -> None:
        """Stop the run under this token because a person does not want it any more."""
        for task in list(self.tasks.values()):
            if task.lease.token == token and (task.stop is None or task.stop.cause != "cancel"):
                task.stop = None  # this reason comes before any other
                self.stop(task, "cancel", grace)

    def stop_all(self, grace: float, cause: str = "stop") -> None:
        """Stop every run, because the worker stops or for another cause."""
        for task in list(self.tasks.values()):
            self.stop(task, cause, grace)

    def enforce(self, clock: float) -> None:
        """Stop what has run too long, kill what did not end in its time."""
        for task in list(self.tasks.values()):
            ends = task.times_out_at()
            if task.stop is not None and clock >= task.stop.kill_at:
                task.signal(process.KILL)
                task.stop = task.stop._replace(kill_at=clock + 1.0)
            elif task.stop is None and ends is not None and clock >= ends and self._began_so_early(task, clock):
                self.stop(task, "timeout", GRACE)

    def _began_so_early(self, task: Task, clock: float) -> bool:
        """Say whether the time is up by the shim's account: it may have been slow to start the command."""
        if not isinstance(task, Adopted):
            # For want of a descriptor, say, the record may be out of reach; then our own account counts.
            with suppress(OSError, ValueError):
                found = self._record.run(task.run)
                task.began = found.began if found else clock  # not found: it has not begun at all
        return clock >= (task.times_out_at() or 0.0)
