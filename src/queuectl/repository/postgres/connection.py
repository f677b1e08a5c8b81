"""A store in a schema of a PostgreSQL database: opening it, and what its duties ask for."""

from __future__ import annotations

import itertools
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from queuectl import errors
from queuectl.config import state_directory
from queuectl.repository.postgres import schema
from queuectl.repository.postgres.dialect import translated
from queuectl.repository.postgres.home import NOWHERE, home_of
from queuectl.repository.postgres.link import Link
from queuectl.repository.postgres.place import place_of
from queuectl.repository.postgres.transactions import Database, Transactions
from queuectl.repository.sql.columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Of a table's numbers the last that was given.
_LAST = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}"
#: Rows of a cursor that are fetched at once.
_AT_ONCE = 2000
#: Two cursors at once need two names.
_NUMBERS = itertools.count()
_SEQUENCES = {"jobs": "jobs_seq_seq", "history": "history_id_seq", "actions": "actions_id_seq"}
#: Who is in the middle of writing.
_WRITERS = """
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid = %s AND objid = %s::bigint::oid AND granted AND pid <> pg_backend_pid()
"""


class Connection(Transactions):
    """A store in a schema of a PostgreSQL database.

    Args:
        url: one of libpq's, with `schema=NAME` if it is not to be `queuectl`.
        create: whether the schema may be made.
        patience: seconds to go on trying, unless it is the usual number.

    Raises:
        StoreError: the server cannot be reached, or the schema is not one of ours.
    """

    kept_output: int = 65_536

    def __init__(self, url: str, *, create: bool = True, patience: float | None = None) -> None:
        self._place = place_of(url)
        if patience is not None:
            self.patience = patience
            self._place = self._place.hurried()
        self.url = self._place.shown
        self.location = self._place.location
        self._channel = f"queuectl_{self._place.schema}"
        self._link = Link(self._place)
        try:
            with self._translated():
                self._store, self.created = self._open(create=create)
        except BaseException:
            self.close()
            raise
        self.directory_name = f"{state_directory()}/{self._store}"

    @property
    def directory(self) -> Path:
        """The data directory of this machine; see `JobRepository.directory`."""
        from pathlib import Path

        return Path(self.directory_name)

    @cached_property
    def home(self) -> str:
        """Which data directory of which machine this is; see `JobRepository.home`."""
        try:
            return home_of(self.directory)
        except errors.StoreUnreachable:  # whoever only enqueues or looks needs none
            return NOWHERE

    @property
    def bell(self) -> int | None:
        """Rung by NOTIFY; see `JobRepository.bell`."""
        with self._translated():
            return self._link.listen(self._channel)

    def answer(self) -> bool:
        """Say whether it has rung since the last call; see `JobRepository.answer`."""
        return self._link.answer()

    def close(self) -> None:
        """Let go of the server. Idempotent."""
        self._link.close()

    def is_same_file(self) -> bool:
        """Say yes: what was deleted on a server is gone for all. What was replaced, turns and renewals see."""
        return True

    # -- what duties ask for ----------------------------------------------------------

    def _see_that_it_is(self, store: str) -> None:
        """See that the store that is there now is the one that was opened: numbers of workers begin anew in another."""
        if store != self._store:
            raise errors.StoreGone(
                f"store {self.url!r} was deleted or replaced",
                hint="start a worker on the store that is there now",
            )

    def _rows(self, db: Any, query: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        # Not the driver's own cursor: that one is closed by a statement, which fails if its transaction is over by then
        # and takes along the one that has taken its place.
        name = f"rows_{next(_NUMBERS)}"
        db.driver.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {translated(query)}", values or None, prepare=False)
        rows = [()] * _AT_ONCE
        while len(rows) == _AT_ONCE:  # fewer are the last
            rows = db.driver.execute(f"FETCH {_AT_ONCE} FROM {name}", prepare=False).fetchall()
            yield from rows

    def _sorted_rows(self, db: Any, where: str, values: Sequence[Any], terms: str, limit: int) -> Iterator[Any]:
        query = f"SELECT {COLUMNS} FROM jobs WHERE {where} ORDER BY {terms}"
        if not limit:
            return self._rows(db, query, values)
        return iter(db.execute(f"{query} LIMIT ?", (*values, limit)))

    def _settled_numbers(self) -> dict[str, int]:
        """Return the last numbers that were given, once everybody who wrote then has come to an end.

        A number is given before its row can be seen, and others may be quicker with later ones. So whoever wrote at
        that moment is waited for: rows up to these numbers come no more.
        """
        with self._translated():
            connection = self._clean()
            numbers = {table: int(self._last_number(Database(connection), table)) for table in _SEQUENCES}
            values = self._place.lock[0], self._place.lock[1] % 2**32
            writers = {writer for (writer,) in connection.execute(_WRITERS, values)}
            ends, pause = time.monotonic() + self.patience, 0.002
            while writers:
                if time.monotonic() > ends:
                    raise errors.StoreBusy(
                        f"store {self.url!r} is busy: somebody has been writing for long", "try again"
                    )
                time.sleep(pause)
                pause = min(0.25, pause * 2)
                writers &= {writer for (writer,) in connection.execute(_WRITERS, values)}
        return numbers

    def _last_number(self, db: Any, table: str) -> int:
        (number,) = db.execute(_LAST.format(sequence=_SEQUENCES[table])).fetchone()
        return int(number)

    # -- opening ----------------------------------------------------------------------

    def _open(self, *, create: bool) -> tuple[str, bool]:
        connection = self._link.connection
        store, version = schema.inspect(connection, self._place)
        if not version and not create:
            raise errors.StoreUnreachable(
                f"there is no store {self.url!r}", hint="queuectl enqueue … makes it; or name another with --db"
            )
        return (store, False) if version == schema.VERSION else schema.migrate(connection, self._place)
