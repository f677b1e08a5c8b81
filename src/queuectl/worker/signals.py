"""The signals that a worker answers to, as something its loop can wait for."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import FrameType

#: Terminal closed, Ctrl-C, `kill`.
_STOPS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Signals:
    """Counts the stop signals; `descriptor` is readable after any signal with a handler."""

    def __init__(self) -> None:
        self.stops = 0
        self.last = 0

    def __enter__(self) -> Self:
        """Take the signals over from whoever has them."""
        self.descriptor, self._end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before = {number: signal.signal(number, self._count) for number in _STOPS}
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        self._wakeup = signal.set_wakeup_fd(self._end, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        """Give them back."""
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self.descriptor)
        os.close(self._end)

    def drain(self) -> None:
        """Forget the wake-ups so far; the counts stay."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.descriptor, 65536)

    def _count(self, number: int, _frame: FrameType | None) -> None:
        self.stops += 1
        self.last = number
