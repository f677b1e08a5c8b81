"""What a server says of itself: plain facts, whatever store is on it. Nothing is made or changed."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg

from queuectl import clock, errors
from queuectl.config import state_directory
from queuectl.repository.examination import Connections, Engine, Server
from queuectl.repository.postgres import schema
from queuectl.repository.postgres.home import known_home
from queuectl.repository.postgres.link import NOW, Link
from queuectl.repository.postgres.place import place_of

if TYPE_CHECKING:
    from queuectl.repository.postgres.place import Place

#: What decides whether what was accepted is kept, and whether the tables stay small.
_SETTINGS = (
    "fsync", "full_page_writes", "synchronous_commit", "autovacuum", "track_counts", "default_transaction_read_only",
)  # fmt: skip
_VALUES = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"
_TIMES = 3  #: that it is asked for: the quickest answer tells the clock best

#: Some are kept for superusers. A limit of -1 is none.
_CONNECTIONS = """
    WITH used AS (SELECT datname, usename FROM pg_stat_activity WHERE datid IS NOT NULL)
    SELECT 'server', (SELECT count(*) FROM used), current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true), '0')::int
    UNION ALL
    SELECT 'database', (SELECT count(*) FROM used WHERE datname = current_database()), datconnlimit
        FROM pg_database WHERE datname = current_database() AND datconnlimit >= 0
    UNION ALL
    SELECT 'user', (SELECT count(*) FROM used WHERE usename = current_user), rolconnlimit
        FROM pg_roles WHERE rolname = current_user AND rolconnlimit >= 0
"""
_LONGEST = """
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def engine(url: str) -> Engine:
    """Return which server keeps the store, and how it is; of none that answers, the driver's name and version."""
    place = place_of(url)
    try:
        with closing(Link(place)) as link:
            number = link.connection.info.server_version
            found = _server(link.connection, place)
    except psycopg.Error:
        return Engine("psycopg", tuple(int(part) for part in psycopg.__version__.split(".")[:3] if part.isdigit()))
    return Engine("PostgreSQL", (number // 10_000, number % 10_000), found, schema.OLDEST_SERVER)


def _server(connection: psycopg.Connection[Any], place: Place) -> Server:
    latency, ahead = _clock(connection)
    try:
        store, _ = schema.inspect(connection, place)
    except (psycopg.Error, errors.StoreError):  # whoever looks at the store will say it
        store = ""
    directory = f"{state_directory()}/{store}" if store else ""
    return Server(
        location=place.location,
        schema=place.schema,
        directory=directory,
        home=known_home(directory) if directory else "",
        latency=latency,
        ahead=ahead,
        is_standby=_one(connection, "SELECT pg_is_in_recovery()"),
        settings=dict(connection.execute(_VALUES, (list(_SETTINGS),)).fetchall()),
        connections=tuple(Connections(*row) for row in connection.execute(_CONNECTIONS)),
        longest=_one(connection, _LONGEST),
    )


def _clock(connection: psycopg.Connection[Any]) -> tuple[float, int]:
    """Return how long an answer takes, and how far the server's clock is ahead."""
    found = []
    for _ in range(_TIMES):
        before, began = clock.local(), time.monotonic()
        present = _one(connection, f"SELECT {NOW}")
        found.append((time.monotonic() - began, present - (before + clock.local()) // 2))
    return min(found)


def _one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
