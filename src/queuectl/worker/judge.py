"""From the end of a run to what is written about it, by the store's settings."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.config import settings_from
from queuectl.model import Bury, Outcome
from queuectl.repository.base import Settlement
from queuectl.retry import TEMPFAIL, policy_for
from queuectl.signature import signature_of
from queuectl.worker.outcome import decide, explain
from queuectl.worker.said import forget_wish, last_line, printed, retry_after
from queuectl.worker.task import Adopted

if TYPE_CHECKING:
    from collections.abc import Container

    from queuectl.model import Execution
    from queuectl.repository.base import Lease
    from queuectl.repository.protocol import JobRepository
    from queuectl.worker.runs import Over


class Judge:
    """Decides what follows from the ends of runs, and keeps the settings that count for it."""

    def __init__(self, repository: JobRepository) -> None:
        self._repository = repository
        self.settings = settings_from(repository.settings())
        self._directory = repository.directory_name
        self._wishes: dict[str, tuple[int, int]] = {}  # runs that may have said when to try again, by their tokens

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
        wish = None
        if execution.error is not None:
            self.read_settings()  # back-off settings count from the next failure on
            wish = self._wish_of(lease, execution)
        verdict = decide(
            lease,
            execution,
            policy_for(lease.job, self.settings),
            adopted=isinstance(task, Adopted),
            luck=int.from_bytes(os.urandom(4), "little") / 2**32,
            retry_after=wish,
        )
        if isinstance(verdict, Bury):
            line = last_line(self._directory, lease.job.seq, lease.run)
            verdict = verdict._replace(signature=signature_of(execution.error or verdict.reason, line))
        return Settlement(lease.job.seq, lease.token, execution, verdict, self._output_of(lease))

    def _output_of(self, lease: Lease) -> bytes:
        """Return the end of what a run printed, as far as the store wants to keep it."""
        size = self._repository.kept_output
        return printed(self._directory, lease.job.seq, lease.run, size) if size else b""

    def written(self, refused: Container[str]) -> None:
        """Clean up after the runs whose settlements have been written, all but the refused ones."""
        for token, (seq, run) in self._wishes.items():
            if token not in refused:
                forget_wish(self._directory, seq, run)
        self._wishes.clear()

    def disown(self) -> None:
        """Forget what has been decided and not written: others have these runs now, and read what they said."""
        self._wishes.clear()

    def _wish_of(self, lease: Lease, execution: Execution) -> float | None:
        """Return the seconds that a run which failed said to wait, if it had the right to and did."""
        self._wishes[lease.token] = lease.job.seq, lease.run
        if execution.outcome is Outcome.EXITED and execution.exit_code == TEMPFAIL:
            return retry_after(self._directory, lease.job.seq, lease.run, since=execution.started_at or 0)
        return None
