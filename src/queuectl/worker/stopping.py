"""How a worker stops: by signals, or because somebody asked for it through the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.worker.events import EventKind
from queuectl.worker.tasks import GRACE

if TYPE_CHECKING:
    from queuectl.repository.base import Requests
    from queuectl.worker.runs import Runs
    from queuectl.worker.signals import Signals
    from queuectl.worker.teller import Teller

#: The stop signals: finish what runs, stop what runs, leave at once.
_FINISH, _STOP, _LEAVE = 1, 2, 3
#: Seconds that a worker waits, after the third signal, for the commands that it has killed.
_LAST = 1.0


class Stopping:
    """The state of a worker's stop.

    Args:
        grace: seconds that running commands get once a graceful stop has begun; None: no end.
    """

    def __init__(self, signals: Signals, grace: float | None, tell: Teller) -> None:
        self.how = ""  #: empty, `graceful` or `now`
        self.stopped_by = 0  #: the signal that demanded to stop now
        self.leave_at: float | None = None  #: when the time is up, by the monotonic clock
        self._signals = signals
        self._grace = grace
        self._tell = tell
        self._heard = 0  # signals that have been answered

    @property
    def has_begun(self) -> bool:
        """Whether nothing may be claimed any more."""
        return bool(self.how or self._signals.stops)

    @property
    def is_last(self) -> bool:
        """Whether the third signal has come: the worker leaves, whatever still runs."""
        return self._heard >= _LEAVE

    def answer_signals(self, clock: float, runs: Runs) -> None:
        """Do what the signals since the last call demand."""
        while self._heard < min(self._signals.stops, _LEAVE):
            self._heard += 1
            if self._heard == _FINISH:
                self._gracefully(clock, runs)
            else:
                self.stopped_by = self._signals.last
                self._now(GRACE if self._heard == _STOP else 0.0, runs)
                self.leave_at = clock + _LAST if self._heard == _LEAVE else None
        if self.how == "graceful" and self.leave_at is not None and clock >= self.leave_at:
            self.leave_at = None
            runs.stop_all(GRACE)

    def heed(self, requests: Requests, clock: float, runs: Runs) -> None:
        """Do what people ask through the store."""
        if requests.stopping == "graceful" and not self.how:
            self._gracefully(clock, runs)
        elif requests.stopping == "now" and self.how != "now":
            self._now(GRACE, runs)
        for token, grace in requests.cancels:
            runs.cancel(token, grace)

    def _gracefully(self, clock: float, runs: Runs) -> None:
        if not self.how:
            self.how = "graceful"
            if self._grace is not None:
                self.leave_at = clock + self._grace
            self._tell.say(EventKind.WORKER_STOPPING, message=f"finishing {len(runs.begun())} running jobs")

    def _now(self, grace: float, runs: Runs) -> None:
        self.how = "now"
        self._tell.say(EventKind.WORKER_STOPPING, message=f"stopping {len(runs.begun())} running jobs")
        runs.stop_all(grace)
