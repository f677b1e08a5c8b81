"""Waking workers: a byte into the named pipe of each one that is there.

Every `enqueue` comes here, so it does without pathlib, whose import takes longer than the call.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def wake(directory: str | Path) -> int:
    """Wake every live worker of the store with this data directory; return how many there are."""
    return sum(_call(directory, name, b"!") for name in present_names(directory))


def is_present(directory: str | Path, presence: str) -> bool:
    """Say whether a worker holds this pipe open."""
    return _call(directory, presence, b"")


def present_names(directory: str | Path) -> list[str]:
    """Return the names of all pipes, of the living and of the dead."""
    try:
        names = os.listdir(os.path.join(directory, "workers"))  # noqa: PTH118, PTH208
    except OSError:
        return []
    return [name for name in names if not name.startswith(".")]


def _call(directory: str | Path, presence: str, message: bytes) -> bool:
    try:
        # Without a reader this fails at once: the worker is dead. Any other failure is ours, and
        # says nothing about the worker.
        path = os.path.join(directory, "workers", presence)  # noqa: PTH118
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
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
