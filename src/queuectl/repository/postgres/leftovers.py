"""What removed jobs left on this machine: each machine deletes the logs that it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.repository.postgres.connection import Connection
from queuectl.repository.pruning import Leftover

if TYPE_CHECKING:
    from collections.abc import Sequence


class Leaving(Connection):
    """The part of the repository that remembers which logs are to be deleted."""

    def leftovers(self, *, limit: int) -> Sequence[Leftover]:
        """Return the removed jobs whose logs may still be here; see `JobRepository.leftovers`."""
        query = "SELECT job, runs FROM leftovers WHERE home = ? ORDER BY job LIMIT ?"
        with self._reading() as db:
            return [Leftover(*row) for row in db.execute(query, (self.home, limit))]

    def swept(self, leftovers: Sequence[Leftover]) -> None:
        """Forget removed jobs whose logs are gone from this machine; see `JobRepository.swept`."""
        if leftovers:
            with self._working() as db:
                numbers = [one.seq for one in leftovers]
                db.execute("DELETE FROM leftovers WHERE home = ? AND job = ANY(?)", (self.home, numbers))
