"""From the end of a run to what is written about it, by the store's settings."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.config import settings_from
from queuectl.repository.base import Settlement
from queuectl.retry import policy_for
from queuectl.worker.outcome import decide, explain
from queuectl.worker.task import Adopted

if TYPE_CHECKING:
    from queuectl.repository.base import JobRepository
    from queuectl.worker.runs import Over


class Judge:
    """Decides what follows from the ends of runs, and keeps the settings that count for it."""

    def __init__(self, repository: JobRepository) -> None:
        self._repository = repository
        self.settings = settings_from(repository.settings())

    def read_settings(self) -> None:
        """Take over what has been set since.

        While the store does not answer, or holds a value that does not make sense, those that
        were read last must do.
        """
        with contextlib.suppress(errors.InvalidInput, errors.StoreError, OSError):
            self.settings = settings_from(self._repository.settings())

    def settle(self, over: Over) -> Settlement:
        """Return what is to be written about a run that has ended."""
        task, lease = over.task, over.task.lease
        cause = task.stop.cause if task.stop else ""
        execution = explain(lease, over.execution, cause=cause, passing=over.passing)
        if not execution.succeeded:
            self.read_settings()  # back-off settings count from the next failure on
        verdict = decide(
            lease,
            execution,
            policy_for(lease.job, self.settings),
            adopted=isinstance(task, Adopted),
            luck=int.from_bytes(os.urandom(4), "little") / 2**32,
        )
        return Settlement(lease.job.seq, lease.token, execution, verdict)
