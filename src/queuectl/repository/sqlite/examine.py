"""Looking at a store without changing a byte of it: nothing is made, migrated or moved out of the log."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.repository.examination import Engine, StoreFacts
from queuectl.repository.sql.examining import filled, invariants, miscounts
from queuectl.repository.sqlite import schema
from queuectl.repository.sqlite.connection import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Seconds to wait for a lock; there are hardly any for readers.
_PATIENCE = 5.0
#: Complaints that are enough to know.
_COMPLAINTS = 10


def engine() -> Engine:
    """Return which SQLite is in use."""
    return Engine("SQLite", sqlite3.sqlite_version_info)


def examine(name: str, *, now: int, thorough: bool, numbers: Sequence[int]) -> StoreFacts:
    """Look at a store.

    Args:
        name: path of the file, as it stands in messages.
        now: the present.
        thorough: whether to read everything and to count it anew.
        numbers: of jobs, of which some may not be there.

    Raises:
        StoreError: it is not there, not ours, or cannot be read.
    """
    path = os.path.abspath(name)  # noqa: PTH100 - as in `connection`
    if not os.path.exists(path):  # noqa: PTH110 - as in `connection`
        raise errors.StoreUnreachable(
            f"there is no store {name!r}", "queuectl init makes it; or name another with --db"
        )
    with translated(path, name), _reading(path) as db:
        version = schema.inspect(db, name)
        (journal,) = db.execute("PRAGMA journal_mode").fetchone()
        check = "integrity_check" if thorough else "quick_check"
        found = [text for (text,) in db.execute(f"PRAGMA {check}({_COMPLAINTS})")]
        facts = StoreFacts(version, schema.VERSION, journal, () if found == ["ok"] else tuple(found))
        if version != schema.VERSION or facts.complaints:
            return facts
        facts = filled(db, facts, now)
        unknown = (
            "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT seq FROM jobs UNION SELECT job FROM leftovers)"
        )
        return facts._replace(
            unknown=tuple(number for (number,) in db.execute(unknown, (json.dumps(list(numbers)),))),
            miscounts=(*miscounts(db), *invariants(db)) if thorough else (),
        )


@contextmanager
def _reading(path: str) -> Iterator[sqlite3.Connection]:
    """Open a file so that closing it leaves it as it was found.

    The last one to close a database moves its log into it, unless it may only read; and whoever
    may only read leaves the files behind that SQLite needs beside it. So one that has something in its
    log is opened for reading, and another, of which there is nothing to move, for writing.
    """
    from pathlib import Path

    log = Path(f"{path}-wal")
    mode = "ro" if log.exists() and log.stat().st_size else "rw"
    uri = f"{Path(path).absolute().as_uri()}?mode={mode}"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_PATIENCE)) as db:
        db.execute("PRAGMA query_only = ON")
        db.execute("BEGIN")
        yield db
