"""The storage engines as tests see them that speak only the protocol: a store of one's own, and a look from outside.

A test that takes `engine`, or a fixture that does, runs once for each of `ENGINES`; `@pytest.mark.engines("sqlite")`
at a test or a module keeps it to what is named there.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from hypothesis import settings

from queuectl.repository import open_repository
from queuectl.repository.sqlite import SqliteRepository
from tests import server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl.repository.protocol import JobRepository

#: How the reason of a test begins that is skipped because there is no server.
NO_SERVER = "no PostgreSQL: "


class Outside(Protocol):
    """A connection that is not the repository's, to see what is really there."""

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows that a query finds; `?` stands for a value."""

    def columns(self, table: str) -> set[str]:
        """Return the names of a table's columns."""

    def change(self, statement: str) -> None:
        """Change what is there."""

    def close(self) -> None:
        """Let go of it."""


class Place(Protocol):
    """Where a store of one test is, or will be."""

    url: str
    data: str  #: how the paths of its data directory begin

    def open(self) -> JobRepository:
        """Open the store, and make it if it is not there."""

    def outside(self) -> Outside:
        """Look at the store from outside."""

    def is_named_by(self, location: str) -> bool:
        """Say whether a location leads here."""

    def remove(self) -> None:
        """Leave nothing of the store, in use or not."""


class Engine(Protocol):
    """One of the kinds of stores."""

    name: str
    repository: tuple[str, str]  #: the module and the name of its class

    def place(self, directory: Path) -> Place:
        """Make room for one store; a directory holds one at the most."""


# -- SQLite ---------------------------------------------------------------------------


class SqliteOutside:
    """A look into a file."""

    def __init__(self, path: str | Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._db.execute(query, values).fetchall()

    def columns(self, table: str) -> set[str]:
        return {name for (name, *_) in self._db.execute(f"SELECT * FROM {table} LIMIT 0").description}  # noqa: S608 - a constant

    def change(self, statement: str) -> None:
        self._db.execute(statement)

    def close(self) -> None:
        with closing(self._db):
            assert self.rows("PRAGMA integrity_check") == [("ok",)]


class _SqlitePlace:
    def __init__(self, path: Path) -> None:
        self.url = str(path)
        self.data = f"{path}.d/"

    def open(self) -> JobRepository:
        repository = SqliteRepository(self.url)
        repository._db.execute("PRAGMA synchronous = OFF")  # no power fails here
        return repository

    def outside(self) -> Outside:
        return SqliteOutside(self.url)

    def is_named_by(self, location: str) -> bool:
        return location == self.url

    def remove(self) -> None:
        Path(self.url).unlink(missing_ok=True)


class Sqlite:
    """Stores in files."""

    name = "sqlite"
    repository = ("queuectl.repository.sqlite", "SqliteRepository")

    def place(self, directory: Path) -> Place:
        directory.mkdir(parents=True, exist_ok=True)
        return _SqlitePlace(directory / "queue.db")


# -- PostgreSQL -----------------------------------------------------------------------


class PostgresOutside:
    """A look into a schema."""

    def __init__(self, found: server.Server, schema: str) -> None:
        import psycopg

        self._db = psycopg.connect(found.conninfo, autocommit=True)
        self._db.execute(f"SET search_path TO {schema}")

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._db.execute(query.replace("?", "%s"), values).fetchall()]

    def columns(self, table: str) -> set[str]:
        return {column.name for column in self._db.execute(f"SELECT * FROM {table} LIMIT 0").description or ()}  # noqa: S608 - a constant

    def change(self, statement: str) -> None:
        self._db.execute(statement)

    def close(self) -> None:
        self._db.close()


class PostgresPlace:
    """A schema of the server of this run, or of another one."""

    def __init__(self, found: server.Server, directory: Path) -> None:
        self.server = found
        self.data = f"{directory}/state/"
        self.schema = f"t{secrets.token_hex(6)}"
        self.url = found.url(self.schema)

    def open(self) -> JobRepository:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_STATE_HOME", self.data)
            return open_repository(self.url)

    def outside(self) -> Outside:
        return PostgresOutside(self.server, self.schema)

    def is_named_by(self, location: str) -> bool:
        return self.schema in location

    def remove(self) -> None:
        import psycopg

        with psycopg.connect(self.server.conninfo, autocommit=True) as db:
            # Whoever has left a transaction open is found here, and not as a hang of the tests.
            db.execute("SET lock_timeout = '10s'")
            db.execute("SET client_min_messages = 'error'")  # it would name every table
            db.execute(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")


class Postgres:
    """Schemas in a server of this run's own."""

    name = "postgres"
    repository = ("queuectl.repository.postgres", "PostgresRepository")

    def place(self, directory: Path) -> Place:
        return PostgresPlace(the_server(), directory)


@contextmanager
def new_store(engine: Engine, directory: Path) -> Iterator[JobRepository]:
    """Hold a store for less, or for longer, than a test."""
    place = engine.place(directory)
    with closing(place.open()) as repository:
        yield repository
    place.remove()


def few() -> int:
    """Return how many examples Hypothesis tries where each costs a schema of its own."""
    return settings().max_examples // 8


def lacking() -> str:
    """Say why no test can have a server, as far as that is known without starting one; empty: it may."""
    missing = [module for module in ("psycopg", "queuectl.repository.postgres") if find_spec(module) is None]
    if missing:
        return f"{NO_SERVER}there is no module {missing[0]}"
    return "" if server.programs() else f"{NO_SERVER}no server is installed (Debian: apt-get install postgresql)"


def is_required() -> bool:
    """Say whether to do without a server is a failure."""
    return os.environ.get("QUEUECTL_REQUIRE_POSTGRES") == "1"


def the_server() -> server.Server:
    """Return the server of this run; without one the test is skipped, or fails if it is required."""
    reason = lacking()
    if not reason:
        try:
            return server.shared()
        except server.Unavailable as error:
            reason = f"{NO_SERVER}{error}"
    if is_required():
        pytest.fail(reason)
    pytest.skip(reason)


#: All of them, by name.
ENGINES: dict[str, Engine] = {engine.name: engine for engine in (Sqlite(), Postgres())}
