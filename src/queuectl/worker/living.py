"""Which workers are alive, as far as it can be seen from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl import clock
from queuectl.worker.wakeup import is_present, present_names, wake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository.base import Worker
    from queuectl.repository.protocol import JobRepository


def is_live(repository: JobRepository, worker: Worker) -> bool:
    """Say whether a registered worker is there: a dead one stays registered until another one comes.

    One of ours holds its pipe open. Of one that has another data directory we only know until when it has promised
    to give its next sign of life.
    """
    if worker.identity.home == repository.home:
        return is_present(repository.directory_name, worker.identity.presence)
    return not is_overdue(worker)


def is_overdue(worker: Worker) -> bool:
    """Say whether a worker has given no sign of life for longer than its lease, by the clock of the store."""
    return clock.now() > worker.heartbeat_at + worker.lease_seconds * 1000


def live_workers(repository: JobRepository) -> Sequence[Worker]:
    """Return the workers that are there now."""
    return [worker for worker in repository.workers() if is_live(repository, worker)]


def number_of_workers(repository: JobRepository) -> int:
    """Count the workers that are there now; they are not woken."""
    if repository.home:
        return len(live_workers(repository))
    directory = repository.directory_name
    return sum(is_present(directory, name) for name in present_names(directory))


def call_workers(repository: JobRepository) -> int:
    """Wake the workers that are there; return how many that are. Those of other hosts the store itself has called."""
    here = wake(repository.directory_name)
    return len(live_workers(repository)) if repository.home else here
