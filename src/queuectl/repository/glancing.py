"""What every storage engine promises to a screen that is drawn again and again: a part of `queuectl.repository.base`.

Whatever lies in the store, each of these looks at no more than its limit, or at counters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.model import Job, JobState


class QueueCounts(NamedTuple):
    """What one queue has to do; a paused one that is empty is a queue too."""

    name: str
    ready: int = 0
    scheduled: int = 0
    retrying: int = 0
    processing: int = 0


class Ended(NamedTuple):
    """How a run ended, or that a person cancelled a job."""

    number: int  #: of the transition, in the order of the commits
    job: Job  #: as it is now
    state: JobState  #: `completed`, `failed` if another attempt followed, `dead` or `cancelled`
    at: int
    attempt: int
    seconds: float | None  #: that the command ran; None if it did not
    reason: str | None
    exit_code: int | None


class Beat(NamedTuple):
    """The runs that ended within one span of time."""

    at: int  #: when the span began
    completed: int
    failed: int


class Pulse(NamedTuple):
    """The runs that ended after some transition."""

    last: int  #: the newest transition: where to go on
    since: int | None  #: there were too many: only what happened from then on was counted
    beats: Sequence[Beat]  #: the spans in which any ended, oldest first


class Glancing(Protocol):
    """What is going on, in short."""

    def queue_counts(self, *, now: int, limit: int) -> Sequence[QueueCounts]:
        """Return the queues that have something to do, those with the most first."""

    def deadliest(self, *, limit: int) -> Sequence[tuple[str, int]]:
        """Return the signatures of the dead with the number of their jobs, the most frequent first."""

    def recent_ends(self, *, limit: int) -> Sequence[Ended]:
        """Return how the last runs ended, the newest first; of jobs that were removed nothing is left."""

    def pulse(self, *, after: int, span: int) -> Pulse:
        """Count the runs that ended after this transition (0: of the last ones), in spans of so many milliseconds."""
