"""Claims made ahead of free slots, while commands are so short that a slot would wait for the disk.

A turn costs an fsync. When commands take no longer than that, a worker that claims only for
free slots spends half of its time waiting. So while runs are short it holds as many more jobs
as it has slots, and starts them the moment a slot is free, before the turn that settles what
was there. Jobs that could not be started soon are given back: nobody waits for a worker whose
commands have become long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.model import Execution
    from queuectl.repository.base import Lease

#: Runs that take less than this on average, in seconds, count as short.
SHORT = 0.05
#: Seconds that a job may be held without being started.
HOLD = 0.1
#: Weight of the newest run in the average.
_WEIGHT = 0.25


class Ahead:
    """The jobs that a worker holds without running them.

    Args:
        most: how many at a time.
    """

    def __init__(self, most: int) -> None:
        self.leases: list[Lease] = []
        self._most = most
        self._average = 1.0  # seconds; nothing is held until some runs were short
        self._since = 0.0

    @property
    def room(self) -> int:
        """How many more jobs to claim for this; less than none if some must be started first."""
        return (self._most if self._average < SHORT else 0) - len(self.leases)

    @property
    def due(self) -> float | None:
        """When what is held must be given back, by the monotonic clock."""
        return self._since + HOLD if self.leases else None

    def learn(self, execution: Execution) -> None:
        """Take note of how long a run took."""
        if execution.duration_seconds is not None:
            self._average += _WEIGHT * (execution.duration_seconds - self._average)

    def add(self, leases: Sequence[Lease], clock: float) -> None:
        """Hold these as well."""
        if not self.leases:
            self._since = clock
        self.leases += leases

    def take(self, number: int, clock: float) -> list[Lease]:
        """Return the first of them, to be started now."""
        taken, self.leases = self.leases[:number], self.leases[number:]
        if taken:
            self._since = clock
        return taken

    def give_back(self) -> list[Lease]:
        """Return all of them, and hold nothing until runs are short again."""
        if self.leases:
            self._average = 1.0
        given, self.leases = self.leases, []
        return given
