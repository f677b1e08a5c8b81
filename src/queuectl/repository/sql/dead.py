"""What the dead died of: groups by signature, from counters and one index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.model import JobState
from queuectl.repository import dead
from queuectl.repository.sql.listing import EVERYTHING, condition
from queuectl.repository.sql.store import Store

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from queuectl.repository.base import Filter
    from queuectl.repository.sql.database import Database

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
    SELECT coalesce(signature, ''), queue, count(*), max(seq) FROM jobs WHERE {where} AND place = 'dead' GROUP BY 1, 2
"""


class Dying(Store):
    """The part of the repository that knows what the dead died of."""

    def dead_groups(self, which: Filter, *, limit: int = 0) -> dead.DeadGroups:
        """Return the largest groups of dead jobs; see `Dying.dead_groups`."""
        _, where, values = condition(which._replace(states=(JobState.DEAD,)))
        with self._reading() as db:
            if where == EVERYTHING:
                rows = db.execute(_COUNTED).fetchall()
                shown = [_looked_up(db, *row) for row in rows[: limit or None]]
            else:
                rows = _summed(db.execute(_FILTERED.format(where=where), values))
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


def _looked_up(db: Database, signature: str, jobs: int) -> dead.DeadGroup:
    found = db.execute(_QUEUES, {"signature": signature}).fetchall()
    return _group(db, signature, jobs, max(seq for _, seq in found), {queue for queue, _ in found})


def _summed(rows: Iterable[tuple[str, str, int, int]]) -> list[tuple[str, int, int, set[str]]]:
    """Put together what is counted by signature and queue; the largest groups come first."""
    found: dict[str, tuple[int, int, set[str]]] = {}
    for signature, queue, jobs, newest in rows:
        before, last, queues = found.get(signature, (0, 0, set()))
        found[signature] = before + jobs, max(last, newest), {*queues, queue}
    return sorted(((signature, *rest) for signature, rest in found.items()), key=lambda group: (-group[1], group[0]))


def _group(db: Database, signature: str, jobs: int, newest: int, queues: Collection[str]) -> dead.DeadGroup:
    job_id, died = db.execute("SELECT id, finished_at FROM jobs WHERE seq = ?", (newest,)).fetchone()
    return dead.DeadGroup(dead.group_id(signature), signature, jobs, job_id, died, tuple(sorted(queues)))
