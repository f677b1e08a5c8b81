"""The schema's version, and how an older file comes to it.

A file says by `application_id` that it is ours and by `user_version` which schema it has.
Both are read in one transaction together with the number of its tables: a first command
must not mistake another's half-made store for somebody else's database.
"""

from __future__ import annotations

import sqlite3

from queuectl import errors

VERSION = 2
#: A worker of schema 1 that was not stopped before the migration buries jobs without a signature. The workers of today
#: see to it when they come and with each sign of life: a trigger, which would do so at once, made each claim and each
#: settlement five thousand instructions longer.
SIGN_THE_UNSIGNED = """
    UPDATE jobs INDEXED BY jobs_by_signature SET signature = coalesce(error, reason, '')
    WHERE state = 'dead' AND signature IS NULL
"""
APPLICATION_ID = 0x71637464  #: "qctd", https://www.sqlite.org/pragma.html#pragma_application_id


def inspect(db: sqlite3.Connection, name: str) -> int:
    """Return the schema's version, 0 for an empty file. To be called inside a transaction.

    Raises:
        StoreForeign: the file holds something else.
        StoreNewer: a newer version of the program wrote it.
    """
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if application == APPLICATION_ID:
        if version > VERSION:
            raise errors.StoreNewer(
                f"store {name!r} has schema {version}; this program knows schemas up to {VERSION}",
                hint="upgrade queuectl-cli, or name another file with --db",
            )
        return int(version)
    (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application or version or tables:
        raise errors.StoreForeign(
            f"{name!r} is a database of another program", hint="name another file with --db; this one was not changed"
        )
    return 0


def migrate(db: sqlite3.Connection, version: int) -> None:
    """Apply every step above `version`, inside the caller's write transaction."""
    from pathlib import Path

    for number in range(version + 1, VERSION + 1):
        script = Path(__file__).with_name("sql") / f"{number:04}.sql"
        for statement in statements(script.read_text(encoding="utf-8")):
            db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {VERSION}")


def statements(script: str) -> list[str]:
    """Split a script; `executescript` would commit the transaction it runs in."""
    found: list[str] = []
    lines: list[str] = []
    for line in script.splitlines():
        lines.append(line)
        text = "\n".join(lines)
        if line.rstrip().endswith(";") and sqlite3.complete_statement(text):
            found.append(text)
            lines = []
    return found
