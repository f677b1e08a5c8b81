"""What a run has said about itself: the last line of its output, and when it wants to be tried again.

Both are files that the command could write: so only a regular file is read, no link is
followed, and no pipe is waited for.
"""

from __future__ import annotations

import os
from contextlib import suppress
from stat import S_ISREG
from typing import TYPE_CHECKING

from queuectl import clock, errors
from queuectl.duration import parse_duration
from queuectl.worker.logs import end_of, last_line_of, log_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

#: Bytes of the log in which its last line is looked for.
_END = 4096
#: Milliseconds by which the time of a file may lie before that of its writing: Linux takes the time of its last tick.
_TICK = 20
#: Bytes of the longest duration that is read.
_LONGEST = 100


def wish_name(seq: int, run: int) -> str:
    """Return the name, in the data directory, of the file in which a run may say when to try again."""
    return log_name(seq, run).removesuffix("log") + "retry"


def retry_after(directory: str, seq: int, run: int, *, since: int) -> float | None:
    """Return the seconds that a run said to wait before the next, None if it said nothing that makes sense.

    What was written before its start, at `since`, another run has said: in a store that was put back from a copy,
    numbers of runs are given once more.
    """
    path = f"{directory}/{wish_name(seq, run)}"
    content = _read(path, lambda file: file.read(_LONGEST + 1), since=since - _TICK)
    if len(content) > _LONGEST:
        return None
    with suppress(errors.InvalidInput, UnicodeDecodeError):
        return parse_duration(content.decode("ascii"))
    return None


def forget_wish(directory: str, seq: int, run: int) -> None:
    """Remove what a run said about the next; it is acted upon."""
    with suppress(OSError):
        os.unlink(f"{directory}/{wish_name(seq, run)}")  # noqa: PTH108 - once for each run that failed


def last_line(directory: str, seq: int, run: int) -> str:
    """Return the last line that a run printed and that is not blank, empty if there is none."""
    return last_line_of(printed(directory, seq, run, _END))


def printed(directory: str, seq: int, run: int, size: int) -> bytes:
    """Return the end of what a run printed, so many bytes at the most; none if it cannot be had."""
    return _read(f"{directory}/{log_name(seq, run)}", lambda file: end_of(file, size))


def _read(path: str, read: Callable[[BinaryIO], bytes], *, since: int = 0) -> bytes:
    """Read from a regular file; nothing if it cannot be had, or has not been written since then."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
            status = os.fstat(descriptor)
            is_meant = S_ISREG(status.st_mode) and clock.shared(status.st_mtime_ns // 1_000_000) >= since
            return read(file) if is_meant else b""
    except OSError:
        return b""
