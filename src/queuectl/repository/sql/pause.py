"""Queues from which nothing is claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.repository.acting import ALL, Paused
from queuectl.repository.sql.actions import note
from queuectl.repository.sql.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository.sql.database import Database

_PAUSED = """
    SELECT queue, since, by, (
        SELECT coalesce(sum(jobs), 0) FROM counts WHERE place = 'ready' AND paused.queue IN (counts.queue, ?)
    ) FROM paused ORDER BY queue
"""

_OPEN = """
    SELECT queue FROM counts
    WHERE place IN ('ready', 'scheduled', 'retrying') AND jobs > 0 AND queue NOT IN (SELECT queue FROM paused)
"""


class Pausing(Store):
    """The part of the repository that holds queues back."""

    def pause(self, queues: Sequence[str], *, now: int, by: str) -> Sequence[str]:
        """Claim nothing more from these queues; see `JobRepository.pause`."""
        insert = "INSERT INTO paused (queue, since, by) VALUES (?, ?, ?) ON CONFLICT (queue) DO NOTHING"
        with self._alone() as db:  # a turn that has not seen it is over when it returns
            done = [queue for queue in dict.fromkeys(queues) if db.execute(insert, (queue, now, by)).rowcount]
            if done:
                note(db, "pause", _words(done), now=now, by=by)
        return done

    def resume(self, queues: Sequence[str], *, now: int, by: str) -> Sequence[str]:
        """Let jobs of these queues be claimed again; see `JobRepository.resume`."""
        with self._writing() as db:
            found = [queue for (queue,) in db.execute("SELECT queue FROM paused ORDER BY queue")]
            if ALL in found and ALL not in queues:
                raise errors.WrongState(
                    "all queues are paused; one of them cannot be resumed alone",
                    hint="queuectl resume --all lets them all go on; pause the others by name before",
                )
            done = [queue for queue in found if queue in queues or ALL in queues]
            db.executemany("DELETE FROM paused WHERE queue = ?", [(queue,) for queue in done])
            if done:
                note(db, "resume", _words([ALL] if ALL in queues else done), now=now, by=by)
        return done

    def paused(self) -> Sequence[Paused]:
        """Return what is paused; see `JobRepository.paused`."""
        with self._reading() as db:
            return [Paused._make(row) for row in db.execute(_PAUSED, (ALL,))]


def open_queues(db: Database, wanted: Sequence[str]) -> Sequence[str] | None:
    """Return those of the wanted queues (none named: all) that hold waiting jobs and are not paused.

    None: nothing is paused, there is no need to tell them apart. The counters know; no job is looked at.
    """
    paused = {queue for (queue,) in db.execute("SELECT queue FROM paused")}
    if not paused:
        return None
    if ALL in paused:
        return ()
    return list(dict.fromkeys(queue for (queue,) in db.execute(_OPEN) if not wanted or queue in wanted))


def _words(queues: Sequence[str]) -> str:
    return " ".join(queue or "--all" for queue in queues)
