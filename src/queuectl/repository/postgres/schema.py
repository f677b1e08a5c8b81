"""The schema's version, and how an older one is brought up to date: under a lock, in one transaction."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from queuectl import errors

if TYPE_CHECKING:
    import psycopg

    from queuectl.repository.postgres.place import Place

VERSION = 1
#: The first with `pg_xact_status` of transaction numbers that are never used again, and with random numbers of its own.
OLDEST_SERVER = (13,)

#: Both in one statement: between two, another first command may make all of it.
_FOUND = """
    SELECT (
        SELECT count(*) = 2 FROM pg_attribute WHERE attrelid = to_regclass(%(schema)s || '.meta')
            AND (attname, atttypid) IN (('id', 'text'::regtype), ('schema', 'integer'::regtype))
    ), count(*) FROM pg_class
    WHERE relnamespace = to_regnamespace(%(schema)s) AND relkind IN ('r', 'v', 'm', 'p')
"""


def inspect(connection: psycopg.Connection[tuple[Any, ...]], place: Place) -> tuple[str, int]:
    """Return the store's id and the version of its schema; empty and 0 if it is not there.

    Raises:
        StoreForeign: the schema holds something else.
        StoreNewer: a newer version of the program made it.
        StoreUnreachable: the server is too old.
    """
    if (connection.info.server_version // 10_000,) < OLDEST_SERVER:
        version = connection.info.server_version // 10_000
        raise errors.StoreUnreachable(
            f"the server of store {place.shown!r} is PostgreSQL {version}, which is too old",
            hint=f"queuectl needs PostgreSQL {OLDEST_SERVER[0]} or later",
        )
    is_ours, tables = connection.execute(_FOUND, {"schema": place.schema}).fetchone() or (False, 0)
    if not is_ours:
        if tables:
            raise errors.StoreForeign(
                f"schema {place.schema!r} of {place.shown!r} holds tables of another program",
                hint="name another schema with ?schema=NAME; this one was not changed",
            )
        return "", 0
    store, version = connection.execute("SELECT id, schema FROM meta").fetchone() or ("", 0)
    if version > VERSION:
        raise errors.StoreNewer(
            f"store {place.shown!r} has schema {version}; this program knows schemas up to {VERSION}",
            hint="upgrade queuectl-cli",
        )
    return store, version


def migrate(connection: psycopg.Connection[tuple[Any, ...]], place: Place) -> tuple[str, bool]:
    """Bring the schema up to date, any number of first commands at once; return the store's id, and if it was made."""
    from pathlib import Path

    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", place.lock)
        store, version = inspect(connection, place)
        if not version and not connection.execute("SELECT to_regnamespace(%s)", (place.schema,)).fetchone()[0]:  # type: ignore[index]
            connection.execute(f"CREATE SCHEMA {place.schema}")
        for number in range(version + 1, VERSION + 1):
            script = Path(__file__).with_name("sql") / f"{number:04}.sql"
            connection.execute(script.read_text(encoding="utf-8"))
        if version:
            connection.execute("UPDATE meta SET schema = %s", (VERSION,))
        else:
            store = os.urandom(8).hex()
            connection.execute("INSERT INTO meta (id, schema) VALUES (%s, %s)", (store, VERSION))
    return store, not version
