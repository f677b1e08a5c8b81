"""What is special about being a worker where others are on other machines."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.repository.postgres.connection import Connection
from queuectl.repository.postgres.home import NOWHERE, home_of
from queuectl.repository.sql.workers import Workers, renewed

if TYPE_CHECKING:
    from queuectl.repository import base
    from queuectl.repository.postgres.transactions import Database

_SEEN = "INSERT INTO homes (home, seen_at) VALUES (?, ?) ON CONFLICT (home) DO UPDATE SET seen_at = excluded.seen_at"
#: A machine that has not been there for this long will not delete its logs any more.
_FORGOTTEN = 90 * 86_400_000
_FORGET = "DELETE FROM homes WHERE seen_at < ?"
_FORGET_LEFTOVERS = "DELETE FROM leftovers WHERE home NOT IN (SELECT home FROM homes)"

#: The counters' rows are put together by one worker at a time, once there are so many.
_MANY = 200
_IS_MINE = "SELECT pg_try_advisory_xact_lock(?, ?)"
_FOLD = """
    WITH gone AS (DELETE FROM deltas RETURNING place, queue, signature, jobs)
    INSERT INTO deltas (place, queue, signature, jobs)
    SELECT place, queue, signature, sum(jobs) FROM gone GROUP BY 1, 2, 3 HAVING sum(jobs) <> 0
"""

_LEAVE = """
    DELETE FROM workers WHERE id = ?
        AND NOT EXISTS (SELECT 1 FROM jobs WHERE place = 'processing' AND worker_id = workers.id)
"""


class Joining(Connection):
    """The part of the repository that lets workers come and go."""

    def join(self, identity: base.WorkerIdentity, *, now: int, ticks: float, lease_seconds: float = 60.0) -> int:
        """Register a worker; see `JobRepository.join`."""
        self.hurry = min(5.0, lease_seconds / 4)
        if identity.home == NOWHERE:
            home_of(self.directory)  # says why there is none
        with self._working() as db:
            self._see_that_it_is(*_store(db))
            db.execute(_SEEN, (identity.home, now))
            db.execute(_FORGET, (now - _FORGOTTEN,))
            db.execute(_FORGET_LEFTOVERS)
        number: int = Workers.join(self, identity, now=now, ticks=ticks, lease_seconds=lease_seconds)  # type: ignore[arg-type]
        return number

    def renew(self, worker: int, *, now: int, ticks: float, lease_seconds: float) -> str | None:
        """Record a sign of life; see `JobRepository.renew`.

        Nobody is waited for: an import may take longer than a lease.
        """
        self.hurry = min(5.0, lease_seconds / 4)
        with self._beside() as db:
            self._see_that_it_is(*_store(db))
            asked = renewed(db, worker, now=now, ticks=ticks, lease_seconds=lease_seconds)
        with suppress(errors.StoreError), self._beside() as db:  # the lease holds, and the next one will do this too
            db.execute(_SEEN, (self.home, now))
            _fold(db, self._place.lock)
        return asked

    def leave(self, worker: int) -> None:
        """Remove a worker that holds no job any more.

        Its row is locked first: a turn of its own may be about to commit a claim, and is then seen.
        """
        with self._working() as db:
            db.execute("SELECT 1 FROM workers WHERE id = ? FOR UPDATE", (worker,))
            db.execute(_LEAVE, (worker,))
            _fold(db, self._place.lock)


def _store(db: Database) -> tuple[str]:
    """Return the id of the store that is there."""
    return db.execute("SELECT id FROM meta").fetchone() or ("",)


def _fold(db: Database, lock: tuple[int, int]) -> None:
    """Put the counters' rows together, unless somebody else is at it."""
    (rows,) = db.execute("SELECT count(*) FROM deltas").fetchone() or (0,)
    if rows > _MANY and db.execute(_IS_MINE, (lock[0] + 1, lock[1])).fetchone() == (True,):
        db.execute(_FOLD)
