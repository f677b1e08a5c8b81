"""Peers that are Python libraries: each has a small program in `apps/` that all see the same way.

    python apps/NAME_app.py ADDRESS reset | work | enqueue COMMAND… | bulk JOBS | drain SLOTS JOBS

`drain` prints `done NUMBER` as soon as the last job has ended. Workers of this kind are not started
for every drain, so the clock does not count their start: a first job for each slot waits at a gate.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import background, seconds
from benchmarks.peers import servers
from benchmarks.peers.base import Gate, Peer, expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

APPS = Path(__file__).parents[1] / "apps"


class Library(Peer):
    """A queue for Python functions; the function here runs `sh -c COMMAND`."""

    app = ""
    server: Callable[[], contextlib.AbstractContextManager[str]] | None = None
    server_version: Callable[[], str] | None = None
    address = ""  #: of its server, while that runs

    def version(self) -> str:
        try:
            found = importlib.metadata.version(self.app)
        except importlib.metadata.PackageNotFoundError:
            return ""
        if self.server_version is None:
            return found
        beside = type(self).server_version
        assert beside is not None
        return f"{found} on {beside()}" if beside() else ""

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        server = type(self).server
        if server is None:
            yield
            return
        with server() as self.address:
            yield

    def words(self, where: Path, verb: str, *arguments: str) -> list[str]:
        """Return the words that call its program."""
        address = self.address or str(where / "queue")
        return [sys.executable, str(APPS / f"{self.app}_app.py"), address, verb, *arguments]

    def prepare(self, where: Path) -> None:
        seconds(self.words(where, "reset"), where)

    def enqueue_words(self, where: Path, command: str) -> list[str]:
        return self.words(where, "enqueue", command)

    def enqueue_many(self, where: Path, jobs: int) -> float:
        self.prepare(where)
        return seconds(self.words(where, "bulk", str(jobs)), where)

    def drain(self, where: Path, jobs: int, slots: int) -> float:
        self.prepare(where)
        drain = self.words(where, "drain", str(slots), str(jobs + slots))
        with contextlib.closing(Gate(where)) as gate:
            seconds(self.words(where, "enqueue", *[gate.command] * slots), where)
            seconds(self.words(where, "bulk", str(jobs)), where)
            ran, took = self._pass(gate, drain, where, slots)
        expect(self.name, ran, jobs + slots)
        return took

    def _pass(self, gate: Gate, drain: list[str], where: Path, slots: int) -> tuple[int, float]:
        """Return how many ran, and the seconds since the gate was opened."""
        with background(drain, where, at_once=True) as process:
            assert process.stdout is not None
            gate.wait_for(slots)
            began = time.perf_counter()
            gate.open(slots)
            # Some of them write log lines there as well.
            ran = next((line.split()[1] for line in process.stdout if line.startswith(b"done ")), b"0")
            return int(ran), time.perf_counter() - began

    @contextlib.contextmanager
    def worker(self, where: Path) -> Iterator[None]:
        with background(self.words(where, "work"), where):
            yield


class Huey(Library):
    """huey on SQLite."""

    name = "huey"
    app = "huey"
    install = "pip install huey"
    keeps = "the queue, fsynced; a job that was taken is forgotten if its worker dies; no results or output asked for"
    how = "`SqliteHuey(fsync=True)`, one consumer with N threads; polls with its default delays"
    share = 0.3


class Rq(Library):
    """RQ on Redis."""

    name = "RQ"
    app = "rq"
    install = "pip install rq redis, apt-get install redis-server"
    keeps = "jobs and results, every write fsynced; no output; retries if asked for"
    how = (
        "Redis with `appendfsync always`; N `SimpleWorker` processes, which do not fork for each job (the command is a"
        " process anyway) and are RQ's fastest"
    )
    share = 0.1
    server = staticmethod(servers.redis_server)
    server_version = staticmethod(lambda: f"Redis {servers.redis_version()}" if servers.redis_version() else "")


class Celery(Library):
    """Celery on Redis."""

    name = "Celery"
    app = "celery"
    install = "pip install celery redis, apt-get install redis-server"
    keeps = "jobs and results, every write fsynced; no output; retries if asked for; acknowledged late"
    how = "Redis with `appendfsync always`; one worker with N threads, `acks_late`, results in Redis"
    share = 0.1
    server = staticmethod(servers.redis_server)
    server_version = staticmethod(lambda: f"Redis {servers.redis_version()}" if servers.redis_version() else "")


class Procrastinate(Library):
    """procrastinate on PostgreSQL."""

    name = "procrastinate"
    app = "procrastinate"
    install = "pip install procrastinate 'psycopg[binary]', apt-get install postgresql"
    keeps = "jobs, results and events, every transaction fsynced; no output; retries if asked for"
    how = "PostgreSQL as it ships; one worker with `concurrency=N`, asynchronous functions"
    share = 0.1
    server = staticmethod(servers.postgres_server)
    server_version = staticmethod(
        lambda: f"PostgreSQL {servers.postgres_version()}" if servers.postgres_version() else ""
    )

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with super().running():
            seconds(self.words(Path(), "schema"), Path())
            yield
