"""Looking at a store without changing anything in it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psycopg

from queuectl import errors
from queuectl.config import state_directory
from queuectl.repository.examination import StoreFacts, Upkeep
from queuectl.repository.postgres import schema
from queuectl.repository.postgres.home import known_home
from queuectl.repository.postgres.link import Link
from queuectl.repository.postgres.meanings import meaning
from queuectl.repository.postgres.place import place_of
from queuectl.repository.postgres.transactions import Database
from queuectl.repository.sql.examining import filled, invariants, miscounts

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The server's own count of the rows of jobs, and when they were cleared away.
_ROWS = """
    SELECT n_live_tup, n_dead_tup, (extract(epoch FROM greatest(last_vacuum, last_autovacuum)) * 1000)::bigint
    FROM pg_stat_user_tables WHERE relid = 'jobs'::regclass
"""
_SIZE = """
    SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
    WHERE relnamespace = to_regnamespace(?) AND relkind = 'r'
"""
_OVERDUE = "SELECT count(*) FROM jobs WHERE place = 'processing' AND lease_expires_at < ?"
#: What some command needs: the table `meta` is written by its owner only, when the schema changes.
_LACKS = """
    SELECT needed || ' on ' || relname FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS needed
    WHERE relnamespace = to_regnamespace(?) AND relkind = 'r' AND (relname <> 'meta' OR needed = 'SELECT')
        AND NOT has_table_privilege(oid, needed)
    UNION ALL
    SELECT needed || ' on ' || relname FROM pg_class, unnest(ARRAY['SELECT', 'USAGE', 'UPDATE']) AS needed
    WHERE relnamespace = to_regnamespace(?) AND relkind = 'S' AND NOT has_sequence_privilege(oid, needed)
    UNION ALL
    SELECT 'TEMPORARY on database ' || current_database()
    WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
    ORDER BY 1
"""
#: Role 0 is PUBLIC.
_IS_PUBLIC = """
    SELECT EXISTS (
        SELECT 1 FROM pg_class, aclexplode(relacl) AS given
        WHERE relnamespace = to_regnamespace(?) AND relkind = 'r' AND given.grantee = 0
            AND given.privilege_type IN ('INSERT', 'UPDATE')
    )
"""


def examine(url: str, *, now: int, thorough: bool, numbers: Sequence[int]) -> StoreFacts:
    """Look at a store.

    Args:
        url: as the user gave it.
        now: the present, by the server's clock.
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
            store, version = schema.inspect(connection, place)
            if not version:
                raise errors.StoreUnreachable(
                    f"there is no store {place.shown!r}", "queuectl init makes it; or name another with --db"
                )
            facts = StoreFacts(version, schema.VERSION, "", ())
            if version != schema.VERSION:
                return facts
            db = Database(connection)
            home = known_home(f"{state_directory()}/{store}")
            facts = _looked_at(db, facts, now, home)._replace(upkeep=_upkeep(db, place.schema, now))
            return _compared(db, facts, numbers, thorough=thorough)
    except psycopg.Error as error:
        raise meaning(error, place.shown) from error


def _looked_at(db: Database, facts: StoreFacts, now: int, home: str) -> StoreFacts:
    """Add what the tables say; of removed jobs those whose logs may be on this machine."""
    leftovers = _number(db, "SELECT count(*) FROM leftovers WHERE home = ?", home)
    return filled(db, facts, now)._replace(leftovers=leftovers)


def _compared(db: Database, facts: StoreFacts, numbers: Sequence[int], *, thorough: bool) -> StoreFacts:
    """Add which of the numbers are of no job, and what does not add up."""
    known = "SELECT seq FROM jobs UNION SELECT job FROM leftovers"
    unknown = f"SELECT n FROM unnest(?::bigint[]) AS n WHERE n NOT IN ({known})"
    return facts._replace(
        unknown=tuple(number for (number,) in db.execute(unknown, (list(numbers),))),
        miscounts=(*miscounts(db), *invariants(db)) if thorough else (),
    )


def _upkeep(db: Database, name: str, now: int) -> Upkeep:
    jobs, dead, cleared_at = db.execute(_ROWS).fetchone() or (0, 0, None)
    return Upkeep(
        jobs=jobs,
        dead=dead,
        cleared_at=cleared_at,
        size=_number(db, _SIZE, name),
        deltas=_number(db, "SELECT count(*) FROM deltas"),
        homes=_number(db, "SELECT count(*) FROM homes"),
        overdue=_number(db, _OVERDUE, now),
        lacks=tuple(text for (text,) in db.execute(_LACKS, (name, name))),
        is_public=bool(_number(db, _IS_PUBLIC, name)),
    )


def _number(db: Database, query: str, *values: object) -> int:
    row = db.execute(query, values).fetchone()
    return int(row[0]) if row else 0
