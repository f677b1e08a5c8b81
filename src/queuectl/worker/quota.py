"""How many jobs a worker may claim by what its user asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from queuectl.worker.options import WorkerOptions


class Quota:
    """Counts the claims of one worker."""

    def __init__(self, options: WorkerOptions) -> None:
        self._most = 1 if options.once else options.max_jobs
        self._claimed = 0

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return self._most is not None

    @property
    def is_reached(self) -> bool:
        """Whether nothing more may be claimed, ever."""
        return self._most is not None and self._claimed >= self._most

    def of(self, room: int) -> int:
        """Return how many jobs to claim when there is room for so many."""
        return room if self._most is None else max(0, min(room, self._most - self._claimed))

    def count(self, claimed: int) -> None:
        """Take note of what was claimed."""
        self._claimed += claimed
