"""A cable between a client and a PostgreSQL server, which can be cut: at any time, or at a COMMIT to the message.

The client's end is a port of this machine, the server's end its socket. What passes is taken apart into messages, each
a type, a length and a body: https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LENGTH = struct.Struct("!I")
#: Codes that stand where the protocol's version does: somebody asks for TLS, or for Kerberos.
_ENCRYPTIONS = {80877103, 80877104}
#: SO_LINGER on, for no time: whoever is at the other end gets RST, as from a router that has forgotten him.
_AT_ONCE = struct.pack("ii", 1, 0)
#: Seconds that a test waits for what has to happen.
_PATIENCE = 20.0


class Moment(StrEnum):
    """When the cable is cut at a statement."""

    BEFORE = "before"  #: it has reached the server
    AFTER = "after"  #: the server has done it, and before the client knows


class Message(NamedTuple):
    """One message, as it passes."""

    kind: bytes  #: empty: the first of a connection, which has no type
    raw: bytes  #: all of it

    @property
    def statement(self) -> bytes:
        """Return the SQL that it brings to the server: of a simple query, or of one that is to be parsed."""
        if self.kind == b"Q":
            return self.raw[5:]
        return self.raw[5:].split(b"\0", 2)[1] if self.kind == b"P" else b""


class Cable:
    """A way to a server that a test can cut, hold and mend.

    Args:
        server: the server's socket.
    """

    def __init__(self, server: Path) -> None:
        self._server = server
        self._lock = threading.Condition()
        self._lines: list[_Line] = []
        self._threads: list[threading.Thread] = []
        self._held = False
        self._pattern: re.Pattern[bytes] | None = None
        self._moment = Moment.BEFORE
        self._left = 0  # how many statements go by before the one at which it is cut
        self._stays_cut = False
        #: Set when it was cut at a statement.
        self.was_cut = threading.Event()
        self.port = 0
        self._listener: socket.socket | None = None
        self.mend()

    # -- what a test does to it -------------------------------------------------------

    def mend(self) -> None:
        """Let connections through, those that are held and new ones."""
        with self._lock:
            self._held = False
            self._lock.notify_all()
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self.port = self._listener.getsockname()[1]
            self._start(self._accept, self._listener)

    def cut(self) -> None:
        """End all connections, and refuse new ones."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # or the thread that accepts would hold it open
            self._listener.close()
            self._listener = None
        self.drop()

    def drop(self) -> None:
        """End all connections; new ones are let through."""
        with self._lock:
            lines = self._lines[:]
        for line in lines:
            line.cut()

    def hold(self) -> None:
        """Swallow what is sent in both directions until it is mended: nobody hears that anything is wrong."""
        with self._lock:
            self._held = True

    def cut_at(self, pattern: str, moment: Moment, *, skip: int = 0, for_good: bool = False) -> None:
        """Cut the connection at a statement, once.

        Args:
            pattern: what to find in the statement, in any case.
            moment: before or after the server has done it.
            skip: how many such statements go by before.
            for_good: whether new connections are refused from then on.
        """
        with self._lock:
            self.was_cut.clear()
            self._pattern, self._moment = re.compile(pattern.encode(), re.IGNORECASE), moment
            self._left, self._stays_cut = skip, for_good

    def is_cut(self) -> None:
        """Wait until it was cut at the statement."""
        assert self.was_cut.wait(_PATIENCE), "the statement has not come"

    def connections(self) -> int:
        """Return how many connections there are."""
        with self._lock:
            return len(self._lines)

    def close(self) -> None:
        """Cut it and wait until nothing is left of it."""
        self.cut()
        self.mend_held()
        for thread in self._threads:
            thread.join(_PATIENCE)
            assert not thread.is_alive()

    def mend_held(self) -> None:
        """Let go of those who hold something back."""
        with self._lock:
            self._held = False
            self._lock.notify_all()

    # -- what it asks itself ----------------------------------------------------------

    def wait_while_held(self) -> None:
        """Return when what was sent may go on."""
        with self._lock:
            self._lock.wait_for(lambda: not self._held)

    def moment_of(self, message: Message) -> Moment | None:
        """Say whether the cable is to be cut at this message, and when."""
        with self._lock:
            if self._pattern is None or not self._pattern.search(message.statement):
                return None
            if self._left:
                self._left -= 1
                return None
            self._pattern = None
            return self._moment

    def cut_line(self, line: _Line) -> None:
        """Cut a connection at the statement that was waited for."""
        if self._stays_cut:
            self.cut()
        line.cut()
        self.was_cut.set()

    def forget(self, line: _Line) -> None:
        """Count a connection no more."""
        with self._lock, suppress(ValueError):
            self._lines.remove(line)

    def _start(self, run: object, *args: object) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self._server))
            except OSError:  # it is not up
                server.close()
                client.close()
                continue
            line = _Line(self, client, server)
            with self._lock:
                self._lines.append(line)
            self._start(line.run_up)
            self._start(line.run_down)


class _Line:
    """One connection through the cable."""

    def __init__(self, cable: Cable, client: socket.socket, server: socket.socket) -> None:
        self._cable = cable
        self._client = client
        self._server = server
        self._swallows = False
        self._ends = 2  # threads that use the sockets

    def run_up(self) -> None:
        """Pass on what the client sends."""
        with suppress(OSError, EOFError):
            for message in self._sent():
                self._cable.wait_while_held()
                moment = self._cable.moment_of(message)
                if moment is Moment.BEFORE:
                    self._cable.cut_line(self)
                    break
                if moment is Moment.AFTER:
                    self._swallows = True
                self._server.sendall(message.raw)
        self._end()

    def run_down(self) -> None:
        """Pass on what the server sends."""
        with suppress(OSError, EOFError):
            while True:
                message = _read(self._server)
                self._cable.wait_while_held()
                if not self._swallows:
                    self._client.sendall(message.raw)
                elif message.kind == b"Z" and message.raw[5:] == b"I":  # ready, and in no transaction
                    self._cable.cut_line(self)
                    break
        self._end()

    def cut(self) -> None:
        """End both halves; the client is told as rudely as a network does."""
        with suppress(OSError):
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _end(self) -> None:
        self.cut()
        with self._cable._lock:
            self._ends -= 1
            is_last = not self._ends
        if is_last:
            self._client.close()
            self._server.close()
            self._cable.forget(self)

    def _sent(self) -> Iterator[Message]:
        while True:
            head = _exactly(self._client, 8)
            length, code = struct.unpack("!II", head)
            if code not in _ENCRYPTIONS:
                break
            self._client.sendall(b"N")  # not on this cable
        yield Message(b"", head + _exactly(self._client, length - 8))
        while True:
            yield _read(self._client)


def _read(end: socket.socket) -> Message:
    head = _exactly(end, 5)
    return Message(head[:1], head + _exactly(end, _LENGTH.unpack(head[1:])[0] - 4))


def _exactly(end: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        some = end.recv(min(length - len(data), 1 << 16))
        if not some:
            raise EOFError
        data += some
    return bytes(data)
