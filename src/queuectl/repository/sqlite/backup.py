"""A copy of the store while others use it, by SQLite's own means.

The pages are read under one snapshot: writers go on beside it, and none of them makes the copy
begin anew. Nobody else knows of the copy, so it needs no journal; it is forced to the disk at
the end, by whoever names it then.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.repository.sqlite.connection import FULL

if TYPE_CHECKING:
    from collections.abc import Callable

#: Pages that are copied at a time; between them signals are answered.
_PAGES = 1024


def copy(source: sqlite3.Connection, path: str, tell: Callable[[int, int], None] | None = None) -> None:
    """Copy the store into an empty file, to the disk.

    Args:
        source: in a transaction, whose snapshot is copied.
        path: of the file.
        tell: is called with the number of pages that are copied, and of all.

    Raises:
        StoreFull: there is no room for the copy.
    """

    def progress(_status: int, left: int, pages: int) -> None:
        """Let Python answer the signals that have come, and tell."""
        if tell is not None:
            tell(pages - left, pages)

    with closing(sqlite3.connect(path, isolation_level=None)) as target:
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        try:
            source.backup(target, pages=_PAGES, progress=progress, sleep=0.01)
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
