"""A copy of the store while others use it, by SQLite's own means.

The pages are read under one snapshot: writers go on beside it, and none of them makes the copy
begin anew. Nobody else knows of the copy, so it needs no journal; it is forced to the disk at
the end, by whoever names it then.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

from queuectl import errors
from queuectl.repository.sqlite.connection import FULL

#: Pages that are copied at a time; between them signals are answered.
_PAGES = 1024


def copy(source: sqlite3.Connection, path: str) -> None:
    """Copy the store into an empty file, to the disk.

    Args:
        source: in a transaction, whose snapshot is copied.
        path: of the file.

    Raises:
        StoreFull: there is no room for the copy.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as target:
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        try:
            source.backup(target, pages=_PAGES, progress=_look_up, sleep=0.01)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != FULL:
                raise
            raise errors.StoreFull(
                "there is no room for the copy: the disk is full", "free some space, or name a file on another disk"
            ) from error
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _look_up(_status: int, _left: int, _pages: int) -> None:
    """Let Python answer the signals that have come."""
