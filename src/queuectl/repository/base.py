"""The protocol that every storage engine keeps.

Each method is one transaction: it happens as a whole or not at all, and no other process ever sees half of it.
Instants are integer milliseconds since the Unix epoch (UTC) and always arguments: a repository never looks at a
clock. Errors of the driver never leave an engine; what it raises is a `queuectl.errors.QueuectlError`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from queuectl.repository.glancing import Glancing
from queuectl.repository.pruning import Pruning
from queuectl.repository.watching import Watching
from queuectl.repository.working import Working

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from queuectl.model import Execution, Job, JobSpec, JobState, Transition, Verdict


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


EVERY = Filter()  #: lets every job through


class Listing(NamedTuple):
    """The newest jobs that a filter lets through, in the order of enqueueing."""

    jobs: Iterator[Job]  #: to be read before the next call on this repository
    older: int  #: how many older ones the limit left out


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


class Turn(NamedTuple):
    """What one turn of a worker's loop came to."""

    refused: frozenset[str]  #: tokens of settlements whose lease was lost: nothing written
    leases: list[Lease]  #: newly claimed, in the order in which they should start
    is_registered: bool = True  #: False: others took the worker for dead, its leases are gone


class Outlook(NamedTuple):
    """What a worker with nothing to run may expect."""

    ready: bool  #: a job could be claimed now
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


class JobRepository(Glancing, Pruning, Watching, Working, Protocol):
    """Where the jobs are kept. One instance belongs to one thread."""

    url: str  #: for people: no password
    created: bool  #: whether opening it made it
    patience: float  #: seconds that a method waits for the store's lock before it raises StoreBusy
    directory_name: str  #: path of `directory`, for those who do without pathlib

    @property
    def directory(self) -> Path:
        """For logs, run records and pipes of this machine; made when first used."""

    def close(self) -> None:
        """Let go of the store. Idempotent."""

    def is_same_file(self) -> bool:
        """Say whether the store is still the one that was opened, not deleted or replaced."""

    # -- for people -------------------------------------------------------------------

    def enqueue(
        self, specs: Iterable[JobSpec], *, now: int, if_exists: IfExists = IfExists.ERROR
    ) -> Sequence[Enqueued]:
        """Store all of them or none.

        Raises:
            JobExists: an id is in the store or twice in the call.
            UniqueKeyTaken: a pending or processing job has this unique key.
            WrongState: a job to replace is running.
        """

    def get(self, reference: str) -> Job:
        """Return the job with this id, or the only one whose id starts with it.

        Raises:
            JobNotFound: there is none.
            AmbiguousId: the prefix fits several.
        """

    def list(self, which: Filter = EVERY, *, limit: int = 0) -> Listing:
        """Return the newest `limit` jobs (0: all) in the order of enqueueing.

        Read from one snapshot and streamed: memory does not grow with their number.
        """

    def history(self, job: Job) -> Sequence[Transition]:
        """Return every transition of the job since it was enqueued, oldest first."""

    def runs(self, job: Job) -> Sequence[tuple[int, int]]:
        """Return (attempt, run) of every run of the job so far, oldest first."""

    def counts(self, *, now: int) -> Counts:
        """Count the jobs by where they stand, at a cost that does not grow with them."""

    def complete_ids(self, prefix: str, *, states: Sequence[JobState] = (), limit: int = 100) -> Sequence[Job]:
        """Return the newest jobs whose id starts with `prefix`, for tab completion."""

    def queues(self) -> Sequence[str]:
        """Return the names of all queues that hold a job, sorted."""

    def retry(self, which: Filter, *, now: int, by: str = "", spacing: int = 0) -> Sequence[str]:
        """Make the jobs that it lets through pending again, attempts 0; return their ids.

        Only jobs in `which.states` count, which have to be final ones; none named: dead ones. With
        `spacing` each is due so many milliseconds after the one before it. `by` is who wants it.

        Raises:
            JobNotFound: one of `which.ids` is not there.
            WrongState: one of `which.ids` is in another state. Nothing is changed.
            UniqueKeyTaken: a pending or processing job has the unique key of one of them. Likewise.
        """

    def cancel(self, which: Filter, *, now: int, grace: float, by: str = "") -> Cancelled:
        """Stop the jobs that it lets through: those that run by their workers, the others at once.

        `by` is who wants it. Without `which.ids` (exact ones or unique prefixes), jobs that have ended are passed over.
        `grace` are the seconds that a running command has between TERM and KILL.

        Raises:
            JobNotFound: one of `which.ids` is not there.
            WrongState: one of `which.ids` is completed or cancelled. Nothing is changed.
        """

    # -- settings ---------------------------------------------------------------------

    def settings(self) -> Mapping[str, str]:
        """Return what was set, by key, as canonical text; defaults are not in it."""

    def set_setting(self, key: str, value: str) -> None:
        """Set one key for everybody who uses this store."""

    def unset_setting(self, key: str) -> bool:
        """Return the key to its default; say whether it was set."""
