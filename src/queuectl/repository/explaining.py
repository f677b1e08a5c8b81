"""What every storage engine tells about why a job stands where it does: a part of `queuectl.repository.base`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl.model import Job, JobState, Transition
    from queuectl.repository.base import Worker

#: Jobs ahead of one in line that are counted at the most: 10,000 take 2 ms.
LOOK = 10_000


class Pause(NamedTuple):
    """Why nothing is claimed from a job's queue."""

    queue: str  #: empty: all queues are paused
    since: int
    by: str  #: `user@host`


class Rival(NamedTuple):
    """The pending or processing job that has the unique key of one that has ended."""

    id: str
    state: JobState


class Circumstances(NamedTuple):
    """A job and all that decides about it, from one snapshot of the store."""

    job: Job
    last: Transition  #: what happened to it last
    workers: tuple[Worker, ...]  #: all that are registered; whether they live is not known here
    holder: int | None = None  #: number of the worker that holds it
    cancel_grace: float | None = None  #: a person wants it stopped: seconds between TERM and KILL
    pauses: tuple[Pause, ...] = ()  #: of its queue, and of all
    ahead: Mapping[str, int] = {}  #: ready jobs that go first, by queue; paused queues are left out
    ahead_is_cut: bool = False  #: there are more of them than were counted
    rival: Rival | None = None
    others: int = 0  #: other dead jobs that died of the same


class Explaining(Protocol):
    """Why a job stands where it does."""

    def circumstances(self, reference: str, *, now: int) -> Circumstances:
        """Return the job with this id or unique prefix, and what decides about it.

        What goes before it in line is counted for a job that could start now, as far as `LOOK`.

        Raises:
            JobNotFound: there is none.
            AmbiguousId: the prefix fits several.
        """
