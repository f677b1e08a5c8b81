"""The transactions of one process on a server, and what becomes of them when the connection is cut.

Whatever writes holds the store's advisory lock together with all others that write, so that one can wait for those
who are in the middle of it; and it knows its transaction's number from the start, so that after a COMMIT without an
answer the server can be asked what became of it: `pg_xact_status`,
https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.errors import UniqueViolation
from psycopg.pq import TransactionStatus

from queuectl import errors
from queuectl.config import state_directory
from queuectl.repository.postgres import schema
from queuectl.repository.postgres.dialect import translated
from queuectl.repository.postgres.home import home_of
from queuectl.repository.postgres.link import Link
from queuectl.repository.postgres.meanings import Cut, InDoubt, Overtaken, meaning
from queuectl.repository.postgres.place import place_of
from queuectl.repository.sql.columns import COLUMNS
from queuectl.repository.sql.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

_LOCK = "SELECT pg_advisory_xact_lock{shared}({lock[0]}, {lock[1]}), pg_current_xact_id()::text"
#: Of a table's numbers the last that was given.
_LAST = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}"
#: Two cursors at once need two names.
_NUMBERS = itertools.count()
_SEQUENCES = {"jobs": "jobs_seq_seq", "history": "history_id_seq", "actions": "actions_id_seq"}
#: Who is in the middle of writing.
_WRITERS = """
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid = %s AND objid = %s::bigint::oid AND granted AND pid <> pg_backend_pid()
"""
#: Seconds that a wait for a row, or for those who change the tables, may take at the most.
_LOCK_TIMEOUT = "10s"


class Database:
    """A connection inside of a transaction, with the marks that both engines share."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.driver = connection

    def execute(self, statement: str, values: Any = (), /) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run a statement."""
        return self.driver.execute(translated(statement), values or None)

    def executemany(self, statement: str, values: Iterable[Any], /) -> None:
        """Run a statement once for each of the values, in one go."""
        rows = list(values)
        if rows:
            with self.driver.cursor() as cursor:
                cursor.executemany(translated(statement), rows)


class Connection(Store):
    """A store in a schema of a PostgreSQL database.

    Args:
        url: one of libpq's, with `schema=NAME` if it is not to be `queuectl`.
        create: whether the schema may be made.

    Raises:
        StoreError: the server cannot be reached, or the schema is not one of ours.
    """

    Twice = UniqueViolation

    #: Seconds that a method goes on trying while the server does not answer, or others are in its way.
    patience: float = 10.0
    kept_output: int = 65_536

    def __init__(self, url: str, *, create: bool = True) -> None:
        self._place = place_of(url)
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
        return home_of(self.directory)

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
        """Say yes: what was deleted on a server does not go on being there for those who had it open."""
        return True

    # -- transactions -----------------------------------------------------------------

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Database]:
        """Hold one snapshot of the store."""
        with self._translated():
            connection = self._clean()
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                yield Database(connection)
            finally:
                self._abandon(connection)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Database]:
        """Hold a transaction that is refused if another has changed what it read and writes; call the workers."""
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ", end=f"NOTIFY {self._channel}; COMMIT") as db:
            yield db

    @contextlib.contextmanager
    def _working(self) -> Iterator[Database]:
        """Hold a transaction whose statements each see what is committed by then, and which calls nobody."""
        with self._transaction("BEGIN", end="COMMIT") as db:
            yield db

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Database]:
        """Hold a transaction beside which nobody writes."""
        with self._transaction("BEGIN", end=f"NOTIFY {self._channel}; COMMIT", shared="") as db:
            yield db

    @contextlib.contextmanager
    def _transaction(self, begin: str, *, end: str, shared: str = "_shared") -> Iterator[Database]:
        with self._translated():
            connection = self._clean()
            lock = _LOCK.format(shared=shared, lock=self._place.lock)
            cursor = connection.execute(f"{begin}; SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'; {lock}")
            while cursor.nextset():
                pass
            _, number = cursor.fetchone() or (None, "0")
            try:
                yield Database(connection)
            except BaseException:
                self._abandon(connection)
                raise
            self._commit(connection, end, int(number))

    def _clean(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Return the connection, outside of any transaction."""
        self._link.answer_within = None if self.patience > 1 else 5.0  # whoever is in a hurry has a lease to lose
        connection = self._link.connection
        self._abandon(connection)  # one whose own end was interrupted
        return connection

    def _abandon(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        if connection.closed or connection.info.transaction_status is TransactionStatus.IDLE:
            return
        if connection.info.transaction_status is TransactionStatus.ACTIVE:  # interrupted in the middle of a statement
            self._link.drop()
            return
        with contextlib.suppress(psycopg.OperationalError):
            connection.execute("ROLLBACK")

    def _commit(self, connection: psycopg.Connection[tuple[Any, ...]], statement: str, number: int) -> None:
        """Commit; if there is no answer, ask the server on another connection what became of it."""
        try:
            connection.execute(statement)
        except psycopg.OperationalError as error:
            if not connection.closed and connection.info.transaction_status is not TransactionStatus.UNKNOWN:
                raise
            if self._was_committed(number, error) is False:
                raise Cut(*_words(meaning(error, self.url))) from error

    def _was_committed(self, number: int, error: psycopg.Error) -> bool:
        """Find out whether a transaction was committed, for as long as patience lasts.

        Raises:
            InDoubt: the server does not answer.
        """
        ends = time.monotonic() + self.patience
        pause = 0.02
        while True:
            with contextlib.suppress(psycopg.Error):
                self._link.drop()
                status = self._link.connection.execute("SELECT pg_xact_status(%s::text::xid8)", (number,)).fetchone()
                if status != ("in progress",):  # the server has not noticed yet that we are gone
                    return status == ("committed",)
            if time.monotonic() > ends:
                message, _ = _words(meaning(error, self.url))
                raise InDoubt(
                    f"{message}, in the middle of a commit: whether it was done is not known",
                    "look before you do it again",
                    number,
                ) from error
            time.sleep(pause)
            pause = min(1.0, pause * 2)

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        """Turn the driver's errors into ours."""
        return _translating(self.url)

    # -- what duties ask for ----------------------------------------------------------

    def _rows(self, db: Any, query: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        with db.driver.cursor(name=f"rows_{next(_NUMBERS)}") as cursor:  # the server keeps what was not fetched
            cursor.itersize = 2000
            cursor.execute(translated(query), values or None)
            yield from cursor

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


@contextlib.contextmanager
def _translating(name: str) -> Iterator[None]:
    try:
        yield
    except UniqueViolation:
        raise  # the duties know what it means
    except psycopg.Error as error:
        raise meaning(error, name) from error


def _words(error: errors.QueuectlError) -> tuple[str, str | None]:
    return error.message, error.hint


def persistent(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method that is one transaction be called again when others were quicker, or the connection was cut.

    Nothing was written then: what is not known (`InDoubt`) is not done again.
    """

    @wraps(method)
    def call(self: Connection, *args: Any, **options: Any) -> Any:
        ends, pause = time.monotonic() + self.patience, 0.005
        while True:
            try:
                return method(self, *args, **options)
            except (Overtaken, Cut):
                if time.monotonic() + pause > ends:
                    raise
            time.sleep(pause * (0.5 + time.monotonic() % 0.01 * 100))  # not all at once
            pause = min(1.0, pause * 2)

    return call
