"""How long a worker's leases hold if the store does not answer any more.

On one machine nobody takes over from a worker that lives, and whoever does finds its commands. On a store that several
hosts share, the others start its jobs again once the lease has ended: by then this host must have stopped its commands.
"""

from __future__ import annotations

import math

from queuectl import clock
from queuectl.worker.tasks import GRACE

#: Seconds at the end of a lease that belong to stopping: the grace, and what a busy machine may need beside it.
_STOPPING = GRACE + 2.0
#: Seconds before the end of a lease at which nothing may run any more.
_SPARE = 1.0


def since_boot() -> float:
    """Return the seconds since the boot; unlike the monotonic clock this one goes on while the machine sleeps."""
    return clock.since_boot() / 1000


class Hold:
    """Until when this worker may let its commands run, by the clock since the boot.

    Args:
        is_shared: whether other hosts work on the store; if not, it may for as long as it lives.
    """

    def __init__(self, *, is_shared: bool) -> None:
        self.stop_at = self.kill_at = math.inf
        self._stop_by = math.inf  # `stop_at` by the clock of the store, in milliseconds
        self._is_shared = is_shared

    def renew(self, began: float, lease: float, noted: int) -> None:
        """Count anew from the moment at which the store was asked for it: it may have taken its time to answer.

        Args:
            began: that moment.
            lease: seconds from then on.
            noted: what the store has noted as that moment. Its clock goes on too where the whole machine stands still.
        """
        if self._is_shared:
            ends = began + lease
            self.stop_at = ends - min(_STOPPING, lease / 3)
            self._stop_by = noted + (self.stop_at - began) * 1000
            self.kill_at = ends - min(_SPARE, lease / 10)

    @property
    def is_ending(self) -> bool:
        """Whether it is time to stop what runs."""
        return since_boot() >= self.stop_at or clock.now() >= self._stop_by

    @property
    def grace(self) -> float:
        """Seconds until whatever still runs has to be killed."""
        return max(0.0, self.kill_at - since_boot())
