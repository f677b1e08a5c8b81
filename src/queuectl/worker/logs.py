"""Where the output of a run is kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

from queuectl import clock
from queuectl.worker.shim import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Runs of so many jobs share a directory: one with a million entries is slow to list.
SHELF = 1000


def log_name(seq: int, run: int) -> str:
    """Return the name of a run's log in the data directory; made of numbers only, never of an id."""
    return f"logs/{seq // SHELF:06}/{seq}-{run}.log"


def log_path(directory: Path, seq: int, run: int) -> Path:
    """Return the path of a run's log."""
    return directory / log_name(seq, run)


class Log:
    """A run's log, as a reader sees it; one that is not there is empty.

    While a command prints more than is kept, the middle of its log is a hole (see
    `queuectl.worker.shim`): it is left out, and a mark stands in its place.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    @property
    def is_begun(self) -> bool:
        """Whether anything has been read."""
        return self._at > 0

    def read(self) -> bytes:
        """Return everything."""
        self._at = 0
        return self.more()

    def more(self) -> bytes:
        """Return what has been added since the last call."""
        try:
            with self._path.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                # One that was shortened at its end has nothing new to show.
                self._at = min(self._at, size)
                content = b"".join(_pieces(log, self._at, size))
                self._at = size
                return content
        except FileNotFoundError:
            return b""

    def end(self, size: int = 4096) -> bytes:
        """Return the last bytes, so many at the most."""
        try:
            with self._path.open("rb") as log:
                return end_of(log, size)
        except FileNotFoundError:
            return b""

    def written_at(self) -> int | None:
        """Return when something was written last, by the clock of the store; None if that is not known."""
        try:
            return clock.shared(self._path.stat().st_mtime_ns // 1_000_000)
        except OSError:
            return None

    def last_line(self) -> str:
        """Return the last line that is not blank, empty if there is none."""
        return last_line_of(self.end())

    def tail(self, lines: int) -> bytes:
        """Return the last lines; what follows is for `more`."""
        content = self.read().splitlines(keepends=True)
        return b"".join(content[len(content) - min(lines, len(content)) :])


class Kept(Log):
    """What the store keeps of a log that lies on another host: its end, or all of it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def more(self) -> bytes:
        """Return what has been added since the last call: everything, then nothing."""
        content, self._at = self._content[self._at :], len(self._content)
        return content

    def written_at(self) -> None:
        """Return None: nobody has noted it."""

    def end(self, size: int = 4096) -> bytes:
        """Return the last bytes, so many at the most."""
        return self._content[max(0, len(self._content) - size) :]


def end_of(log: BinaryIO, size: int) -> bytes:
    """Return the last bytes of an open log, so many at the most; of a hole the mark that stands for it."""
    length = log.seek(0, os.SEEK_END)
    content = b"".join(_pieces(log, max(0, length - size), length))
    return content[max(0, len(content) - size) :]


def last_line_of(content: bytes) -> str:
    """Return the last line that is not blank, empty if there is none."""
    lines = content.decode("utf-8", "backslashreplace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _pieces(log: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """Yield the data between two places of a file, with a mark for every hole."""
    while start < end:
        try:
            data = os.lseek(log.fileno(), start, os.SEEK_DATA)
        except OSError:  # nothing but a hole from here on
            data = end
        if data > start:
            yield MARK % (data - start)
        hole = os.lseek(log.fileno(), data, os.SEEK_HOLE) if data < end else end
        log.seek(data)
        yield log.read(min(hole, end) - data)
        start = min(hole, end)
