"""What the live display remembers from frame to frame, so that it does not jump: rates, progress, seats."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from queuectl.model import FINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository.base import Counts
    from queuectl.worker.events import Running, View

#: Seconds over which the rate is taken, and for which the curve remembers it.
RATE, MEMORY = 10, 60


class Meter:
    """Counts what ended in each of the last seconds."""

    def __init__(self) -> None:
        self._seconds: deque[int] = deque([0] * MEMORY, maxlen=MEMORY)
        self._began: int | None = None
        self._second = 0
        self._total = 0

    def read(self, second: int, total: int) -> None:
        """Take the reading of a counter that only grows."""
        if self._began is None:
            self._began = self._second = second
        for _ in range(min(MEMORY, second - self._second)):  # none if the clock was set back
            self._seconds.append(0)
        self._second = second
        self._seconds[-1] += total - self._total
        self._total = total

    def seconds(self) -> tuple[int, ...]:
        """Return the numbers, the newest last."""
        return tuple(self._seconds)

    def rate(self) -> float:
        """Return the mean of the last full seconds; in the first second, what it has so far."""
        full = min(RATE, self._second - (self._began or 0))
        if full <= 0:
            return float(self._seconds[-1])
        return sum(list(self._seconds)[-full - 1 : -1]) / full


class Progress:
    """How much is done of what there was to do since there was last nothing."""

    def __init__(self) -> None:
        self._before: int | None = None  # had ended when this lot began
        self._idle: int | None = None  # had ended when nothing was left

    def read(self, counts: Counts) -> tuple[int, int]:
        """Return how many jobs of this lot have ended, and how many they are."""
        ended = sum(counts.states.get(state, 0) for state in FINAL) + counts.pruned
        left = counts.ready + counts.retrying + counts.states.get(JobState.PROCESSING, 0)
        if left and self._idle is not None:
            self._before = self._idle
        self._idle = None if left else ended
        # Fewer than before: some were put back by hand.
        self._before = ended if self._before is None else min(self._before, ended)
        return ended - self._before, ended - self._before + left


def seat(rows: Sequence[Running | None], view: View, visible: int) -> list[Running | None]:
    """Return what runs by slot: who has a row keeps it, newcomers take the first free ones.

    Who sits below the `visible` rows moves up as soon as one of those is free.
    """
    running = {one.job.seq: one for one in view.running}
    seated = [running.pop(row.job.seq, None) if row else None for row in rows]
    waiting = [one for one in seated[visible:] if one is not None] + list(running.values())
    seated = seated[:visible] + [None] * (visible - len(seated))
    for index, one in enumerate(seated):
        if one is None and waiting:
            seated[index] = waiting.pop(0)
    # Adopted jobs may come on top of the slots.
    return seated + waiting + [None] * (view.slots - len(seated) - len(waiting))
