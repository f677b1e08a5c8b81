"""What goes into a repository and comes out of it: plain values, the same for every storage engine.

The methods are in `queuectl.repository.protocol`. Instants are integer milliseconds since the Unix epoch (UTC).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl.model import Execution, Job, JobState, Verdict


class IfExists(StrEnum):
    """What `enqueue` does with a job whose id or unique key is taken."""

    ERROR = "error"  #: refuse the whole call
    SKIP = "skip"  #: leave the job that is there, report its id
    REPLACE = "replace"  #: put the new specification in its place unless it is running


class Enqueued(NamedTuple):
    """What became of one specification."""

    id: str
    how: str  #: `created`, `skipped` or `replaced`


class Filter(NamedTuple):
    """Which jobs a command means; an empty field does not restrict."""

    ids: tuple[str, ...] = ()  #: exact ids
    states: tuple[JobState, ...] = ()
    retrying: bool = False  #: only pending jobs that wait for a retry
    queues: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()  #: jobs that carry all of them
    search: str = ""  #: text that the id or the command contains, case folded
    finished_before: int | None = None  #: only jobs that have ended before this instant
    signature: str | None = None  #: only jobs that died of this

    def as_options(self) -> str:
        """Return the filter, its ids apart, as options of a command line, for people."""
        pairs = [("state", ",".join(self.states))]
        pairs += [("queue", queue) for queue in self.queues] + [("tag", tag) for tag in self.tags]
        pairs += [("search", self.search), ("group", self.signature or "")]
        words = [f"--{option} {value}" for option, value in pairs if value]
        if self.finished_before is not None:
            from queuectl.duration import format_time

            words.append(f"ended before {format_time(self.finished_before)}")
        return " ".join(words)


EVERY = Filter()  #: lets every job through


class Listing(NamedTuple):
    """The jobs that a filter lets through, in the order that was asked for."""

    jobs: Iterator[Job]  #: to be read before the next call on this repository
    older: int  #: how many older ones, or in another order others, the limit left out


class Counts(NamedTuple):
    """How many jobs stand where."""

    states: dict[JobState, int]  #: a number for each of the six states
    ready: int  #: pending, could start now
    scheduled: int  #: pending, not before a time that its user chose
    retrying: int  #: pending, last attempt failed, waits for its retry
    oldest_ready_since: int | None  #: since when the ready job enqueued first could start
    pruned: int = 0  #: jobs that were removed: with those of all states, every job that was ever accepted


class Lease(NamedTuple):
    """A claim that holds: the job, and what proves that it is ours."""

    job: Job
    token: str  #: random; every later write of this run must carry it
    run: int  #: counts the runs of this job over its whole life; names its log file
    record: str  #: the presence of the worker whose shim keeps the run record
    returned: int  #: how often in a row its attempt was given back because it never ran


class Settlement(NamedTuple):
    """How one run ended and what follows from it, to be written under its token."""

    seq: int
    token: str
    execution: Execution
    verdict: Verdict
    output: bytes = b""  #: the end of what it printed, for stores that keep it


class Turn(NamedTuple):
    """What one turn of a worker's loop came to."""

    refused: frozenset[str]  #: tokens of settlements whose lease was lost: nothing written
    leases: list[Lease]  #: newly claimed, in the order in which they should start
    is_registered: bool = True  #: False: others took the worker for dead, its leases are gone


class Outlook(NamedTuple):
    """What a worker with nothing to run may expect."""

    ready: bool  #: a job could be claimed now, or more jobs are due than one turn can make ready
    next_due: int | None  #: when the next delayed job of any queue becomes ready
    next_retry: int | None  #: when the next retry of its queues becomes ready


class Requests(NamedTuple):
    """What people ask of a worker."""

    stopping: str  #: empty, `graceful` or `now`
    cancels: tuple[tuple[str, float], ...]  #: lease tokens of jobs to stop, and their grace in seconds


class Cancelled(NamedTuple):
    """What `cancel` came to."""

    done: tuple[str, ...]  #: ids of the jobs that are cancelled now
    asked: tuple[str, ...]  #: ids of running jobs whose workers have been asked


class WorkerIdentity(NamedTuple):
    """Which process a worker is; survives the reuse of its pid and a reboot."""

    name: str
    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    start_ticks: int  #: start of the process, in clock ticks since the boot
    slots: int
    queues: tuple[str, ...]  #: empty: all
    presence: str  #: name of its pipe and its run record in the data directory
    home: str = ""  #: `JobRepository.home`: only workers of one home see each other's pipes and records


class Worker(NamedTuple):
    """A registered worker, as its last sign of life showed it."""

    id: int
    identity: WorkerIdentity
    started_at: int
    heartbeat_at: int  #: wall clock
    heartbeat_ticks: float  #: seconds of the machine's monotonic clock, for readers of one boot
    lease_seconds: float  #: within which it promised the next sign
    stopping: str  #: empty, `graceful` or `now`: what `worker stop` asked of it
    jobs: tuple[str, ...]  #: ids of the jobs it holds
