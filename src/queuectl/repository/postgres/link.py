"""The one connection that a process has to the server: made when it is needed, and anew when it was cut.

It is also where the bell rings: NOTIFY comes in between the answers, or while nobody asks anything.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import time
from typing import TYPE_CHECKING, Any, NoReturn

import psycopg
from psycopg.adapt import Loader
from psycopg.waiting import Ready

from queuectl import clock

if TYPE_CHECKING:
    from collections.abc import Generator

    from queuectl.repository.postgres.place import Place

# What the driver logs, it also raises; a user is told once, and in our words.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)

#: Column that says what the server's clock says.
NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
#: What is said first. The server notices a client that has gone without a word as soon as we would notice a server:
#: else its transaction would keep its locks for two hours.
_GREETING = f"""
    SELECT {NOW}, set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false),
        set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '10s', false)
"""


class _Whole(Loader):
    """Sums of whole numbers come as numerics, and are whole."""

    def load(self, data: Any) -> int:
        return int(bytes(data))


class Wire(psycopg.Connection[tuple[Any, ...]]):
    """A connection that does not wait for ever for an answer."""

    answer_within: float | None = None  #: seconds; None: as long as the network holds
    is_silent = False  #: whether it was given up because no answer came in time

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.knows: set[str] = set()  #: names of statements that are prepared

    def forget(self) -> None:
        """Look what is prepared still: after a ROLLBACK or a DROP psycopg may have dropped all, ours too."""
        if self.knows:
            found = self.execute("SELECT name FROM pg_prepared_statements", prepare=False)
            self.knows &= {name for (name,) in found}

    def wait(self, gen: Generator[Any, Any, Any], interval: float = 0.0, timeout: float | None = None) -> Any:  # noqa: ARG002 - psycopg's
        """Run a step of the protocol to its end; see `psycopg.waiting`.

        Raises:
            OperationalError: there was no answer in time. The connection is closed: what it was about is unknown.
        """
        poll = select.poll()
        within = self.answer_within if timeout is None else timeout
        ends = None if within is None else time.monotonic() + within
        try:
            wanted = next(gen)
            while True:
                events = (select.POLLIN if wanted & Ready.R else 0) | (select.POLLOUT if wanted & Ready.W else 0)
                poll.register(self.pgconn.socket, events)
                found = poll.poll(None if ends is None else max(0.0, ends - time.monotonic()) * 1000)
                if not found:
                    self._give_up(within)
                wanted = gen.send(_ready(found[0][1], wanted))
        except StopIteration as end:
            return end.value
        except BaseException:
            gen.close()
            raise

    def _give_up(self, within: float | None) -> NoReturn:
        self.is_silent = True
        self.pgconn.finish()
        raise psycopg.OperationalError(f"the server did not answer within {within:g} s")


def _ready(found: int, wanted: int) -> int:
    """Return what of the wanted is there; after an error everything, so that libpq meets it."""
    if found & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
        return wanted
    return (Ready.R if found & select.POLLIN else 0) | (Ready.W if found & select.POLLOUT else 0)


class Link:
    """The way to the server.

    Args:
        place: of the store.
    """

    answer_within: float | None = None  #: seconds after which the server counts as gone

    def __init__(self, place: Place) -> None:
        self._place = place
        self._connection: Wire | None = None
        self._channel = ""
        self._bell = -1  # an epoll of our own: the descriptor stays the same when the connection does not
        self._rung = -1  # becomes readable when a call came in between two answers

    @property
    def connection(self) -> Wire:
        """The connection, made if there is none.

        Raises:
            psycopg.Error: it cannot be made.
        """
        found = self._connection
        if found is None or found.closed:
            found = self._connection = self._connect()
        found.answer_within = self.answer_within
        return found

    def drop(self) -> None:
        """Forget a connection that is of no use any more."""
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Let go of everything."""
        self.drop()
        for descriptor in (self._bell, self._rung):
            if descriptor >= 0:
                os.close(descriptor)
        self._bell = self._rung = -1

    # -- the bell ---------------------------------------------------------------------

    def listen(self, channel: str) -> int:
        """Return a descriptor that becomes readable when somebody notifies the channel."""
        if self._bell < 0:
            self._bell, self._rung = os.dup((epoll := select.epoll()).fileno()), os.eventfd(0, os.EFD_NONBLOCK)
            epoll.close()
            self._channel = channel
            with self._poll() as poll:
                poll.register(self._rung, select.EPOLLIN)
            if self._connection is not None and not self._connection.closed:
                self._hear(self._connection)
        return self._bell

    def answer(self) -> bool:
        """Say whether the bell has rung since the last call."""
        found = self._connection
        if found is not None and not found.closed and self._bell >= 0:
            self._take_in(found)
        try:
            return self._rung >= 0 and os.eventfd_read(self._rung) > 0
        except BlockingIOError:
            return False

    def _take_in(self, connection: Wire) -> None:
        """Read what the server sent without being asked."""
        try:
            connection.pgconn.consume_input()
            while connection.pgconn.notifies():
                self._ring()
        except psycopg.Error:  # cut; the next statement makes it anew
            self.drop()
            self._ring()

    def _ring(self, *_: object) -> None:
        os.eventfd_write(self._rung, 1)

    def _hear(self, connection: Wire) -> None:
        connection.add_notify_handler(self._ring)
        connection.execute(f"LISTEN {self._channel}")
        with self._poll() as poll:
            poll.register(connection.fileno(), select.EPOLLIN)

    @contextlib.contextmanager
    def _poll(self) -> Generator[select.epoll, None, None]:
        poll = select.epoll.fromfd(os.dup(self._bell))
        try:
            yield poll
        finally:
            poll.close()

    # -- making it --------------------------------------------------------------------

    def _connect(self) -> Wire:
        place = self._place if self.answer_within is None else self._place.hurried()
        made = Wire.connect(place.conninfo, autocommit=True, **place.defaults)  # type: ignore[arg-type]
        try:
            made.adapters.register_loader("numeric", _Whole)
            before = clock.since_boot()
            present, *_ = made.execute(_GREETING).fetchone()  # type: ignore[misc]
            clock.follow(present, around=(before, clock.since_boot()))
            if self._channel:
                self._hear(made)
                self._ring()  # whatever was called while there was nobody to hear it
        except BaseException:
            made.close()
            raise
        return made
