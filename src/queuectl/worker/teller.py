"""Telling the observer what happens, and keeping the tally."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from queuectl import clock as clocks
from queuectl.model import Bury, Cancel, Complete, Retry
from queuectl.worker.events import Event, EventKind, Running, View
from queuectl.worker.task import Adopted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from queuectl.model import Job
    from queuectl.repository.base import Settlement
    from queuectl.repository.protocol import JobRepository
    from queuectl.worker.events import Observer
    from queuectl.worker.task import Task

_KINDS: dict[type, EventKind] = {
    Complete: EventKind.JOB_COMPLETED,
    Retry: EventKind.JOB_RETRYING,
    Bury: EventKind.JOB_DEAD,
    Cancel: EventKind.JOB_CANCELLED,
}

#: Waiting retries that a view shows.
_RETRIES = 5


class Teller:
    """Speaks for one worker.

    Args:
        worker: its name.
    """

    def __init__(self, observer: Observer, worker: str, slots: int) -> None:
        self._observer = observer
        self._worker = worker
        self._slots = slots
        self._started_at = clocks.now()
        self._tally = {EventKind.JOB_COMPLETED: 0, EventKind.JOB_RETRYING: 0, EventKind.JOB_DEAD: 0}
        self._tick_at = time.monotonic()

    def say(self, kind: EventKind, job: Job | None = None, message: str = "") -> None:
        """Report something that has no outcome."""
        self._observer.event(Event(kind, clocks.now(), self._worker, job, message=message))

    def started(self, store: str) -> None:
        """Report that the worker is there."""
        slots = "1 slot" if self._slots == 1 else f"{self._slots} slots"
        self.say(EventKind.WORKER_STARTED, message=f"{slots}, store {store}")

    def cut_off(self, running: int) -> None:
        """Report that the store has not answered for too long."""
        what = f"stopping {running} running jobs before their leases end" if running else "nothing is started"
        if running == 1:
            what = "stopping 1 running job before its lease ends"
        self.say(EventKind.WARNING, message=f"cut off from the store; {what}")

    def report(self, job: Job, settlement: Settlement, *, refused: bool) -> None:
        """Report the outcome of a run, once it is written or refused."""
        kind = EventKind.LEASE_LOST if refused else _KINDS.get(type(settlement.verdict), EventKind.JOB_RETURNED)
        if kind in self._tally:
            self._tally[kind] += 1
        self._observer.event(Event(kind, clocks.now(), self._worker, job, settlement.execution, settlement.verdict))

    def summary(self) -> str:
        """Return what this worker has done so far."""
        completed, retried, dead = self._tally.values()
        return f"{completed} completed, {retried} retried, {dead} dead"

    def next_tick(self) -> float | None:
        """Return when the observer wants to look again, by the monotonic clock."""
        return None if self._observer.interval is None else self._tick_at

    def tick(self, clock: float, repository: JobRepository, tasks: Iterable[Task], stopping: str) -> None:
        """Show the worker as it is now, if it is time."""
        if self._observer.interval is None or clock < self._tick_at:
            return
        self._tick_at = clock + self._observer.interval
        now = clocks.now()
        completed, retried, dead = self._tally.values()
        view = View(
            worker=self._worker,
            store=repository.url,
            slots=self._slots,
            at=now,
            started_at=self._started_at,
            running=tuple(Running(task.lease.job, task.started_at, isinstance(task, Adopted)) for task in tasks),
            retrying=tuple(repository.upcoming_retries(limit=_RETRIES)),
            counts=repository.counts(now=now),
            completed=completed,
            retried=retried,
            dead=dead,
            stopping=stopping,
            paused=tuple(one.queue for one in repository.paused()),
        )
        self._observer.tick(view)
