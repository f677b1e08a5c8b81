"""What the dead died of: groups by signature, from counters and one index."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from queuectl.model import JobState
from queuectl.repository import dead
from queuectl.repository.sqlite.connection import Connection
from queuectl.repository.sqlite.listing import condition

if TYPE_CHECKING:
    import sqlite3

    from queuectl.repository.base import Filter

_COUNTED = "SELECT signature, jobs FROM dead_by_signature WHERE jobs > 0 ORDER BY jobs DESC, signature"

#: Jumps from queue to queue along the index, and to the last job of each.
_QUEUES = """
    WITH RECURSIVE found (queue) AS (
        SELECT min(queue) FROM jobs INDEXED BY jobs_by_signature WHERE state = 'dead' AND signature = :signature
        UNION ALL
        SELECT (
            SELECT min(queue) FROM jobs INDEXED BY jobs_by_signature
            WHERE state = 'dead' AND signature = :signature AND queue > found.queue
        ) FROM found WHERE found.queue IS NOT NULL
    )
    SELECT queue, (
        SELECT max(seq) FROM jobs INDEXED BY jobs_by_signature
        WHERE state = 'dead' AND signature = :signature AND queue = found.queue
    ) FROM found WHERE queue IS NOT NULL
"""

_FILTERED = """
    SELECT coalesce(signature, ''), count(*), max(seq), json_group_array(DISTINCT queue) FROM jobs
    WHERE {where} AND place = 'dead' GROUP BY 1 ORDER BY 2 DESC, 1
"""


class Dying(Connection):
    """The part of the repository that knows what the dead died of."""

    def dead_groups(self, which: Filter, *, limit: int = 0) -> dead.DeadGroups:
        """Return the largest groups of dead jobs; see `Dying.dead_groups`."""
        _, where, values = condition(which._replace(states=(JobState.DEAD,)))
        with self._reading() as db:
            if where == "1":
                rows = db.execute(_COUNTED).fetchall()
                shown = [_looked_up(db, *row) for row in rows[: limit or None]]
            else:
                rows = db.execute(_FILTERED.format(where=where), values).fetchall()
                shown = [_group(db, *row) for row in rows[: limit or None]]
        digits = dead.digits_for(dead.group_id(row[0]) for row in rows)
        return dead.DeadGroups(shown, len(rows) - len(shown), sum(row[1] for row in rows), digits)

    def dead_of(self, signature: str) -> int:
        """Return how many jobs died of this; see `Dying.dead_of`."""
        with self._reading() as db:
            row = db.execute("SELECT jobs FROM dead_by_signature WHERE signature = ?", (signature,)).fetchone()
        return int(row[0]) if row else 0

    def dead_signature(self, reference: str) -> str:
        """Return the signature that a group's id means; see `Dying.dead_signature`."""
        with self._reading() as db:
            return dead.chosen(reference, (row[0] for row in db.execute("SELECT signature FROM dead_by_signature")))


def _looked_up(db: sqlite3.Connection, signature: str, jobs: int) -> dead.DeadGroup:
    found = db.execute(_QUEUES, {"signature": signature}).fetchall()
    return _group(db, signature, jobs, max(seq for _, seq in found), json.dumps([queue for queue, _ in found]))


def _group(db: sqlite3.Connection, signature: str, jobs: int, newest: int, queues: str) -> dead.DeadGroup:
    job_id, died = db.execute("SELECT id, finished_at FROM jobs WHERE seq = ?", (newest,)).fetchone()
    return dead.DeadGroup(dead.group_id(signature), signature, jobs, job_id, died, tuple(sorted(json.loads(queues))))
