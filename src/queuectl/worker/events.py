"""What a worker tells whoever watches it, as data; it prints nothing itself."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from queuectl.model import Execution, Job, Verdict
    from queuectl.repository.base import Counts


class EventKind(StrEnum):
    """The things that happen to a worker and its jobs."""

    WORKER_STARTED = "worker_started"
    JOB_STARTED = "job_started"
    JOB_ADOPTED = "job_adopted"  #: a live command taken over from a worker that is gone
    JOB_COMPLETED = "job_completed"
    JOB_RETRYING = "job_retrying"  #: failed, will run again; `verdict.next_run_at` says when
    JOB_DEAD = "job_dead"
    JOB_RETURNED = "job_returned"  #: pending again, the attempt not counted
    JOB_CANCELLED = "job_cancelled"
    LEASE_LOST = "lease_lost"  #: another worker holds the job; nothing was written
    WARNING = "warning"  #: `message` says what is wrong and what the worker does about it
    WORKER_STOPPING = "worker_stopping"
    WORKER_STOPPED = "worker_stopped"


class Event(NamedTuple):
    """One thing that happened."""

    kind: EventKind
    at: int  #: milliseconds since the epoch
    worker: str
    job: Job | None = None
    execution: Execution | None = None
    verdict: Verdict | None = None
    message: str = ""


class Running(NamedTuple):
    """A command that runs now."""

    job: Job
    started_at: int
    adopted: bool


class View(NamedTuple):
    """A worker as a whole, for a live display."""

    worker: str
    store: str
    slots: int
    at: int
    started_at: int
    running: tuple[Running, ...]
    retrying: tuple[Job, ...]  #: the next few jobs that wait for a retry, soonest first
    counts: Counts
    completed: int  #: by this worker
    retried: int
    dead: int
    stopping: str  #: empty while it claims, else why it does not
    paused: tuple[str, ...] = ()  #: queues from which nothing is claimed; an empty name stands for all


class Observer(Protocol):
    """Somebody who watches a worker."""

    interval: float | None  #: seconds between two calls of `tick`; None: none

    def event(self, event: Event) -> None:
        """Take note of one thing that happened."""

    def tick(self, view: View) -> None:
        """Show the worker as it is now."""
