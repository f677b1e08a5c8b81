"""Retention: a worker removes, on the side, what has been kept long enough.

It does little at a time, so that no claim waits for it, and several workers may do so at once:
what one has removed the others do not find.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from queuectl import clock as clocks
from queuectl import errors
from queuectl.model import JobState
from queuectl.repository.base import Filter
from queuectl.worker.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl.config import Settings
    from queuectl.repository.protocol import JobRepository

#: Jobs that one transaction removes.
BATCH = 100
#: Seconds that one call may take; a batch that has begun is finished.
BUDGET = 0.01
#: Seconds that a call waits for the store: others come first.
PATIENCE = 0.005
#: Seconds of rest after everything was looked at: a hundredth of the retention, within these bounds.
SHORTEST, LONGEST = 1.0, 60.0


class Retention:
    """Applies the settings `retention.*` a little with every call."""

    def __init__(self, repository: JobRepository) -> None:
        self._repository = repository
        #: Where the walk through the jobs of a state goes on, and when, by the monotonic clock.
        self._walks = {JobState.COMPLETED: (0, 0.0), JobState.CANCELLED: (0, 0.0), JobState.DEAD: (0, 0.0)}
        self._sweep_at = 0.0

    @property
    def is_behind(self) -> bool:
        """Whether the last call left something undone that it could have done with more time."""
        return time.monotonic() >= self._sweep_at or any(after for after, _ in self._walks.values())

    def tend(self, clock: float, settings: Settings) -> None:
        """Delete the logs of removed jobs; if time is left, remove a few that have been kept long enough.

        If that cannot be done now it is tried again later: no job waits for it.
        """
        ends = time.monotonic() + BUDGET
        with _patience(self._repository):
            try:
                if clock >= self._sweep_at:
                    self._sweep(clock, ends)
                for state, seconds in (
                    (JobState.COMPLETED, settings.retention_completed),
                    (JobState.CANCELLED, settings.retention_cancelled),
                    (JobState.DEAD, settings.retention_dead),
                ):
                    if seconds is not None:
                        self._prune(state, seconds, clock, ends)
            except errors.StoreBusy:
                return
            except (errors.StoreError, OSError):
                self._sweep_at = clock + LONGEST
                self._walks = dict.fromkeys(self._walks, (0, clock + LONGEST))

    def _prune(self, state: JobState, seconds: float, clock: float, ends: float) -> None:
        """Go on with the walk through the jobs of a state, if it is time."""
        after, at = self._walks[state]
        which = Filter(states=(state,), finished_before=clocks.now() - int(seconds * 1000))
        while clock >= at and time.monotonic() < ends:
            pruned = self._repository.prune(which, limit=BATCH, after=after)
            if pruned.ids:
                self._sweep_at = clock
            after = pruned.after or 0
            if pruned.after is None or pruned.is_recent:
                after, at = 0, clock + min(LONGEST, max(SHORTEST, seconds / 100))
            self._walks[state] = after, at

    def _sweep(self, clock: float, ends: float) -> None:
        while sweep(self._repository, limit=BATCH) == BATCH:
            if time.monotonic() >= ends:
                return
        self._sweep_at = clock + LONGEST


@contextmanager
def _patience(repository: JobRepository) -> Iterator[None]:
    before, repository.patience = repository.patience, PATIENCE
    try:
        yield
    finally:
        repository.patience = before
