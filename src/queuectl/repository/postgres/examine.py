"""Looking at a store without changing anything in it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg

from queuectl import errors
from queuectl.repository.examination import Engine, StoreFacts
from queuectl.repository.postgres import schema
from queuectl.repository.postgres.link import Link
from queuectl.repository.postgres.meanings import meaning
from queuectl.repository.postgres.place import place_of
from queuectl.repository.postgres.transactions import Database
from queuectl.repository.sql.examining import filled, invariants, miscounts

if TYPE_CHECKING:
    from collections.abc import Sequence


def engine(url: str) -> Engine:
    """Return which server keeps the store; of none that answers, the driver's name and version."""
    try:
        with closing(Link(place_of(url))) as link:
            number = link.connection.info.server_version
    except psycopg.Error:
        return Engine("psycopg", tuple(int(part) for part in psycopg.__version__.split(".")[:3] if part.isdigit()))
    return Engine("PostgreSQL", (number // 10_000, number % 10_000))


def examine(url: str, *, now: int, thorough: bool, numbers: Sequence[int]) -> StoreFacts:
    """Look at a store.

    Args:
        url: as the user gave it.
        now: the present.
        thorough: whether to read everything and to count it anew.
        numbers: of jobs, of which some may not be there.

    Raises:
        StoreError: it is not there, not ours, or cannot be read.
    """
    place = place_of(url)
    try:
        with closing(Link(place)) as link:
            connection = link.connection
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            _, version = schema.inspect(connection, place)
            if not version:
                raise errors.StoreUnreachable(
                    f"there is no store {place.shown!r}", "queuectl init makes it; or name another with --db"
                )
            facts = StoreFacts(version, schema.VERSION, "wal", ())
            return (
                facts
                if version != schema.VERSION
                else _looked_at(Database(connection), facts, now, numbers, thorough=thorough)
            )
    except psycopg.Error as error:
        raise meaning(error, place.shown) from error


def _looked_at(db: Any, facts: StoreFacts, now: int, numbers: Sequence[int], *, thorough: bool) -> StoreFacts:
    facts = filled(db, facts, now)
    known = "SELECT seq FROM jobs UNION SELECT job FROM leftovers"
    unknown = f"SELECT n FROM unnest(?::bigint[]) AS n WHERE n NOT IN ({known})"
    return facts._replace(
        unknown=tuple(number for (number,) in db.execute(unknown, (list(numbers),))),
        miscounts=(*miscounts(db), *invariants(db)) if thorough else (),
    )
