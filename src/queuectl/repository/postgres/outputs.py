"""The end of what each run printed, for those who ask on another machine than the one that ran it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.repository.postgres.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository.base import Settlement
    from queuectl.repository.postgres.transactions import Database

_KEEP = """
    INSERT INTO outputs (job, run, output) SELECT seq, runs, ? FROM jobs WHERE seq = ?
    ON CONFLICT (job, run) DO UPDATE SET output = excluded.output
"""


class Outputs(Connection):
    """The part of the repository that keeps output."""

    def output(self, seq: int, run: int) -> bytes | None:
        """Return the end of what a run printed; see `JobRepository.output`."""
        with self._reading() as db:
            row = db.execute("SELECT output FROM outputs WHERE job = ? AND run = ?", (seq, run)).fetchone()
        return bytes(row[0]) if row else None


def keep(db: Database, settlements: Sequence[Settlement]) -> None:
    """Store what the runs printed that were settled in this transaction, and are their jobs' last."""
    db.executemany(_KEEP, [(one.output, one.seq) for one in settlements])
