"""Claims made ahead of free slots, while commands are so short that a slot would wait for the disk.

A turn costs an fsync. When commands take no longer than that, a worker that claims only for
free slots spends half of its time waiting. So while runs are short it claims a few more jobs
than it has slots, and as many again as end while a turn takes: the slower the disk, the more.
The shim holds them, and starts each the moment a slot is free. Jobs that
could not be started soon are given back: nobody waits for a worker whose commands have become
long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from queuectl.model import Execution

#: Runs that take less than this on average, in seconds, count as short.
SHORT = 0.05
#: Seconds without a start after which what waits for a slot is given back.
HOLD = 0.1
#: Jobs that may wait beyond one for each slot: about as many as make a turn cheap, see docs/performance.md.
SPARE = 8
#: Jobs that may wait beyond those because turns take long.
LIMIT = 64
#: Weight of the newest in an average.
_WEIGHT = 0.25
#: Seconds below which no run counts as shorter.
_QUICKEST = 0.0005


class Ahead:
    """How many jobs to claim ahead, and for how long.

    Args:
        slots: of the worker; 0: claim nothing ahead.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._turn = 0.0  # seconds that a turn takes
        self._average = 1.0  # seconds; nothing is claimed ahead until some runs were short
        self._moved_at = 0.0

    @property
    def most(self) -> int:
        """How many jobs may wait for a slot."""
        if not self._slots or self._average >= SHORT:
            return 0
        ended = self._slots * self._turn / max(self._average, _QUICKEST)  # while a turn takes
        return self._slots + SPARE + min(LIMIT, int(ended))

    @property
    def due(self) -> float:
        """When those that wait are to be given back, by the monotonic clock."""
        return self._moved_at + HOLD

    def learn(self, execution: Execution) -> None:
        """Take note of how long a run took."""
        if execution.duration_seconds is not None:
            self._average += _WEIGHT * (execution.duration_seconds - self._average)

    def turned(self, seconds: float) -> None:
        """Take note of how long a turn took."""
        self._turn += _WEIGHT * (seconds - self._turn)

    def moved(self, clock: float) -> None:
        """Take note that some were claimed, or one has begun."""
        self._moved_at = clock

    def give_up(self, clock: float) -> None:
        """Claim nothing ahead until runs are short again."""
        self._average = 1.0
        self._moved_at = clock


def lines(slots: int) -> int:
    """Return how many lines the run record of a worker has.

    A line is used again only when what it tells is settled, and until then another run may have begun.
    """
    return 2 * (slots + slots + SPARE + LIMIT)
