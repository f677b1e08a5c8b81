"""What every storage engine promises about events: a part of `queuectl.repository.base`.

An event is a step of a job, its enqueueing included, or what a person did. A **cursor** is a text that stands
for a place between two events: whoever keeps the cursor of the last event that he has seen can go on exactly
behind it, in another process and after any time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.model import Job, JobState

#: The cursor before the first event.
START = "start"


class Step(NamedTuple):
    """A job went from one state to another."""

    cursor: str
    at: int
    job: str  #: its id
    from_state: JobState | None  #: None: it was enqueued
    state: JobState
    attempt: int
    run: int  #: names the log of the run that the step belongs to; 0: it has not run yet
    worker: str | None  #: the last one that ran it
    reason: str | None
    exit_code: int | None
    queue: str  #: in which the job is now


class Deed(NamedTuple):
    """A person did something: one command that touched any number of jobs."""

    cursor: str
    at: int
    by: str  #: user@host
    verb: str
    what: str  #: the ids, or what chose the jobs, for people
    jobs: int  #: how many it touched


Event = Step | Deed


class Telling(Protocol):
    """What has happened, in an order in which one can go on."""

    def cursor(self) -> str:
        """Return the cursor behind everything that has happened so far."""

    def events(self, after: str, *, limit: int, job: Job | None = None) -> Sequence[Event]:
        """Return the first `limit` events behind a cursor, of all jobs and people or of one job.

        Steps come in the order in which they were committed, and so do enqueueings and what people
        did; these three are merged by their times, and nothing comes before the enqueueing of its
        job. What is committed later comes later, so reading on from the cursor of the last event
        returns each of the others once. The cost does not grow with what lies before the cursor.
        A job that was removed has taken its steps with it.

        Raises:
            InvalidInput: `after` is no cursor of this store.
        """

    def last_events(self, *, limit: int, job: Job | None = None) -> Sequence[Event]:
        """Return the last `limit` events, oldest first; behind the cursor of the last one there is nothing yet."""
