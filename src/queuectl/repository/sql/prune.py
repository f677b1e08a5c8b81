"""Removing jobs that have ended, in steps that keep nobody waiting.

There is no index by the time of the end: it would cost every settlement a sixth of its time. A
step walks the ended jobs in the order of enqueueing instead, in a transaction that only reads,
and looks at so many of them at the most; then it takes the write lock and removes what it has
found, if it still is as it was found. What belongs to a job besides its row goes by a trigger.
"""

from __future__ import annotations

from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any

from queuectl.model import FINAL, JobState
from queuectl.repository.pruning import Leftover, Pruned, wrong_state
from queuectl.repository.sql.actions import listed, note
from queuectl.repository.sql.listing import condition, find
from queuectl.repository.sql.rows import marks
from queuectl.repository.sql.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository.base import Filter
    from queuectl.repository.sql.database import Database

#: Jobs that one step looks at: about two milliseconds.
LOOK = 2000

_WALK = f"""
    SELECT seq, created_at, ({{fits}}) FROM jobs INDEXED BY jobs_place WHERE place = ? AND seq > ? ORDER BY seq
    LIMIT {LOOK}
"""

_REMOVE = """
    DELETE FROM jobs WHERE seq IN ({found}) AND state IN ({states}) AND {fits}
    RETURNING seq, id
"""

_IS_THERE = "SELECT EXISTS (SELECT 1 FROM jobs WHERE seq BETWEEN ? AND ?)"


class Pruning(Store):
    """The part of the repository that removes jobs."""

    def prune(self, which: Filter, *, limit: int, after: int = 0) -> Pruned:
        """Remove jobs that have ended; see `JobRepository.prune`."""
        states = _final(which)
        fits, values = _fits(which)
        with self._reading() as db:
            found, last, is_recent = _walk(db, which, limit, after)
        if not found:
            return Pruned((), last, is_recent)
        with self._writing() as db:
            query = _REMOVE.format(found=marks(found), states=marks(states), fits=fits)
            gone = db.execute(query, (*found, *states, *values)).fetchall()
        return Pruned(tuple(job_id for _, job_id in sorted(gone)), last, is_recent)

    def remove(self, which: Filter, *, now: int = 0, by: str = "", verb: str = "rm") -> Sequence[str]:
        """Remove jobs by their ids, all or none; see `JobRepository.remove`."""
        states = _final(which)
        with self._writing() as db:
            rows = {row[0]: row for row in (find(db, reference) for reference in which.ids)}
            for row in rows.values():
                if row[3] not in states:
                    raise wrong_state(row[1], JobState(row[3]), states)
            db.executemany("DELETE FROM jobs WHERE seq = ?", [(seq,) for seq in rows])
            ids = [row[1] for row in rows.values()]
            note(db, verb, listed(ids), jobs=len(ids), now=now, by=by)
        return ids

    def leftovers(self, *, limit: int) -> Sequence[Leftover]:
        """Return the removed jobs whose logs may still be there; see `JobRepository.leftovers`."""
        with self._reading() as db:
            rows = db.execute("SELECT job, runs FROM leftovers ORDER BY job LIMIT ?", (limit,)).fetchall()
        return [Leftover(*row) for row in rows]

    def swept(self, leftovers: Sequence[Leftover]) -> None:
        """Forget removed jobs whose logs are gone; see `JobRepository.swept`."""
        if leftovers:
            with self._writing() as db:
                db.executemany("DELETE FROM leftovers WHERE job = ?", [(one.seq,) for one in leftovers])

    def is_past(self, first: int, last: int) -> bool:
        """Say whether none of these jobs is left, or will ever come; see `JobRepository.is_past`."""
        with self._reading() as db:
            is_there = db.execute(_IS_THERE, (first, last)).fetchone()[0]
            return not is_there and self._last_number(db, "jobs") >= last


def _final(which: Filter) -> tuple[JobState, ...]:
    """Return the states that jobs may be removed from."""
    return tuple(state for state in which.states or sorted(FINAL) if state in FINAL)


def _fits(which: Filter) -> tuple[str, tuple[Any, ...]]:
    """Return SQL that says of a job of the right state whether it is meant, with its values."""
    _, fits, values = condition(which._replace(tags=(), signature=None))
    # One job at a time: to collect all that carry a tag would cost each step as much as all steps.
    carries = " AND EXISTS (SELECT 1 FROM tags WHERE tag = ? AND tags.seq = jobs.seq)" * len(which.tags)
    values = (*values, *which.tags)
    if which.signature is None:
        return fits + carries, values
    return f"{fits}{carries} AND signature = ?", (*values, which.signature)


def _walk(db: Database, which: Filter, limit: int, after: int) -> tuple[list[int], int | None, bool]:
    """Look at ended jobs, those enqueued first before the others, until there are enough.

    Returns:
        The seq of those that are meant, the last one looked at (None: the end was reached), and
        whether all of them were enqueued too late to have ended before `which.finished_before`.
    """
    fits, values = _fits(which)
    walk = _WALK.format(fits=fits)
    found: list[int] = []
    last: int | None = None
    looked, is_recent = 0, which.finished_before is not None
    walks = [db.execute(walk, (*values, str(state), after)) for state in _final(which)]
    for last, created_at, is_meant in islice(merge(*walks), LOOK):
        looked += 1
        is_recent = is_recent and created_at >= which.finished_before
        if is_meant:
            found.append(last)
            if len(found) == limit:
                return found, last, is_recent
    return found, last if looked == LOOK else None, is_recent
