"""What people do to the queue, a row for each command that changed something."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def note(db: sqlite3.Connection, verb: str, what: str, *, jobs: int, now: int, by: str) -> None:  # noqa: PLR0913 - the columns of a row
    """Write down who did what, in the transaction that did it; nobody's deed and what touched nothing is not noted.

    Args:
        db: in a transaction.
        verb: the command's word.
        what: the ids, or what chose the jobs, for people.
        jobs: how many it touched.
        now: when.
        by: `user@host`.
    """
    if by and jobs:
        db.execute("INSERT INTO actions (at, by, verb, what, jobs) VALUES (?, ?, ?, ?, ?)", (now, by, verb, what, jobs))
