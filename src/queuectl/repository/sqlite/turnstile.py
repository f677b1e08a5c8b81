"""The order in which a store's writers come to their turns.

SQLite has no queue: whoever looks at the right moment gets the lock, and who has just given it
back is the quickest to look again. Under load the unlucky would wait a hundred times as long as
a turn takes, however short the sleeps between two looks are. The kernel does have a queue: a
writer first takes `flock(2)` on a small file beside the store, and sleeps until those before it
are through. Eight busy workers then wait 10 ms at the 99th percentile instead of 50 to 100, and
32 of them get three times as much done, for nobody looks in vain.

It is a courtesy and no guard: what keeps transactions apart is SQLite's own lock. Who cannot
take part, or has waited long enough, goes on without.
"""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import FrameType


class Turnstile:
    """The place of one process in the queue of the writers.

    Args:
        path: of the file to lock, which is made if its directory is there. Whoever has no data
            directory beside the store has no workers either, and needs no queue.
    """

    #: Seconds to wait before going on without.
    patience: float = 0.0

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = -1
        self._is_waiting = False

    def __enter__(self) -> Self:
        """Wait until it is our turn, or for as long as we have patience."""
        try:
            if self._file < 0:
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                self._file = os.open(self._path, flags, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._wait()
        except OSError:  # no such directory, no descriptor left, a file system without locks
            pass
        return self

    def __exit__(self, *_: object) -> None:
        """Let the next one through."""
        if self._file >= 0:
            with suppress(OSError):
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave the queue for good. Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _wait(self) -> None:
        """Wait in the kernel's queue, whose only way to wake up early is a signal: an alarm ends it."""
        try:
            before = signal.signal(signal.SIGALRM, self._give_up)
        except ValueError:  # not the main thread
            return
        blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        self._is_waiting = True
        timer = signal.setitimer(signal.ITIMER_REAL, 0.0)
        try:
            # Again and again: the first alarm may come just before the wait.
            signal.setitimer(signal.ITIMER_REAL, max(self.patience, 0.001), 0.05)
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except (TimeoutError, OSError):
            pass  # if it was ours at that very moment, __exit__ gives it back all the same
        finally:
            self._is_waiting = False
            signal.setitimer(signal.ITIMER_REAL, *timer)
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            signal.signal(signal.SIGALRM, before)

    def _give_up(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_waiting:
            raise TimeoutError
