"""Why a job stands where it does: the job, its line, and whoever could run it, read at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.model import JobState, Transition
from queuectl.repository import explaining
from queuectl.repository.explaining import Circumstances, Pause, Rival
from queuectl.repository.sql.listing import find
from queuectl.repository.sql.rows import job_of
from queuectl.repository.sql.store import Store
from queuectl.repository.sql.workers import registered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl.model import Job
    from queuectl.repository.sql.database import Database

_LAST = (
    "SELECT at, state, attempt, worker, reason, exit_code, since FROM history WHERE job = ? ORDER BY id DESC LIMIT 1"
)

#: Queues whose jobs can be claimed.
_QUEUES = """
    SELECT queue FROM counts WHERE place = 'ready' AND jobs > 0
        AND NOT EXISTS (SELECT 1 FROM paused WHERE paused.queue IN ('', counts.queue))
"""
#: Each half is one stretch of the index.
_AHEAD = """
    SELECT count(*) FROM (
        SELECT * FROM (
            SELECT 1 FROM jobs INDEXED BY jobs_ready_by_queue
            WHERE state = 'pending' AND delayed = 0 AND queue = :queue AND priority > :priority LIMIT :look
        ) AS above
        UNION ALL
        SELECT * FROM (
            SELECT 1 FROM jobs INDEXED BY jobs_ready_by_queue
            WHERE state = 'pending' AND delayed = 0 AND queue = :queue AND priority = :priority AND seq < :seq
            LIMIT :look
        ) AS before
        LIMIT :look
    ) AS ahead
"""
#: Jobs whose time has come and that no worker has seen yet.
_DUE = """
    SELECT queue, count(*) FROM (
        SELECT queue, priority, seq FROM jobs INDEXED BY jobs_due
        WHERE state = 'pending' AND delayed = 1 AND next_run_at <= :now ORDER BY next_run_at LIMIT :look
    ) AS due
    WHERE (priority > :priority OR priority = :priority AND seq < :seq)
        AND NOT EXISTS (SELECT 1 FROM paused WHERE paused.queue IN ('', queue))
    GROUP BY queue
"""
_RIVAL = """
    SELECT id, state FROM jobs INDEXED BY jobs_unique_key
    WHERE unique_key IS NOT NULL AND unique_key = ? AND state IN ('pending', 'processing') AND seq <> ?
"""


class Explaining(Store):
    """The part of the repository that knows what decides about a job."""

    def circumstances(self, reference: str, *, now: int) -> Circumstances:
        """Return a job and what decides about it; see `JobRepository.circumstances`."""
        with self._reading() as db:
            job = job_of(find(db, reference))
            holder, grace = db.execute("SELECT worker_id, cancel_grace FROM jobs WHERE seq = ?", (job.seq,)).fetchone()
            found = Circumstances(job, _last(db, job), tuple(registered(db)), holder, grace)
            if job.state is JobState.PENDING:
                is_due = (job.next_run_at or 0) <= now
                ahead = dict(_ahead(db, job, now)) if is_due else {}
                cut = sum(ahead.values()) >= explaining.LOOK
                return found._replace(pauses=_pauses(db, job), ahead=ahead, ahead_is_cut=cut)
            return found._replace(rival=_rival(db, job), others=_others(db, job))


def _last(db: Database, job: Job) -> Transition:
    row = db.execute(_LAST, (job.seq,)).fetchone()
    if row is None:
        return Transition(job.created_at, None, JobState.PENDING, 0, None, "enqueued", None)
    at, state, *rest = row
    return Transition(at, None, JobState(state), *rest)


def _pauses(db: Database, job: Job) -> tuple[Pause, ...]:
    rows = db.execute("SELECT queue, since, by FROM paused WHERE queue IN ('', ?) ORDER BY queue", (job.queue,))
    return tuple(map(Pause._make, rows))


def _ahead(db: Database, job: Job, now: int) -> Iterator[tuple[str, int]]:
    """Yield how many jobs of each queue go before this one; of all queues together no more than `LOOK` are counted."""
    values = {"priority": job.priority, "seq": job.seq, "now": now}
    left = explaining.LOOK
    found: dict[str, int] = dict(db.execute(_DUE, values | {"look": left}))
    left = max(0, left - sum(found.values()))
    queues = [queue for (queue,) in db.execute(_QUEUES)]
    # Where the counting is cut, the job's own queue counts most.
    for queue in sorted(queues, key=lambda queue: queue != job.queue):
        if not left:
            break
        (number,) = db.execute(_AHEAD, values | {"queue": queue, "look": left}).fetchone()
        found[queue] = found.get(queue, 0) + number
        left -= number
    yield from found.items()


def _rival(db: Database, job: Job) -> Rival | None:
    if job.unique_key is None or job.state is JobState.PROCESSING:
        return None
    row = db.execute(_RIVAL, (job.unique_key, job.seq)).fetchone()
    return Rival(row[0], JobState(row[1])) if row else None


def _others(db: Database, job: Job) -> int:
    """Count the other dead jobs that died of the same; the counters know."""
    if job.state is not JobState.DEAD:
        return 0
    row = db.execute("SELECT jobs FROM dead_by_signature WHERE signature = ?", (job.signature or "",)).fetchone()
    return max(0, row[0] - 1) if row else 0
