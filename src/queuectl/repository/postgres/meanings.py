"""What the server's errors mean in our words; see https://www.postgresql.org/docs/current/errcodes-appendix.html."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors as pg

from queuectl import errors


class Overtaken(errors.StoreBusy):
    """Another transaction was quicker; nothing was written, and the same again may do."""


class Cut(errors.StoreUnreachable):
    """The connection was lost, and nothing was written by what was going on."""


class InDoubt(errors.StoreUnreachable):
    """The connection was lost while the server was committing, and has not come back yet.

    Args:
        transaction: its number, by which the server knows whether it was committed.
    """

    def __init__(self, message: str, hint: str, transaction: int) -> None:
        super().__init__(message, hint)
        self.transaction = transaction


_RIGHTS = (
    "GRANT CREATE ON DATABASE lets it make the schema; to use one it needs USAGE on it,"
    " and all rights on its tables and sequences"
)
_PARAMETERS = "see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"
_LOCATION = "check host, port and database in --db; libpq's PGHOST, PGSERVICE and PGPASSFILE count as well"

#: By class of the driver's error, the first that fits.
_MEANINGS: tuple[tuple[tuple[type[psycopg.Error], ...], type[errors.StoreError], str, str], ...] = (
    (
        (pg.SerializationFailure, pg.DeadlockDetected),
        Overtaken,
        "is busy: others change the same jobs",
        "try again",
    ),
    ((pg.LockNotAvailable, pg.QueryCanceled), errors.StoreBusy, "is busy: somebody holds a lock", "try again"),
    (
        (pg.ReadOnlySqlTransaction,),
        errors.StoreReadOnly,
        "cannot be written: the server is a standby or read-only",
        "name the primary; with several hosts in the URL, target_session_attrs=read-write finds it",
    ),
    ((pg.InsufficientPrivilege,), errors.StoreReadOnly, "may not be used so by this user", _RIGHTS),
    ((pg.DiskFull,), errors.StoreFull, "has no room: the server's disk is full", "free some space on the server"),
    (
        (pg.UndefinedTable, pg.UndefinedFunction, pg.UndefinedColumn, pg.InvalidSchemaName),
        errors.StoreGone,
        "was deleted, or is not as it was made",
        "queuectl init makes a new one; a backup of the database has the old",
    ),
    ((pg.DataCorrupted, pg.IndexCorrupted), errors.StoreDamaged, "is damaged", "restore it from a backup"),
)

#: What is said when no connection can be made, by what the server or libpq says.
_REFUSALS: tuple[tuple[str, str, str], ...] = (
    (
        "too many (clients|connections)|connection slots",
        "has no connection left",
        "end some; or raise max_connections, or the limit of the role or database that is named",
    ),
    (
        "no password supplied",
        "wants a password",
        "write a line host:port:database:user:password into ~/.pgpass, and chmod 600 it",
    ),
    (
        "password authentication failed|password file",
        "does not take user and password",
        "see the user in --db and the password in ~/.pgpass, or in the file that PGPASSFILE names",
    ),
    (
        "(Peer|Ident) authentication failed",
        "lets in only who is called so on its machine too",
        "name that user in --db, or a host of the server, to come in by a password",
    ),
    (
        "authentication|pg_hba",
        "does not let this user in from here",
        "the server's pg_hba.conf has to say that it may",
    ),
    (
        "role .* (does not exist|is not permitted to log in)",
        "has no such user",
        "name it in --db, as postgresql://user@host/database; createuser makes one on the server",
    ),
    ("database .* does not exist", "has no such database", "createdb makes one; the first command makes the tables"),
    (
        "permission denied for database",
        "does not let this user into the database",
        "GRANT CONNECT ON DATABASE lets it in",
    ),
    ("starting up|shutting down|recovery", "is starting or stopping", "try again in a moment"),
)

#: What libpq or the server says of a location that makes no sense.
_MISTAKES = re.compile("invalid .*(value|option)|bad value|unrecognized configuration parameter")


def meaning(error: psycopg.Error, name: str) -> errors.QueuectlError:
    """Return an error of the driver in our words, about the store with this name."""
    if error.sqlstate is None and _MISTAKES.match(_first_line(error)):
        return errors.InvalidInput(f"the location {name!r} makes no sense ({_first_line(error)})", _PARAMETERS)
    if isinstance(error, psycopg.OperationalError) and _is_cut(error):
        return _refusal(error, name)
    for kinds, kind, says, hint in _MEANINGS:
        if isinstance(error, kinds):
            return kind(f"store {name!r} {says} ({_first_line(error)})", hint)
    return errors.StoreUnreachable(f"store {name!r} cannot be used ({_first_line(error)})", _LOCATION)


def _is_cut(error: psycopg.Error) -> bool:
    """Say whether the connection is gone: refused, closed by either side, or without an answer."""
    gone = (
        pg.AdminShutdown,
        pg.CrashShutdown,
        pg.CannotConnectNow,
        pg.IdleInTransactionSessionTimeout,
        pg.TooManyConnections,
    )
    return error.sqlstate is None or isinstance(error, gone) or str(error.sqlstate).startswith("08")


def _refusal(error: psycopg.Error, name: str) -> Cut:
    text = _first_line(error)
    for pattern, says, hint in _REFUSALS:
        if re.search(pattern, text):
            return Cut(f"the server of store {name!r} {says} ({text})", hint)
    return Cut(f"the server of store {name!r} cannot be reached ({text})", _LOCATION)


def _first_line(error: psycopg.Error) -> str:
    """Return what is the matter, without what libpq says of the way there if the server itself has answered."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = re.sub("^connection (failed|is bad): ", "", lines[0]) if lines else type(error).__name__
    return text.rpartition("FATAL:  ")[2]
