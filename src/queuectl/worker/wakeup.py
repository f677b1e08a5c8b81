"""Waking workers: a byte into the named pipe of each one that is there."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def wake(directory: Path) -> int:
    """Wake every live worker of the store with this data directory; return how many there are."""
    return sum(_call(directory, name, b"!") for name in present_names(directory))


def is_present(directory: Path, presence: str) -> bool:
    """Say whether a worker holds this pipe open."""
    return _call(directory, presence, b"")


def present_names(directory: Path) -> list[str]:
    """Return the names of all pipes, of the living and of the dead."""
    try:
        names = os.listdir(directory / "workers")  # noqa: PTH208 - every enqueue does it, and this is the quickest
    except OSError:
        return []
    return [name for name in names if not name.startswith(".")]


def _call(directory: Path, presence: str, message: bytes) -> bool:
    try:
        # Without a reader this fails at once: the worker is dead. Any other failure is ours, and
        # says nothing about the worker.
        pipe = os.open(directory / "workers" / presence, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        return error.errno not in {errno.ENXIO, errno.ENOENT, errno.ENOTDIR}
    try:
        if message:
            os.write(pipe, message)
    except OSError:  # full: it has been called often enough
        pass
    finally:
        os.close(pipe)
    return True
