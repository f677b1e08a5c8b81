"""Finding what dead workers left."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple

from queuectl import clock
from queuectl.worker.living import is_overdue
from queuectl.worker.record import Record
from queuectl.worker.task import run_name
from queuectl.worker.wakeup import is_present, present_names

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from queuectl.repository.base import Lease, Worker, WorkerIdentity
    from queuectl.repository.protocol import JobRepository


class Found(NamedTuple):
    """A run that is ours now."""

    lease: Lease
    record: Record
    host: str = ""  #: that of the worker it was taken from, if that has another data directory than we


class Rescue:
    """Looks for dead workers on behalf of a living one.

    Args:
        worker: the number of the living one.
        identity: the same one's.
    """

    def __init__(self, repository: JobRepository, worker: int, identity: WorkerIdentity) -> None:
        self._repository = repository
        self._worker = worker
        self._identity = identity
        self._runs = repository.directory / "runs"
        self.has_company = True  #: whether there was another worker, alive or dead, at the last look
        self.look_at = math.inf  #: when the lease of one elsewhere may be over, by the monotonic clock

    def find(self, *, everyone: bool, only_ended: bool, lease_seconds: float) -> Iterator[Found]:
        """Take over the runs of dead workers; yield them with their run records.

        Each one is yielded as soon as it is ours: what fails afterwards does not lose it.

        Args:
            everyone: look at every registered worker, not only at pipes that nobody holds.
            only_ended: leave alone the commands that still run.
            lease_seconds: how long the leases that are taken over hold.
        """
        dead = self._dead_pipes()
        if not dead and not everyone and time.monotonic() < self.look_at:
            return
        for worker in self._repository.workers():
            if worker.id != self._worker and self._is_gone(worker):
                yield from self._take(worker, only_ended=only_ended, lease_seconds=lease_seconds)
                self._repository.leave(worker.id)
        registered = self._repository.workers()
        self._look_again(registered)
        needed = {worker.identity.presence for worker in registered}
        for name in dead:
            if name not in needed:
                (self._repository.directory / "workers" / name).unlink(missing_ok=True)

    def unknown(self, known: Container[str]) -> list[Found]:
        """Return what the store says we hold, but for the known tokens, with the run records."""
        leases = self._repository.leases_of(self._worker)
        return [Found(lease, Record(self._runs / lease.record)) for lease in leases if lease.token not in known]

    def sweep(self) -> None:
        """Remove the run records that nobody needs any more."""
        if not self._runs.is_dir():
            return
        names = [path.name for path in self._runs.iterdir()]
        idle = [name for name in names if not is_present(self._repository.directory, name)]
        needed = self._repository.records() if idle else frozenset()
        for name in idle:
            if name not in needed:
                (self._runs / name).unlink(missing_ok=True)

    def _dead_pipes(self) -> list[str]:
        directory = self._repository.directory
        names = [name for name in present_names(directory) if name != self._identity.presence]
        self.has_company = bool(names)
        return [name for name in names if not is_present(directory, name)]

    def _look_again(self, workers: Iterable[Worker]) -> None:
        """Note when the lease of one that we see only through the store may be over."""
        ends = [one.heartbeat_at / 1000 + one.lease_seconds for one in workers if self._is_elsewhere(one)]
        self.look_at = time.monotonic() + max(1.0, min(ends) - clock.now() / 1000) if ends else math.inf

    def _is_elsewhere(self, worker: Worker) -> bool:
        """Say whether a worker has another data directory: we see neither its pipe nor its run record."""
        return worker.identity.home != self._identity.home

    def _is_gone(self, worker: Worker) -> bool:
        """Say whether a worker is dead, or has hung for longer than its lease.

        Wall clocks jump, so on one machine the monotonic clock decides, which all its
        processes share. The clock of the store is for stores that several machines write.
        """
        if self._is_elsewhere(worker):
            return is_overdue(worker)
        same_boot = worker.identity.boot_id == self._identity.boot_id
        if same_boot and is_present(self._repository.directory, worker.identity.presence):
            return time.monotonic() - worker.heartbeat_ticks > worker.lease_seconds
        if same_boot or worker.identity.host == self._identity.host:
            return True
        return is_overdue(worker)

    def _take(self, worker: Worker, *, only_ended: bool, lease_seconds: float) -> list[Found]:
        leases = list(self._repository.leases_of(worker.id))
        if only_ended:
            leases = [lease for lease in leases if not self._may_run(lease)]
        if not leases or (self._is_elsewhere(worker) and self._has_come_back(worker)):
            return []
        taken = self._repository.rescue(leases, worker=self._worker, now=clock.now(), lease_seconds=lease_seconds)
        host = worker.identity.host if self._is_elsewhere(worker) else ""
        return [Found(lease, Record(self._runs / lease.record), host) for lease in taken]

    def _has_come_back(self, worker: Worker) -> bool:
        """Say whether a worker elsewhere has given a sign of life: what it holds it may have claimed after that."""
        return any(one.id == worker.id and not is_overdue(one) for one in self._repository.workers())

    def _may_run(self, lease: Lease) -> bool:
        record = Record(self._runs / lease.record)
        found = record.run(run_name(lease))
        ended = found is not None and found.execution is not None
        return not ended and record.keeper() is not None
