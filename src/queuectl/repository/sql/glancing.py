"""What a screen shows that is drawn again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl.model import JobState
from queuectl.repository.glancing import Beat, Ended, Pulse, QueueCounts
from queuectl.repository.sql.columns import COLUMNS
from queuectl.repository.sql.rows import job_of
from queuectl.repository.sql.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository.sql.database import Database

#: Transitions that are looked at, at the most: 100,000 take 15 ms, once.
LOOK = 100_000
#: Jobs whose time has come and that no worker has seen yet, at the most.
_DUE_LOOK = 1_000

_QUEUES = "SELECT queue, place, jobs FROM tally WHERE place IN ('ready', 'scheduled', 'retrying', 'processing')"
_DUE = """
    SELECT queue, attempts > 0, count(*) FROM (
        SELECT queue, attempts FROM jobs INDEXED BY jobs_due
        WHERE state = 'pending' AND delayed = 1 AND next_run_at <= ? ORDER BY next_run_at LIMIT ?
    ) AS due GROUP BY 1, 2
"""
_JOB = ", ".join(f"j.{name.strip()}" for name in COLUMNS.split(","))
#: From the newest transition on; ends as soon as there are enough. Who died has failed in the same transaction.
_ENDS = f"""
    SELECT h.id, CASE WHEN h.state = 'failed' AND EXISTS (
            SELECT 1 FROM history AS d WHERE d.job = h.job AND d.run = h.run AND d.state = 'dead'
        ) THEN 'dead' ELSE h.state END,
        h.at, h.attempt, h.at - h.since, h.reason, h.exit_code, {_JOB}
    FROM history AS h CROSS JOIN jobs AS j
    WHERE j.seq = h.job AND h.id > ? AND h.state IN ('completed', 'failed', 'cancelled') ORDER BY h.id DESC LIMIT ?
"""
_BEATS = """
    SELECT at / :span, count(CASE WHEN state = 'completed' THEN 1 END), count(CASE WHEN state = 'failed' THEN 1 END)
    FROM history
    WHERE id > :after AND state IN ('completed', 'failed') GROUP BY 1 ORDER BY 1
"""


class Glancing(Store):
    """The part of the repository that says in short what is going on."""

    def queue_counts(self, *, now: int, limit: int) -> Sequence[QueueCounts]:
        """Return the busiest queues; see `JobRepository.queue_counts`."""
        found: dict[str, dict[str, int]] = {}
        with self._reading() as db:
            for queue, place, jobs in db.execute(_QUEUES):
                found.setdefault(queue, {})[place] = jobs
            for queue, is_retry, jobs in db.execute(_DUE, (now, _DUE_LOOK)):
                places, whence = found.setdefault(queue, {}), "retrying" if is_retry else "scheduled"
                places["ready"] = places.get("ready", 0) + jobs
                places[whence] = places.get(whence, 0) - jobs
        queues = [QueueCounts(name, **places) for name, places in found.items()]
        return sorted(queues, key=lambda one: (-sum(one[1:]), one.name))[:limit]

    def deadliest(self, *, limit: int) -> Sequence[tuple[str, int]]:
        """Return what most of the dead died of; see `JobRepository.deadliest`."""
        query = "SELECT signature, jobs FROM dead_by_signature WHERE jobs > 0 ORDER BY jobs DESC, signature LIMIT ?"
        with self._reading() as db:
            return db.execute(query, (limit,)).fetchall()

    def recent_ends(self, *, limit: int) -> Sequence[Ended]:
        """Return how the last runs ended; see `JobRepository.recent_ends`."""
        with self._reading() as db:
            rows = db.execute(_ENDS, (_last(db) - LOOK, limit)).fetchall()
        return [_ended_of(row) for row in rows]

    def pulse(self, *, after: int, span: int) -> Pulse:
        """Count the runs that ended; see `JobRepository.pulse`."""
        with self._reading() as db:
            last = _last(db)
            first, since = max(after, last - LOOK), None
            if first > after:
                (since,) = db.execute("SELECT min(at) FROM history WHERE id = ?", (first + 1,)).fetchone()
            rows = db.execute(_BEATS, {"span": span, "after": first}).fetchall()
        beats = [Beat(at * span, int(completed), int(failed)) for at, completed, failed in rows]
        return Pulse(last, since, beats)


def _last(db: Database) -> int:
    (last,) = db.execute("SELECT coalesce(max(id), 0) FROM history").fetchone()
    return int(last)


def _ended_of(row: tuple[Any, ...]) -> Ended:
    number, state, at, attempt, span, reason, exit_code = row[:7]
    seconds = None if span is None else max(0, span) / 1000
    return Ended(number, job_of(row[7:]), JobState(state), at, attempt, seconds, reason, exit_code)
