"""What every storage engine promises about removing jobs: a part of `queuectl.repository.base`.

A job goes in two steps. First its row, with tags and history, in a transaction that also notes
its number; then, by whoever reads the note, its logs. So no shown job ever loses its logs, and
whatever dies in between leaves a note, not a file that nobody knows of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from queuectl import errors
from queuectl.model import FINAL

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from queuectl.model import JobState
    from queuectl.repository.base import Filter


class Pruned(NamedTuple):
    """What one step of pruning came to."""

    ids: tuple[str, ...]  #: of the jobs that are gone, in the order in which they were enqueued
    after: int | None  #: where the next step goes on; None: it was the last one
    is_recent: bool  #: what was looked at was enqueued too late to have ended early enough


class Leftover(NamedTuple):
    """The logs of a job that is gone."""

    seq: int
    runs: int  #: the highest number of a run that may have left a log


class Pruning(Protocol):
    """The removal of jobs that have ended."""

    def prune(self, which: Filter, *, limit: int, after: int = 0) -> Pruned:
        """Remove up to `limit` jobs that have ended, with their tags and history.

        Only completed, cancelled and dead jobs go, whatever the filter says; those enqueued
        first go first. `after` is 0 in the first step, then what the last one returned: a step
        looks at so many jobs only, so it may remove none and still not be the last. Their
        numbers stand in `leftovers` in the same transaction. Their ids may be used again.
        """

    def remove(self, which: Filter, *, now: int = 0, by: str = "", verb: str = "rm") -> Sequence[str]:
        """Remove the jobs `which.ids` (exact ones or unique prefixes), all or none; return their ids.

        Args:
            which: the ids, and the states that the jobs may be in.
            now: when, for the note.
            by: `user@host` of whoever does it, noted together with the removal; empty: it is not noted.
            verb: the command's word for it.

        Raises:
            JobNotFound: one of them is not there.
            WrongState: one of them has not ended or, if `which.states` names any, is in another state.
        """

    def leftovers(self, *, limit: int) -> Sequence[Leftover]:
        """Return the removed jobs whose logs may still be there, those enqueued first before the others."""

    def swept(self, leftovers: Sequence[Leftover]) -> None:
        """Forget them: their logs are gone."""

    def is_past(self, first: int, last: int) -> bool:
        """Say whether of the jobs with these numbers none is left, and none will ever come."""


def wrong_state(job_id: str, state: JobState, wanted: Collection[JobState]) -> errors.WrongState:
    """Return what is to be said of a job that cannot be removed as it stands."""
    if state in FINAL:
        return errors.WrongState(
            f"job {job_id!r} is {state}, not {' or '.join(wanted)}",
            hint=f"queuectl rm {errors.typed(job_id)} removes it",
        )
    return errors.WrongState(
        f"job {job_id!r} is {state}; only jobs that have ended can be removed",
        hint=f"queuectl cancel {errors.typed(job_id)} stops it first",
    )
