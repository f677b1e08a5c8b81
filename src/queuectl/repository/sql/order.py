"""Jobs in another order than that of enqueueing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl.model import JobState
from queuectl.repository.sql.rows import marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository.ordering import Order

_BY_STATE = " ".join(f"WHEN '{state.value}' THEN {number}" for number, state in enumerate(JobState))
#: By key. Those that may be unknown are told apart first: SQLite would put them first, PostgreSQL last.
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


def sorting(places: Sequence[str], where: str, values: Sequence[Any], order: Order) -> tuple[str, tuple[Any, ...], str]:
    """Return the condition of the jobs of these places (none: all), its values, and the terms of their order."""
    where += f" AND place IN ({marks(places)})" if places else ""
    return where, (*values, *places), _TERMS[order.key].format(way="DESC" if order.descending else "ASC")
