"""The present, as the store sees it.

Whoever works on a store that several machines share goes by the clock of its server, so that machines whose clocks
differ agree on what is due and whose lease has ended. The engine measures with every transaction how far that clock is
ahead of the time since our boot; our own wall clock may be set meanwhile, and a server may be replaced by another. For
a file our own wall clock counts.
"""

from __future__ import annotations

import time

#: Milliseconds that the clock of the store is ahead of `since_boot`; None: it has none of its own.
_ahead: int | None = None


def now() -> int:
    """Return the present in milliseconds since the epoch."""
    return local() if _ahead is None else since_boot() + _ahead


def local() -> int:
    """Return what this machine's own clock says, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def since_boot() -> int:
    """Return the milliseconds since the boot, those included in which the machine slept; nobody can set this clock."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def shared(instant: int) -> int:
    """Return an instant of this machine's clock by the clock of the store."""
    return instant if _ahead is None else instant + now() - local()


def follow(present: int, *, around: tuple[int, int]) -> None:
    """Go by another clock from now on, or go on doing so.

    What was measured before stays as long as it can be true: an answer that took long says little.

    Args:
        present: what it says, in milliseconds since the epoch.
        around: what `since_boot` said before and after it was asked; the truth is taken to be in the middle, as in NTP
            (https://www.rfc-editor.org/rfc/rfc5905#section-8).
    """
    global _ahead  # noqa: PLW0603 - one process works on one store
    least, most = present - around[1], present - around[0]
    if _ahead is None or not least - 1 <= _ahead <= most + 1:  # all of them are rounded
        _ahead = (least + most) // 2
