"""Transactions on a server, and what becomes of them when the connection is cut.

Whatever writes holds the store's advisory lock together with all others that write, so that one can wait for those
who are in the middle of it; and it knows its transaction's number from the start, so that after a COMMIT without an
answer the server can be asked what became of it: `pg_xact_status`,
https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg
from psycopg.errors import InvalidParameterValue, UniqueViolation
from psycopg.pq import TransactionStatus

from queuectl import clock
from queuectl.repository.postgres.dialect import translated
from queuectl.repository.postgres.link import NOW
from queuectl.repository.postgres.meanings import Cut, InDoubt, meaning
from queuectl.repository.sql.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from queuectl import errors
    from queuectl.repository.postgres.link import Link
    from queuectl.repository.postgres.place import Place

#: A server, database or user may have another default.
_COMMITTED = "BEGIN ISOLATION LEVEL READ COMMITTED"
_LOCK = "pg_advisory_xact_lock({}, {}), "
_SHARED_LOCK = "pg_advisory_xact_lock_shared({}, {}), "
_NUMBER = "pg_current_xact_id()::text, "
#: Seconds that a wait for a row, or for those who change the tables, may take at the most.
_LOCK_TIMEOUT = 10.0
#: The same of those in a hurry, as a part of the time in which the server has to answer: a lock is no missing answer.
_WHILE_ANSWERED = 0.8


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


class Transactions(Store):
    """How a connection is used: the part of it that duties see."""

    Twice: ClassVar[type[Exception]] = UniqueViolation

    #: Seconds that a method goes on trying while the server does not answer, or others are in its way.
    patience: float = 10.0
    #: Seconds in which the server has to answer those who have a lease to lose.
    hurry: float = 5.0

    _rings = False  #: whether a commit calls the workers
    _transactions = 0  #: that have been begun

    url: str
    _place: Place
    _link: Link
    _channel: str

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Database]:
        """Hold one snapshot of the store."""
        with self._translated():
            connection, *_ = self._begun("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            ours = self._transactions
            try:
                yield Database(connection)
            finally:
                if ours == self._transactions:  # else this is a stream that ends late, and another goes on by now
                    self._abandon(connection)

    def _writing(self) -> contextlib.AbstractContextManager[Database]:
        """Hold a transaction that is refused if another has changed what it read and writes."""
        return self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ")

    def _working(self) -> contextlib.AbstractContextManager[Database]:
        """Hold a transaction whose statements each see what is committed by then."""
        return self._transaction(_COMMITTED)

    def _beside(self) -> contextlib.AbstractContextManager[Database]:
        """Hold a transaction like that of `_working`, beside anybody: it adds no job, no step and no action."""
        return self._transaction(_COMMITTED, lock="")

    def _alone(self) -> contextlib.AbstractContextManager[Database]:
        """Hold a transaction beside which nobody writes."""
        return self._transaction(_COMMITTED, lock=_LOCK)

    @contextlib.contextmanager
    def _transaction(self, begin: str, *, lock: str = _SHARED_LOCK) -> Iterator[Database]:
        with self._translated():
            patience = _LOCK_TIMEOUT if self.patience > 1 else self.hurry * _WHILE_ANSWERED
            begin = f"{begin}; SET LOCAL lock_timeout = {int(patience * 1000)}"
            connection, *_, number = self._begun(begin, lock.format(*self._place.lock) + _NUMBER)
            try:
                yield Database(connection)
            except BaseException:
                self._abandon(connection)
                raise
            self._commit(connection, f"NOTIFY {self._channel}; COMMIT" if self._rings else "COMMIT", int(number))

    def _begun(self, begin: str, columns: str = "") -> tuple[Any, ...]:
        """Begin a transaction and compare the clocks; return the connection, and what the columns came to.

        On a new connection if the old one was cut while nobody used it: nothing was lost.
        """
        statement = f"{begin}; SELECT {columns}{NOW}"
        before = clock.since_boot()
        connection = self._clean()
        try:
            cursor = connection.execute(statement)
        except psycopg.OperationalError:
            if not connection.closed:
                raise
            connection = self._clean()
            cursor = connection.execute(statement)
        while cursor.nextset():
            pass
        self._transactions += 1
        *found, present = cursor.fetchone() or (0,)
        clock.follow(present, around=(before, clock.since_boot()))
        return connection, *found

    def _clean(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Return the connection, outside of any transaction."""
        self._link.answer_within = None if self.patience > 1 else self.hurry
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
                was_committed = self._outcome(number)
                if was_committed is not None:
                    return was_committed
            if time.monotonic() > ends:
                message, _ = _words(meaning(error, self.url))
                raise InDoubt(
                    f"{message}, in the middle of a commit: whether it was done is not known",
                    "look before you do it again",
                    number,
                ) from error
            time.sleep(pause)
            pause = min(1.0, pause * 2)

    def _outcome(self, number: int) -> bool | None:
        """Ask whether a transaction was committed; None: the server is still at it."""
        try:
            row = self._link.connection.execute("SELECT pg_xact_status(%s::text::xid8)", (number,)).fetchone()
        except InvalidParameterValue:  # a standby has taken over without it, and has not come so far
            return False
        return None if row == ("in progress",) else row == ("committed",)

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        """Turn the driver's errors into ours."""
        return _translating(self.url)


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
