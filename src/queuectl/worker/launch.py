"""What the shim is told to start for a job: directory, variables, log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from queuectl.worker import process
from queuectl.worker.logs import log_name
from queuectl.worker.said import wish_name

if TYPE_CHECKING:
    from queuectl.worker.task import Task


class Launch:
    """How the commands of one worker are started.

    Args:
        store: location of the store, as the commands get it.
        directory: the store's data directory.
        worker: its name.
    """

    def __init__(self, store: str, directory: str, worker: str) -> None:
        self._store = store
        self._directory = directory
        self._worker = worker
        self._home = directory.rpartition("/")[0] or "/"
        self._shelves: set[str] = set()  # directories of logs that are there

    def start_of(self, task: Task, cap: int) -> process.Start:
        """Return what starts this run, its log cut to `cap` bytes; see to it that the log can be written.

        Raises:
            OSError: the log's directory cannot be made.
        """
        job = task.lease.job
        log = f"{self._directory}/{log_name(job.seq, task.lease.run)}"
        shelf = log[: log.rindex("/")]
        if shelf not in self._shelves:
            Path(shelf).mkdir(mode=0o700, exist_ok=True, parents=True)
            self._shelves.add(shelf)
        variables = {
            **job.env,
            "QUEUECTL_JOB_ID": job.id,
            "QUEUECTL_ATTEMPT": str(job.attempts),
            "QUEUECTL_QUEUE": job.queue,
            "QUEUECTL_DB": self._store,
            "QUEUECTL_WORKER": self._worker,
            "QUEUECTL_RUN": task.run,
            "QUEUECTL_RETRY_AFTER": f"{self._directory}/{wish_name(job.seq, task.lease.run)}",
        }
        return process.Start(task.slot, task.run, job.command, job.cwd or self._home, variables, log, cap)

    def forget_shelves(self) -> None:
        """Make no assumption about which directories are there."""
        self._shelves.clear()
