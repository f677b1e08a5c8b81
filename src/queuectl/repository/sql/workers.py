"""Who runs the jobs: workers, their signs of life, the taking over from the dead."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from queuectl import errors
from queuectl.repository import base
from queuectl.repository.sql.columns import LEASE
from queuectl.repository.sql.rows import lease_of, token
from queuectl.repository.sql.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository.sql.database import Database

_IDENTITY = "name, host, boot_id, pid_namespace, pid, start_ticks, slots, queues, presence, home"

_JOIN = f"""
    INSERT INTO workers ({_IDENTITY}, started_at, heartbeat_at, heartbeat_ticks, lease_seconds)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
#: Of a worker elsewhere, of which nothing else is known, the lease has to be over at this very moment.
_RESCUE = f"""
    UPDATE jobs SET lease_token = :fresh, worker_id = :worker, lease_expires_at = :expires
    WHERE seq = :seq AND state = 'processing' AND lease_token = :token AND (
        lease_expires_at <= :now
        OR EXISTS (SELECT 1 FROM workers WHERE workers.id = jobs.worker_id AND workers.home IN (:home, ''))
    )
    RETURNING {LEASE}
"""


class Workers(Store):
    """The part of the repository that knows the workers."""

    def join(self, identity: base.WorkerIdentity, *, now: int, ticks: float, lease_seconds: float = 60.0) -> int:
        """Register a worker; return the number under which it claims."""
        row = (
            *identity[:7],
            json.dumps(identity.queues),
            identity.presence,
            identity.home,
            now,
            now,
            ticks,
            lease_seconds,
        )
        with self._writing() as db:
            self._mend(db)
            return int(db.execute(_JOIN, row).fetchone()[0])

    def renew(self, worker: int, *, now: int, ticks: float, lease_seconds: float) -> str | None:
        """Record a sign of life and extend the worker's leases; see `JobRepository.renew`."""
        with self._writing() as db:
            self._mend(db)
            return renewed(db, worker, now=now, ticks=ticks, lease_seconds=lease_seconds)

    def requests(self, worker: int) -> base.Requests:
        """Return what people ask of a worker; see `JobRepository.requests`."""
        with self._reading() as db:
            row = db.execute("SELECT stopping FROM workers WHERE id = ?", (worker,)).fetchone()
            cancels = db.execute(
                "SELECT lease_token, cancel_grace FROM jobs INDEXED BY jobs_place"
                " WHERE place = 'processing' AND worker_id = ? AND cancel_grace IS NOT NULL",
                (worker,),
            ).fetchall()
        return base.Requests(row[0] if row else "", tuple(cancels))

    def ask_to_stop(self, names: Sequence[str], how: str) -> Sequence[base.Worker]:
        """Ask workers to stop; see `JobRepository.ask_to_stop`."""
        found = [worker for worker in self.workers() if not names or worker.identity.name in names]
        missing = set(names) - {worker.identity.name for worker in found}
        if missing:
            raise errors.WorkerNotFound(
                f"there is no worker {min(missing)!r}", hint="queuectl worker list shows the workers"
            )
        with self._writing() as db:
            # `now` is not taken back by a later `graceful`.
            db.executemany(
                "UPDATE workers SET stopping = ? WHERE id = ? AND stopping <> 'now'",
                [(how, worker.id) for worker in found],
            )
        return found

    def leave(self, worker: int) -> None:
        """Remove a worker that holds no job any more."""
        with self._writing() as db:
            db.execute(
                "DELETE FROM workers WHERE id = ? AND NOT EXISTS"
                " (SELECT 1 FROM jobs WHERE place = 'processing' AND worker_id = ?)",
                (worker, worker),
            )

    def workers(self) -> Sequence[base.Worker]:
        """Return all registered workers, oldest first."""
        with self._reading() as db:
            return registered(db)

    def leases_of(self, worker: int) -> Sequence[base.Lease]:
        """Return what a worker holds, without touching it."""
        query = (
            f"SELECT {LEASE} FROM jobs INDEXED BY jobs_place WHERE place = 'processing' AND worker_id = ? ORDER BY seq"
        )
        with self._reading() as db:
            return [lease_of(row) for row in db.execute(query, (worker,))]

    def rescue(
        self, leases: Sequence[base.Lease], *, worker: int, now: int, lease_seconds: float
    ) -> Sequence[base.Lease]:
        """Take over leases of workers that are gone; see `JobRepository.rescue`."""
        expires = now + int(lease_seconds * 1000)
        rows = []
        with self._writing() as db:
            for lease in leases:
                values = {
                    "worker": worker,
                    "expires": expires,
                    "seq": lease.job.seq,
                    "token": lease.token,
                    "fresh": token(),
                    "now": now,
                    "home": self.home,
                }
                rows += db.execute(_RESCUE, values).fetchall()
        return [lease_of(row) for row in rows]

    def records(self) -> frozenset[str]:
        """Return the names of the run records that a processing job may still need."""
        query = "SELECT DISTINCT record FROM jobs INDEXED BY jobs_place WHERE place = 'processing' AND worker_id > 0"
        with self._reading() as db:
            return frozenset(record for (record,) in db.execute(query))


def renewed(db: Database, worker: int, *, now: int, ticks: float, lease_seconds: float) -> str | None:
    """Record a sign of life and extend the worker's leases; return what was asked of it, None if it is not there."""
    row = db.execute(
        "UPDATE workers SET heartbeat_at = ?, heartbeat_ticks = ?, lease_seconds = ? WHERE id = ? RETURNING stopping",
        (now, ticks, lease_seconds, worker),
    ).fetchone()
    if row is None:
        return None
    db.execute(
        "UPDATE jobs SET lease_expires_at = ? WHERE place = 'processing' AND worker_id = ?",
        (now + int(lease_seconds * 1000), worker),
    )
    return str(row[0])


def registered(db: Database) -> list[base.Worker]:
    """Return all registered workers, oldest first."""
    rows = db.execute(
        f"SELECT id, {_IDENTITY}, started_at, heartbeat_at, heartbeat_ticks, lease_seconds, stopping"
        " FROM workers ORDER BY id"
    ).fetchall()
    held = db.execute(
        "SELECT worker_id, id FROM jobs INDEXED BY jobs_place WHERE place = 'processing' AND worker_id > 0 ORDER BY seq"
    ).fetchall()
    return [_worker_of(row, tuple(job for owner, job in held if owner == row[0])) for row in rows]


def _worker_of(row: tuple[Any, ...], jobs: tuple[str, ...]) -> base.Worker:
    identity = base.WorkerIdentity._make((*row[1:8], tuple(json.loads(row[8])), *row[9:11]))
    return base.Worker._make((row[0], identity, *row[11:16], jobs))
