"""What people do to the queue, a row for each command that changed something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.repository.acting import Action
from queuectl.repository.sql.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository.sql.database import Database


#: Ids that a note names.
_NAMED = 20


class Actions(Store):
    """The part of the repository that knows who did what."""

    def note(self, verb: str, what: str, *, jobs: int, now: int, by: str) -> None:
        """Write down what a command did in several transactions; see `JobRepository.note`."""
        if by and jobs:
            with self._writing() as db:
                note(db, verb, what, jobs=jobs, now=now, by=by)

    def actions(self, *, after: int = 0, limit: int = 1000) -> Sequence[Action]:
        """Return what people did, oldest first; see `JobRepository.actions`."""
        query = "SELECT id, at, by, verb, what, jobs FROM actions WHERE id > ? ORDER BY id LIMIT ?"
        with self._reading() as db:
            return [Action._make(row) for row in db.execute(query, (after, limit))]


def note(db: Database, verb: str, what: str, *, jobs: int | None = None, now: int, by: str) -> None:  # noqa: PLR0913 - the columns of a row
    """Write down who did what, in the transaction that did it; nobody's deed and what touched nothing is not noted.

    Args:
        db: in a transaction.
        verb: the command's word.
        what: the ids, or what chose the jobs, for people.
        jobs: how many it touched; None: it was not about jobs.
        now: when.
        by: `user@host`.
    """
    if by and jobs != 0:
        row = (now, by, verb, what, jobs or 0)
        db.execute("INSERT INTO actions (at, by, verb, what, jobs) VALUES (?, ?, ?, ?, ?)", row)


def listed(ids: Sequence[str]) -> str:
    """Return ids as a note names them: the first few, and how many more."""
    rest = len(ids) - _NAMED
    return " ".join(ids[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
