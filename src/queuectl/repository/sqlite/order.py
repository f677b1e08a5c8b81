"""Jobs in another order than that of enqueueing.

SQLite sorts the numbers of the jobs, not their rows, and spills what does not fit into its cache: memory
stays flat. With a limit it keeps only so many while it reads, as a heap does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl.model import JobState
from queuectl.repository.sqlite.rows import COLUMNS, job_of, marks

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from queuectl.model import Job
    from queuectl.repository.ordering import Order

_BY_STATE = " ".join(f"WHEN '{state.value}' THEN {number}" for number, state in enumerate(JobState))
#: By key. Those that may be unknown are told apart first: SQLite would put them before all others.
_TERMS = {
    "created": "seq {way}",
    "updated": "updated_at {way}, seq",
    "finished": "finished_at IS NULL, finished_at {way}, seq",
    "started": "started_at IS NULL, started_at {way}, seq",
    "duration": "duration_seconds IS NULL, duration_seconds {way}, seq",
    "priority": "priority {way}, seq",
    "attempts": "attempts {way}, seq",
    "state": f"CASE state {_BY_STATE} END {{way}}, seq",
    "id": "id {way}",
    "queue": "queue {way}, seq",
}


def sort(  # noqa: PLR0913, PLR0917 - the parts of one query
    db: sqlite3.Connection, places: Sequence[str], where: str, values: Sequence[Any], order: Order, limit: int
) -> Iterator[Job]:
    """Yield the jobs of these places (none: all) that a condition lets through, the first `limit` of them (0: all)."""
    where += f" AND place IN ({marks(places)})" if places else ""
    terms = _TERMS[order.key].format(way="DESC" if order.descending else "ASC")
    numbers = db.execute(
        f"SELECT seq FROM jobs WHERE {where} ORDER BY {terms} LIMIT ?", (*values, *places, limit or -1)
    )
    for number in numbers:
        yield job_of(db.execute(f"SELECT {COLUMNS} FROM jobs WHERE seq = ?", number).fetchone())
