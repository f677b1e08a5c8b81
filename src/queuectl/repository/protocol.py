"""The protocol that every storage engine keeps. Only type checkers load it.

Each method is one transaction: it happens as a whole or not at all, and no other process ever sees half of it.
Instants are integer milliseconds since the Unix epoch (UTC) and always arguments: a repository never looks at a
clock. Errors of the driver never leave an engine; what it raises is a `queuectl.errors.QueuectlError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from queuectl.changes import NO_CHANGES
from queuectl.repository.acting import Acting
from queuectl.repository.base import EVERY, IfExists
from queuectl.repository.dead import Dying
from queuectl.repository.explaining import Explaining
from queuectl.repository.glancing import Glancing
from queuectl.repository.keeping import Keeping
from queuectl.repository.ordering import ENQUEUED
from queuectl.repository.pruning import Pruning
from queuectl.repository.recounting import Recounting
from queuectl.repository.telling import Telling
from queuectl.repository.watching import Watching
from queuectl.repository.working import Working

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from queuectl.changes import Changes
    from queuectl.model import Job, JobSpec, JobState, Transition
    from queuectl.repository.base import Cancelled, Counts, Enqueued, Filter, Listing
    from queuectl.repository.ordering import Order


class JobRepository(
    Acting, Dying, Explaining, Glancing, Keeping, Pruning, Recounting, Telling, Watching, Working, Protocol
):
    """Where the jobs are kept. One instance belongs to one thread."""

    url: str  #: for people: no password
    location: str  #: leads every command on this machine to the same store; holds no password
    created: bool  #: whether opening it made it
    kept_output: int  #: bytes from the end of every run's output that `Settlement.output` may hold
    patience: float  #: seconds that a method waits for the store's lock before it raises StoreBusy
    directory_name: str  #: path of `directory`, for those who do without pathlib

    @property
    def home(self) -> str:
        """What tells the data directories of several machines apart; empty: there is only this one."""

    @property
    def bell(self) -> int | None:
        """What becomes readable when somebody calls the workers through the store; None: they have only pipes."""

    @property
    def directory(self) -> Path:
        """For logs, run records and pipes of this machine; made when first used."""

    def close(self) -> None:
        """Let go of the store. Idempotent."""

    def is_same_file(self) -> bool:
        """Say whether the store is still the one that was opened, not deleted or replaced."""

    def answer(self) -> bool:
        """Say whether the bell has rung since the last call, and stop it."""

    def output(self, seq: int, run: int) -> bytes | None:
        """Return the end of what a run printed; None: the store keeps nothing of it, or not yet."""

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

    def list(self, which: Filter = EVERY, *, limit: int = 0, order: Order = ENQUEUED) -> Listing:
        """Return the newest `limit` jobs (0: all) in the order of enqueueing, or the first `limit` in another order.

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

    def retry(
        self, which: Filter, *, now: int, by: str = "", spacing: int = 0, changes: Changes = NO_CHANGES
    ) -> Sequence[str]:
        """Make the jobs that it lets through pending again, attempts 0, with these changes; return their ids.

        Only jobs in `which.states` count, which have to be final ones; none named: dead ones. With
        `spacing` each is due so many milliseconds after the one before it; the first one at once, or at the
        `run_at` of the changes. `by` is who wants it.

        Raises:
            JobNotFound: one of `which.ids` is not there.
            WrongState: one of `which.ids` is in another state. Nothing is changed.
            UniqueKeyTaken: a pending or processing job has the unique key of one of them. Likewise.
            InvalidInput: with the changes the policy of one of them would contradict itself. Likewise.
        """

    def cancel(self, which: Filter, *, now: int, grace: float, by: str = "") -> Cancelled:
        """Stop the jobs that it lets through: those that run by their workers, the others at once.

        `by` is who wants it: it stands in their history, of those that run once they have ended. Without
        `which.ids` (exact ones or unique prefixes), jobs that have ended are passed over. `grace` are the
        seconds that a running command has between TERM and KILL.

        Raises:
            JobNotFound: one of `which.ids` is not there.
            WrongState: one of `which.ids` is completed or cancelled. Nothing is changed.
        """

    # -- settings ---------------------------------------------------------------------

    def settings(self) -> Mapping[str, str]:
        """Return what was set, by key, as canonical text; defaults are not in it."""

    def set_setting(self, key: str, value: str, *, now: int = 0, by: str = "") -> None:
        """Set one key for everybody who uses this store; `by` is who wants it, and `now` when."""

    def unset_setting(self, key: str, *, now: int = 0, by: str = "") -> bool:
        """Return the key to its default; say whether it was set."""
