"""Whether the store may be trusted: whoever can write it chooses what its workers run.

The rule is git's for repositories, for git's reason (`safe.directory` in git-config(1)).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.config import is_server

if TYPE_CHECKING:
    from queuectl.repository.protocol import JobRepository


def check_trust(repository: JobRepository) -> None:
    """Refuse a store that another user than ours or root owns or could put in place.

    That goes for files; who may write on a server, the server decides.

    Raises:
        StoreUntrusted: it, or its directory, belongs to somebody else or may be written by others.
    """
    if is_server(repository.location):
        return
    store = Path(repository.location)
    for path in (store, store.parent, store.resolve(), store.resolve().parent):
        reason = _distrust(path)
        if reason:
            raise errors.StoreUntrusted(
                f"{str(path)!r} {reason}: whoever writes the store chooses what this worker runs",
                hint="if you trust them, say --trust-store",
            )


def _distrust(path: Path) -> str:
    found = path.stat()
    if found.st_uid not in {os.geteuid(), 0}:
        return "belongs to another user"
    others_write = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if others_write and not (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX):
        return "may be written by other users"
    return ""
