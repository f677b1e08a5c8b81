"""The retries that are to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.repository.sql.columns import COLUMNS
from queuectl.repository.sql.rows import job_of
from queuectl.repository.sql.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.model import Job
    from queuectl.repository.sql.database import Database

#: Not the minimum: without statistics PostgreSQL's planner would look at all of them.
_NEXT_RETRY = """
    SELECT next_run_at FROM jobs INDEXED BY {index}
    WHERE state = 'pending' AND delayed = 1 AND attempts > 0 {mine} ORDER BY next_run_at LIMIT 1
"""


class Retrying(Store):
    """The part of the repository that knows when jobs are tried again."""

    def upcoming_retries(self, *, limit: int) -> Sequence[Job]:
        """Return the jobs whose retry comes next, soonest first."""
        query = (
            f"SELECT {COLUMNS} FROM jobs INDEXED BY jobs_retrying"
            " WHERE state = 'pending' AND delayed = 1 AND attempts > 0 ORDER BY next_run_at LIMIT ?"
        )
        with self._reading() as db:
            return [job_of(row) for row in db.execute(query, (limit,))]


def next_retry(db: Database, queues: Sequence[str]) -> int | None:
    """Tell when the next retry comes; each queue has its own order, so none walks past those of another."""
    if not queues:
        return min((at for (at,) in db.execute(_NEXT_RETRY.format(index="jobs_retrying", mine=""))), default=None)
    query = _NEXT_RETRY.format(index="jobs_retrying_by_queue", mine="AND queue = ?")
    return min((at for queue in queues for (at,) in db.execute(query, (queue,))), default=None)
