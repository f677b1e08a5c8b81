"""Noticing what others commit."""

from __future__ import annotations

from queuectl.repository.sqlite.connection import Connection


class Watching(Connection):
    """The part of the repository that tells whether there is news."""

    def version(self) -> int:
        """Return a number that changes with every commit of others; see `JobRepository.version`."""
        with self._translated():
            (number,) = self._db.execute("PRAGMA data_version").fetchone()
        return int(number)
