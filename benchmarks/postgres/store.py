"""A PostgreSQL server for the benchmarks, as durable as it ships, and stores of any size on it."""

from __future__ import annotations

import itertools
import os
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from benchmarks.measure import room
from benchmarks.peers import servers
from queuectl.repository import open_repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

_NUMBERS = itertools.count()

#: What must be on: without one of them it would be another promise that is measured.
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")

_FINISHED = """
    INSERT INTO jobs (id, command, state, queue, priority, attempts, max_retries, runs, created_at, updated_at,
        started_at, finished_at, duration_seconds, exit_code)
    SELECT 'done-' || i, 'true', 'completed', 'default', 0, 1, 3, 1, 1, 1, 1, 1, 0.001, 0
    FROM generate_series(1, %s) AS i
"""
_TRANSITIONS = """
    INSERT INTO history (job, at, state, attempt, run, since, exit_code)
    SELECT seq, 1, step.state, 1, 1, 1, step.code
    FROM jobs, (VALUES ('processing', NULL), ('completed', 0)) AS step (state, code)
"""
_COUNTED = "INSERT INTO deltas (place, queue, jobs) SELECT place, queue, count(*) FROM jobs GROUP BY 1, 2"

_BARE = """
    CREATE TABLE bare (
        id bigserial PRIMARY KEY, command text NOT NULL, state text NOT NULL DEFAULT 'pending',
        priority integer NOT NULL DEFAULT 0, token text, started_at timestamptz, finished_at timestamptz,
        exit_code integer
    );
    CREATE INDEX bare_ready ON bare (priority DESC, id) WHERE state = 'pending'
"""


class Server(NamedTuple):
    """A server that is up."""

    conninfo: str  #: as libpq and psycopg take it

    def url(self, schema: str) -> str:
        """Return a store's location as users give it."""
        host = self.conninfo.split()[0].removeprefix("host=")
        return f"postgresql://bench@/postgres?host={quote(host, safe='/')}&schema={schema}"

    def connect(self, schema: str = "public") -> psycopg.Connection:
        """Connect past the program."""
        import psycopg

        return psycopg.connect(self.conninfo, autocommit=True, options=f"-csearch_path={schema}")


@contextmanager
def server() -> Iterator[Server]:
    """Keep up a server, and a data directory of our own for whoever has a store on it."""
    with servers.postgres_server() as conninfo, room() as state:
        before = os.environ.get("XDG_STATE_HOME")
        os.environ["XDG_STATE_HOME"] = str(state)
        try:
            found = Server(conninfo)
            refuse_to_be_hasty(found)
            yield found
        finally:
            del os.environ["XDG_STATE_HOME"]
            if before is not None:
                os.environ["XDG_STATE_HOME"] = before


def refuse_to_be_hasty(found: Server) -> None:
    """See that what is measured waits for its disk.

    Raises:
        RuntimeError: a setting is off.
    """
    with closing(found.connect()) as db:
        for name in DURABLE:
            if (value := db.execute(f"SHOW {name}").fetchone()) != ("on",):
                raise RuntimeError(f"{name} is {value}: this would measure another promise")


def make_store(found: Server, *, finished: int = 0) -> tuple[str, str]:
    """Make a store with so many finished jobs and their history, by SQL; return its schema and its location."""
    schema = f"bench{next(_NUMBERS)}"
    url = found.url(schema)
    open_repository(url).close()
    with closing(found.connect(schema)) as db:
        if finished:
            db.execute("ALTER TABLE jobs DISABLE TRIGGER USER")
            db.execute(_FINISHED, (finished,))
            db.execute(_TRANSITIONS)
            db.execute(_COUNTED)
            db.execute("ALTER TABLE jobs ENABLE TRIGGER USER")
        for table in ("jobs", "history", "deltas"):
            db.execute(f"VACUUM ANALYZE {table}")
    return schema, url


def make_bare(found: Server, jobs: int) -> str:
    """Make the least table that a queue needs, with so many jobs; return its schema."""
    schema = f"bench{next(_NUMBERS)}"
    with closing(found.connect(schema)) as db:
        db.execute(f"CREATE SCHEMA {schema}")
        db.execute(_BARE)
        db.execute("INSERT INTO bare (command) SELECT 'true' FROM generate_series(1, %s)", (jobs,))
        db.execute("VACUUM ANALYZE bare")
    return schema


def drop(found: Server, schema: str) -> None:
    """Leave nothing of a store: what one candidate leaves behind is not to be cleaned up beside the next."""
    with closing(found.connect()) as db:
        db.execute("SET client_min_messages = error")
        db.execute(f"DROP SCHEMA {schema} CASCADE")
        db.execute("CHECKPOINT")


def cpu_of(pid: int) -> float:
    """Return the seconds that a process has been on a processor, by the kernel's account."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
