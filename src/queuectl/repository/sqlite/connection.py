"""One SQLite connection: making and opening the file, transactions, errors in our words.

It knows how to reach the data, not what the data means.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.repository.sql.columns import COLUMNS
from queuectl.repository.sql.store import Store
from queuectl.repository.sqlite import schema
from queuectl.repository.sqlite.file import make_file
from queuectl.repository.sqlite.turnstile import Turnstile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from queuectl.repository.sql.database import Database

#: Primary result codes, https://www.sqlite.org/rescode.html
BUSY, LOCKED, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB = 5, 6, 8, 10, 11, 13, 14, 26


#: Seconds to wait for those who came before, at the most: one of them may have been stopped.
_COURTESY = 1.0


class Connection(Store):
    """A store's file and the one connection that this process has to it.

    Args:
        path: the file; made, with mode 0600, if it is not there and `create` is true.
        create: whether it may be made.

    Raises:
        StoreError: the file cannot be opened, or is not a store of ours.
    """

    Twice = sqlite3.IntegrityError
    kept_output: int = 0
    bell: int | None = None

    #: Seconds that a transaction waits for its turn before it raises `StoreBusy`.
    patience: float = 10.0

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        self.url = os.fspath(path)
        try:
            self.path = os.path.abspath(path)  # noqa: PTH100 - pathlib costs a short command 5 % of its time
        except FileNotFoundError as error:
            raise errors.StoreUnreachable(
                "the current directory was removed", hint="change to another one, or name a store with --db"
            ) from error
        self.location = self.path
        self.directory_name = f"{self.path}.d"
        self._turnstile = Turnstile(f"{self.directory_name}/writers")
        self.created = make_file(self.path, self.url, create=create)
        with self._translated():
            self._db = sqlite3.connect(self.path, isolation_level=None, timeout=0)
        try:
            self._open()
        except (errors.StoreForeign, errors.StoreNewer):
            self._leave_untouched()
            raise
        except BaseException:
            self.close()
            raise

    @property
    def directory(self) -> Path:
        """The data directory; see `JobRepository.directory`."""
        from pathlib import Path

        return Path(self.directory_name)

    def close(self) -> None:
        """Let go of the store. Idempotent."""
        self._db.close()
        self._turnstile.close()

    def is_same_file(self) -> bool:
        """Say whether the path still leads to the file that was opened."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - as above
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    @property
    def home(self) -> str:
        """Return nothing: there is one data directory, beside the file."""
        return ""

    def answer(self) -> bool:
        """Say that nobody has rung: workers of one machine call each other by their pipes."""
        return False

    def output(self, seq: int, run: int) -> bytes | None:  # noqa: ARG002 - it keeps none
        """Return None: what runs have printed is in the data directory."""
        return None

    # -- transactions -----------------------------------------------------------------

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Hold one snapshot of the store."""
        with self._translated():
            self._begin("BEGIN", "PRAGMA user_version")
            try:
                yield self._db
            finally:
                self._finish("ROLLBACK")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock, from before the first read until the commit."""
        self._turnstile.patience = min(self.patience, _COURTESY)
        with self._translated(), self._turnstile:
            self._begin("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                self._finish("ROLLBACK")
                raise

    def _alone(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """Hold the write lock: there is one."""
        return self._writing()

    def _begin(self, *statements: str) -> None:
        """Open a transaction, waiting for our turn.

        SQLite's own busy handler sleeps longer with every try, up to 100 ms, so that under
        load the unlucky wait for a second and more. Short sleeps of uneven length keep the
        longest wait near the shortest.
        """
        deadline: float | None = None
        self._finish("ROLLBACK")  # one whose own end was interrupted
        while True:
            try:
                for statement in statements:
                    self._db.execute(statement)
            except sqlite3.OperationalError as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if error.sqlite_errorcode & 0xFF not in {BUSY, LOCKED}:
                    raise
                clock = time.monotonic()
                deadline = deadline or clock + self.patience
                if clock >= deadline:
                    raise
                time.sleep(0.0005 + clock % 0.001)
            else:
                return

    def _finish(self, statement: str) -> None:
        # SQLite has rolled back by itself after some errors (full disk, I/O).
        if self._db.in_transaction:
            self._db.execute(statement)

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        """Turn the driver's errors into ours."""
        return translated(self.path, self.url)

    # -- what duties ask for ----------------------------------------------------------

    def _rows(self, db: Database, query: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        return iter(db.execute(query, values))  # SQLite makes a row when it is asked for it

    def _sorted_rows(self, db: Database, where: str, values: Sequence[Any], terms: str, limit: int) -> Iterator[Any]:
        """Yield rows in another order than that of enqueueing.

        SQLite sorts the numbers of the jobs, not their rows, and spills what does not fit into its cache: memory
        stays flat. With a limit it keeps only so many while it reads, as a heap does.
        """
        numbers = db.execute(f"SELECT seq FROM jobs WHERE {where} ORDER BY {terms} LIMIT ?", (*values, limit or -1))
        for number in numbers:
            yield db.execute(f"SELECT {COLUMNS} FROM jobs WHERE seq = ?", number).fetchone()

    def _mend(self, db: Database) -> None:
        db.execute(schema.SIGN_THE_UNSIGNED)

    def _settled_numbers(self) -> dict[str, int]:
        # One writer at a time has the store, so a number that was given later was committed later.
        with self._reading() as db:
            return dict(db.execute("SELECT name, seq FROM sqlite_sequence"))

    def _last_number(self, db: Database, table: str) -> int:
        row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        return int(row[0]) if row else 0

    # -- opening ----------------------------------------------------------------------

    def _open(self) -> None:
        found = os.stat(self.path)  # noqa: PTH116 - as above
        self._identity = (found.st_dev, found.st_ino)
        with self._reading() as db:
            version = schema.inspect(db, self.url)
        if version < schema.VERSION:
            self._migrate()
        with self._translated():
            self._db.execute("PRAGMA synchronous = FULL")
            # SQLite's own lower() knows ASCII only.
            self._db.create_function("folded", 1, str.casefold, deterministic=True)

    def _leave_untouched(self) -> None:
        """Close somebody else's file as it was found.

        The last connection to close moves what a crash left in the -wal into the file; one
        that may only read does not, and while it is there no other is the last.
        """
        with contextlib.closing(self._db), contextlib.suppress(OSError, sqlite3.Error):
            from pathlib import Path

            if not Path(f"{self.path}-wal").stat().st_size:
                return
            with contextlib.closing(sqlite3.connect(f"{Path(self.path).as_uri()}?mode=ro", uri=True)) as reader:
                reader.execute("BEGIN")
                reader.execute("PRAGMA user_version")
                self._db.close()

    def _migrate(self) -> None:
        """Bring the schema up to date; any number of first commands may do so at once."""
        with self._translated():
            self._begin("PRAGMA journal_mode = WAL")
        with self._writing() as db:
            schema.migrate(db, schema.inspect(db, self.url))


@contextlib.contextmanager
def translated(path: str, name: str) -> Iterator[None]:
    """Turn the driver's errors about a store into ours, which call it by `name`."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translation(error, path, name) from error


def _translation(error: sqlite3.Error, path: str, name: str) -> errors.StoreError:
    kind, says, hint = _MEANINGS.get(
        getattr(error, "sqlite_errorcode", 0) & 0xFF,
        (errors.StoreUnreachable, "cannot be used", "check the file, its directory and the disk"),
    )
    if not os.path.isdir(os.path.dirname(path)):  # noqa: PTH112, PTH120 - as above
        kind, says = errors.StoreGone, "has lost its directory"
    # Of a busy store the driver knows nothing that we have not said.
    detail = "" if kind is errors.StoreBusy else f" ({error})"
    return kind(f"store {name!r} {says}{detail}", hint=hint)


_MEANINGS: dict[int, tuple[type[errors.StoreError], str, str]] = {
    BUSY: (
        errors.StoreBusy,
        "is busy: another process holds its lock",
        "try again; `fuser FILE` tells who has it open",
    ),
    LOCKED: (errors.StoreBusy, "is busy", "try again"),
    READONLY: (
        errors.StoreReadOnly,
        "cannot be written",
        "its file, and the directory that holds it, must be writable for you",
    ),
    CANTOPEN: (
        errors.StoreReadOnly,
        "cannot be opened for writing",
        "its file, and the directory that holds it, must be writable for you",
    ),
    FULL: (errors.StoreFull, "has no room: the disk is full", "free some space; nothing was stored by this command"),
    CORRUPT: (
        errors.StoreDamaged,
        "is damaged",
        "keep a copy; `sqlite3 FILE .recover` saves what can be saved",
    ),
    NOTADB: (errors.StoreDamaged, "is not a database", "name another file with --db; this one was not changed"),
    IOERR: (errors.StoreUnreachable, "cannot be read or written", "check the disk and its free space"),
}
