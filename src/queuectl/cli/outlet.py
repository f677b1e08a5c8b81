"""Text on its way out of a worker, which must not wait for whoever reads it.

One thread runs the worker: if a write to its terminal or pipe blocked (Ctrl-S, `| less`, a
stalled connection), no job would be settled and no lease renewed. Nothing here raises for
what happens to the output; a worker without readers goes on working.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

#: Bytes that a reader who falls behind may leave waiting.
BACKLOG = 4 * 2**20
#: Bytes for which there is room wherever `poll` finds some.
_LITTLE = 512
#: The disk is full, or our share of it: it may have room again later.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Outlet:
    """Takes text at once and hands it on as fast as the reader takes it.

    Args:
        stream: standard output; None if it was closed before we began.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.encoding: str = getattr(stream, "encoding", None) or "utf-8"
        self._waiting = bytearray()
        self._stream = stream
        self._descriptor: int | None = None
        self._own = False  # the descriptor: ours to close, and it never blocks
        self._may_block = False
        self._full = False
        if stream is not None:
            self._open(stream)

    @property
    def pending(self) -> int:
        """The bytes that the reader has not taken yet."""
        return len(self._waiting)

    @property
    def is_dead(self) -> bool:
        """Whether nobody will ever read what is written."""
        return self._stream is None

    def write(self, text: str) -> bool:
        """Take text for the reader; False if too much is waiting already."""
        if self._stream is None:
            return True  # there is nobody to miss it
        data = text.encode(self.encoding, "backslashreplace")
        if self._waiting and len(self._waiting) + len(data) > BACKLOG:
            self.flush()
            if self._waiting:
                return False
        self._waiting += data
        self.flush()
        return True

    def flush(self) -> None:
        """Hand on what the reader takes now."""
        try:
            while self._waiting:
                del self._waiting[: self._send()]
            self._full = False
        except BlockingIOError:
            pass
        except (OSError, ValueError) as error:  # ValueError: a stream object that was closed
            self._full = getattr(error, "errno", None) in _FULL
            if not self._full:
                self._die()

    def close(self) -> None:
        """Hand on the rest, waiting for the reader now that no job waits for us; idempotent."""
        self.flush()
        while self._waiting and self._descriptor is not None and not self._full:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLOUT)
            poll.poll()
            self.flush()
        self._die()

    def _open(self, stream: TextIO) -> None:
        """Find a way to write that cannot block."""
        try:
            stream.flush()
            descriptor = stream.fileno()
            mode = os.fstat(descriptor).st_mode
        except (OSError, ValueError):  # not a file, as in tests
            return
        self._descriptor = descriptor
        if stat.S_ISREG(mode):
            return  # a file makes nobody wait, and opened anew it would be written from its start
        self._may_block = True
        # O_NONBLOCK belongs to the open file, which we share with our shell and others:
        # opened anew it is ours alone. This fails for sockets and for terminals of others.
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            self._descriptor = os.open(f"/proc/self/fd/{descriptor}", flags)
        except OSError:
            return
        self._own, self._may_block = True, False

    def _send(self) -> int:
        """Write some of it; BlockingIOError if the reader takes nothing now."""
        if self._descriptor is None:
            if self._stream is not None:
                self._stream.write(self._waiting.decode(self.encoding))
                self._stream.flush()
            return len(self._waiting)
        if not self._may_block:
            return os.write(self._descriptor, self._waiting)
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        if not poll.poll(0):
            raise BlockingIOError
        return os.write(self._descriptor, self._waiting[:_LITTLE])

    def _die(self) -> None:
        self._waiting.clear()
        self._stream = None
        if self._own and self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None
