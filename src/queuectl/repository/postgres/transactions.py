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
from queuectl.repository.postgres.prepared import NARROW
from queuectl.repository.sql.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from queuectl import errors
    from queuectl.repository.postgres.link import Link, Wire
    from queuectl.repository.postgres.place import Place
    from queuectl.repository.postgres.prepared import Call

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

    def __init__(self, connection: Wire, answer: Sequence[tuple[Any, ...]] = ()) -> None:
        self.driver = connection
        self.answer = answer  #: to the call with which the transaction began

    def execute(self, statement: str, values: Any = (), /) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run a statement."""
        return self.driver.execute(translated(statement), values or None)

    def call(self, call: Call, /) -> list[tuple[Any, ...]]:
        """Run a prepared statement, and prepare it if this connection does not know it."""
        prepare(self.driver, call)
        return self.driver.execute(call.execution, prepare=False).fetchall()

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

    @property
    def _is_hurried(self) -> bool:
        """Whether the caller has something to lose while it waits: a worker does, whose leases end."""
        return self.patience <= 1

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
                    # After a ROLLBACK all that is prepared would have to be anew.
                    self._abandon(connection, by="COMMIT")

    def _writing(self) -> contextlib.AbstractContextManager[Database]:
        """Hold a transaction that is refused if another has changed what it read and writes."""
        return self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ")

    def _working(self, call: Call | None = None) -> contextlib.AbstractContextManager[Database]:
        """Hold a transaction whose statements each see what is committed by then.

        The call goes to the server together with the BEGIN.
        """
        return self._transaction(_COMMITTED, call=call)

    def _beside(self) -> contextlib.AbstractContextManager[Database]:
        """Hold a transaction like that of `_working`, beside anybody: it adds no job, no step and no action."""
        return self._transaction(_COMMITTED, lock="")

    def _alone(self) -> contextlib.AbstractContextManager[Database]:
        """Hold a transaction beside which nobody writes."""
        return self._transaction(_COMMITTED, lock=_LOCK)

    @contextlib.contextmanager
    def _transaction(self, begin: str, *, lock: str = _SHARED_LOCK, call: Call | None = None) -> Iterator[Database]:
        with self._translated():
            patience = self.hurry * _WHILE_ANSWERED if self._is_hurried else _LOCK_TIMEOUT
            begin = f"{begin}; SET LOCAL lock_timeout = {int(patience * 1000)}"
            connection, found, answer = self._begun(begin, lock.format(*self._place.lock) + _NUMBER, call)
            number = found[-1]
            try:
                yield Database(connection, answer)
            except BaseException:
                self._abandon(connection)
                raise
            self._commit(connection, f"NOTIFY {self._channel}; COMMIT" if self._rings else "COMMIT", int(number))

    def _begun(
        self, begin: str, columns: str = "", call: Call | None = None
    ) -> tuple[Wire, Sequence[Any], list[tuple[Any, ...]]]:
        """Begin a transaction and compare the clocks, unless a call takes a part of the time.

        On a new connection if the old one was cut while nobody used it: nothing was lost.

        Returns:
            The connection, what the columns came to, and what the call has found.
        """
        statement = f"{begin}; SELECT {columns}{NOW}"
        before = clock.since_boot()
        connection = self._clean()
        try:
            answers = _answers(connection, statement, call)
        except psycopg.OperationalError:
            if not connection.closed or connection.is_silent:  # who does not answer would be waited for once more
                raise
            connection = self._clean()
            answers = _answers(connection, statement, call)
        self._transactions += 1
        *found, present = answers[0][0]
        if call is None:
            clock.follow(present, around=(before, clock.since_boot()))
        return connection, found, answers[-1]

    def _clean(self) -> Wire:
        """Return the connection, outside of any transaction."""
        self._link.answer_within = self.hurry if self._is_hurried else None
        connection = self._link.connection
        self._abandon(connection)  # one whose own end was interrupted
        return connection

    def _abandon(self, connection: Wire, *, by: str = "ROLLBACK") -> None:
        status = connection.info.transaction_status
        if connection.closed or status is TransactionStatus.IDLE:
            return
        if status is TransactionStatus.ACTIVE:  # interrupted in the middle of a statement
            self._link.drop()
            return
        with contextlib.suppress(psycopg.OperationalError):
            connection.execute(by, prepare=False)
            if by == "ROLLBACK" or status is TransactionStatus.INERROR:
                connection.forget()

    def _commit(self, connection: Wire, statement: str, number: int) -> None:
        """Commit; if there is no answer, ask the server on another connection what became of it."""
        try:
            connection.execute(statement, prepare=False)
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


def _answers(connection: Wire, statement: str, call: Call | None) -> list[list[tuple[Any, ...]]]:
    """Run several statements that go in one message."""
    if call:
        prepare(connection, call)
        statement = f"{statement}; {call.execution}"
    cursor = connection.execute(statement, prepare=False)
    found = []
    while True:
        if cursor.description:
            found.append(cursor.fetchall())
        if not cursor.nextset():
            return found


def prepare(connection: Wire, call: Call) -> None:
    """Let the server know a statement, if it does not; how it plans stays so: who calls is a worker."""
    if not connection.knows:
        connection.execute(NARROW, prepare=False)
    if call.name not in connection.knows:
        connection.execute(call.preparation, prepare=False)
        connection.knows.add(call.name)


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
