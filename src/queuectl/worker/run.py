"""Running a worker from its beginning to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.worker.engine import Engine
from queuectl.worker.signals import Signals

if TYPE_CHECKING:
    from queuectl.repository.protocol import JobRepository
    from queuectl.worker.events import Observer
    from queuectl.worker.options import WorkerOptions

#: Seconds that a turn waits for the store's lock before the loop goes on without it.
PATIENCE = 1.0
#: A method of each duty that a worker ever needs, all loaded first: later the files may be those of another version.
DUTIES = ("turn", "renew", "rescue", "prune", "swept", "counts", "settings")


def run_worker(repository: JobRepository, options: WorkerOptions, observer: Observer) -> int:
    """Run a worker in the foreground until it has done what was asked, or is stopped.

    Returns:
        The exit code: 0, or 128 + N if signal N stopped it hard.

    Raises:
        StoreError: the store was lost; running commands go on and will be adopted.
    """
    repository.patience = PATIENCE
    for method in DUTIES:
        getattr(repository, method)
    with Signals() as signals:
        engine = Engine(repository, options, observer, signals)
        try:
            engine.loop()
        finally:
            engine.leave()
        by = engine.stopping.stopped_by
        return 128 + by if by else 0
