"""What every storage engine promises about people's orders and who gave them: a part of `queuectl.repository.base`.

Whatever a person changes is noted with who it was, in the transaction that did it. No value of
a job's environment ever stands in a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from queuectl import errors
from queuectl.model import JobState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from queuectl.changes import Changes

#: Stands for all queues, those included that come later.
ALL = ""


class Paused(NamedTuple):
    """A queue from which nothing is claimed."""

    queue: str  #: or `ALL`
    since: int
    by: str  #: `user@host`
    ready: int  #: jobs that could start now if it were not


class Action(NamedTuple):
    """What a person did with one command."""

    id: int  #: counts up; never used again
    at: int
    by: str  #: `user@host`
    verb: str  #: as it is typed: `cancel`, `dlq purge`, `config set`
    what: str  #: ids, or what chose the jobs, or the name of a queue or a setting; for people
    jobs: int  #: how many it touched; 0: it was not about jobs


class Acting(Protocol):
    """What people do to a queue, and who did it."""

    def edit(self, ids: Sequence[str], changes: Changes, *, now: int, by: str) -> Sequence[str]:
        """Change what was asked for of jobs that are pending, all or none; return their ids.

        `ids` are exact ones or unique prefixes; `run_at` None means now. A job that waits for a retry keeps its
        attempts, and its last moment for one moves along with `retry_for`.

        Raises:
            JobNotFound: one of them is not there.
            WrongState: one of them is not pending, or has had as many attempts as `max_retries` would allow.
            UniqueKeyTaken: another pending or processing job has the new unique key.
            InvalidInput: the policy of one of them would contradict itself. Each time nothing is changed.
        """

    def pause(self, queues: Sequence[str], *, now: int, by: str) -> Sequence[str]:
        """Claim nothing more from these queues (`ALL`: from any); return those that were not paused before.

        A turn that begins when this has returned claims none of their jobs. What runs goes on.
        """

    def resume(self, queues: Sequence[str], *, now: int, by: str) -> Sequence[str]:
        """Let jobs of these queues be claimed again; return those that were paused.

        `ALL` lifts every pause, those of single queues included.

        Raises:
            WrongState: all queues are paused, and `ALL` is not among `queues`. Nothing is changed.
        """

    def paused(self) -> Sequence[Paused]:
        """Return what is paused, `ALL` first."""

    def note(self, verb: str, what: str, *, jobs: int, now: int, by: str) -> None:
        """Write down what a command did that took several transactions; one that touched no job is not noted."""

    def actions(self, *, after: int = 0, limit: int = 1000) -> Sequence[Action]:
        """Return what people did, oldest first: the first `limit` actions whose number is higher than `after`."""


def not_retriable(job_id: str, state: JobState, wanted: Collection[JobState]) -> errors.WrongState:
    """Return what is to be said of a job that cannot be retried as it stands; `wanted` are the states that could be."""
    word = errors.typed(job_id)
    ways = {
        JobState.PENDING: f"it waits for its turn; queuectl explain {word} says what for",
        JobState.PROCESSING: f"queuectl wait {word} waits until it has ended, queuectl cancel {word} stops it",
    }
    only = "dead jobs" if set(wanted) == {JobState.DEAD} else "jobs that have ended"
    return errors.WrongState(
        f"job {job_id!r} is {state}; only {only} can be retried",
        ways.get(state, f"queuectl retry {word} runs it again"),
    )
