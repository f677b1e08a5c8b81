"""What stands in an export before its jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl.repository import archive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl.repository.sql.database import Database


def beginning(db: Database, schema: int) -> Iterator[dict[str, Any]]:
    """Yield the lines that say of which schema it is, what was set and paused, and what people did."""
    # A server takes its snapshot with the first statement, not with BEGIN: so one comes before anything is told.
    settings = dict(db.execute("SELECT key, value FROM settings ORDER BY key").fetchall())
    yield archive.header(schema)
    yield {"settings": settings}
    for queue, since, by in db.execute("SELECT queue, since, by FROM paused ORDER BY queue"):
        yield {"paused": {"queue": queue, "since": since, "by": by}}
    for row in db.execute("SELECT at, by, verb, what, jobs FROM actions ORDER BY id"):
        yield {"action": dict(zip(("at", "by", "verb", "what", "jobs"), row, strict=True))}
