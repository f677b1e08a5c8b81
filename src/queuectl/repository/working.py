"""What every storage engine promises to workers: a part of `queuectl.repository.base`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.model import Job
    from queuectl.repository.base import Lease, Outlook, Requests, Settlement, Turn, Worker, WorkerIdentity


class Working(Protocol):
    """Claiming jobs, settling them, and being one of the workers."""

    def turn(  # noqa: PLR0913 - a turn has this many facts
        self,
        settlements: Sequence[Settlement],
        *,
        worker: int,
        slots: int,
        queues: Sequence[str] = (),
        now: int,
        lease_seconds: float,
    ) -> Turn:
        """Settle what has ended, then claim up to `slots` ready jobs, in one transaction.

        A settlement whose token no longer holds the job writes nothing and comes back in
        `refused`; then, or if the worker is not registered any more, nothing is claimed: others
        took it for dead. Claimed are the ready jobs of `queues` (none named: all) that are not
        paused, those with the highest priority first, then those enqueued first; each gets a fresh
        token and one attempt more. Jobs whose `next_run_at` has come become ready first.
        """

    def outlook(self, queues: Sequence[str] = (), *, now: int) -> Outlook:
        """Say what is there to run for a worker of these queues (none named: all), paused ones left out."""

    def upcoming_retries(self, *, limit: int) -> Sequence[Job]:
        """Return the jobs whose retry comes next, soonest first."""

    def join(self, identity: WorkerIdentity, *, now: int, ticks: float, lease_seconds: float = 60.0) -> int:
        """Register a worker; return the number under which it claims."""

    def renew(self, worker: int, *, now: int, ticks: float, lease_seconds: float) -> str | None:
        """Record a sign of life and extend the worker's leases.

        Returns what `worker stop` asked of it (empty: nothing), or None if the worker is
        no longer registered: others believed it dead, its leases are gone.
        """

    def requests(self, worker: int) -> Requests:
        """Return what people ask of a worker; cheap, to be read when it is woken."""

    def ask_to_stop(self, names: Sequence[str], how: str) -> Sequence[Worker]:
        """Ask the named workers (none: all) to stop, `graceful` or `now`; return them.

        Raises:
            WorkerNotFound: no worker has one of these names. Nothing is changed.
        """

    def leave(self, worker: int) -> None:
        """Remove a worker that holds no job any more."""

    def workers(self) -> Sequence[Worker]:
        """Return all registered workers, oldest first."""

    def leases_of(self, worker: int) -> Sequence[Lease]:
        """Return what a worker holds, without touching it."""

    def rescue(self, leases: Sequence[Lease], *, worker: int, now: int, lease_seconds: float) -> Sequence[Lease]:
        """Take over these leases of workers that are gone, under fresh tokens.

        Exactly one of any number of rescuers gets each of them; returned are those that this
        one got. The attempt is not counted again: it goes on, or the rescuer settles it.
        """

    def records(self) -> frozenset[str]:
        """Return the names of the run records that a processing job may still need."""
