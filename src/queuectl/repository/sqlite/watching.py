"""Seeing cheaply that something has changed, and what became of some jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.repository.sql.columns import COLUMNS
from queuectl.repository.sql.rows import job_of
from queuectl.repository.sqlite.connection import Connection
from queuectl.repository.watching import Outcomes

if TYPE_CHECKING:
    from collections.abc import Collection

#: The sign keeps SQLite from walking through all jobs of a state to find these few.
_ENDED = f"""
    SELECT {COLUMNS} FROM jobs
    WHERE seq IN (SELECT value FROM json_each(?)) AND +state IN ('completed', 'dead', 'cancelled') ORDER BY seq
"""
_GONE = "SELECT value FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE seq = value)"


class Watching(Connection):
    """The part of the repository that serves those who wait."""

    def version(self) -> int:
        """Return a number that others change by changing anything; see `JobRepository.version`.

        https://www.sqlite.org/pragma.html#pragma_data_version
        """
        with self._translated():
            (number,) = self._db.execute("PRAGMA data_version").fetchone()
        return int(number)

    def outcomes(self, numbers: Collection[int]) -> Outcomes:
        """Return which of these jobs have ended or are gone; see `JobRepository.outcomes`."""
        listed = f"[{','.join(map(str, numbers))}]"
        with self._reading() as db:
            gone = [number for (number,) in db.execute(_GONE, (listed,))]
            return Outcomes([job_of(row) for row in db.execute(_ENDED, (listed,))], gone)
