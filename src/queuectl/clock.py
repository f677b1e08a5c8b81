"""The present, as the store sees it.

Whoever works on a store that several machines share goes by the clock of its server, so that machines whose clocks
differ agree on what is due and whose lease has ended. The engine measures how far that clock is ahead of ours; for a
file it is not.
"""

from __future__ import annotations

import time

_ahead = 0


def now() -> int:
    """Return the present in milliseconds since the epoch."""
    return local() + _ahead


def local() -> int:
    """Return what this machine's own clock says, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def shared(instant: int) -> int:
    """Return an instant of this machine's clock by the clock of the store."""
    return instant + _ahead


def follow(present: int, *, around: tuple[int, int]) -> None:
    """Go by another clock from now on.

    Args:
        present: what it says, in milliseconds since the epoch.
        around: what our own said before and after it was asked; the truth is taken to be in the middle, as in NTP
            (https://www.rfc-editor.org/rfc/rfc5905#section-8).
    """
    global _ahead  # noqa: PLW0603 - one process works on one store
    _ahead = present - sum(around) // 2
