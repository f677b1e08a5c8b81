"""Seeing cheaply that something has changed, and what became of some jobs."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from queuectl.repository.postgres.connection import Connection
from queuectl.repository.sql.columns import COLUMNS
from queuectl.repository.sql.rows import job_of
from queuectl.repository.watching import Outcomes

if TYPE_CHECKING:
    from collections.abc import Collection

_ENDED = f"""
    SELECT {COLUMNS} FROM jobs WHERE seq = ANY(?) AND state IN ('completed', 'dead', 'cancelled') ORDER BY seq
"""
_GONE = """
    SELECT number FROM unnest(?::bigint[]) AS number WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE seq = number)
"""


class Watching(Connection):
    """The part of the repository that serves those who wait."""

    def version(self) -> int:
        """Return a number that others change by changing anything; see `JobRepository.version`.

        It stands for which transactions have ended, on the whole server: what others do there changes it too, and
        costs one look in vain. The last one alone would not do: they end in another order than they are numbered.
        """
        with self._translated():
            row = self._clean().execute("SELECT pg_current_snapshot()::text").fetchone()
        return zlib.crc32(row[0].encode()) if row else 0

    def outcomes(self, numbers: Collection[int]) -> Outcomes:
        """Return which of these jobs have ended or are gone; see `JobRepository.outcomes`."""
        wanted = list(numbers)
        with self._reading() as db:
            gone = [number for (number,) in db.execute(_GONE, (wanted,))]
            return Outcomes([job_of(row) for row in db.execute(_ENDED, (wanted,))], gone)
