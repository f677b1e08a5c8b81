"""The runs of a job, put together from the transitions of its history; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from queuectl.model import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from queuectl.model import Transition


class Run(NamedTuple):
    """One run of a job's command, from its claim to its end."""

    attempt: int
    how: str  #: `running`, `completed`, `failed`, `cancelled`, or `returned`: its attempt was given back
    waited: float | None  #: seconds from being ready to being claimed
    started_at: int
    finished_at: int | None  #: None: it runs
    seconds: float | None  #: that its command ran; so far, if it runs
    exit_code: int | None
    reason: str | None  #: why it ended like this, if not by itself with success
    worker: str | None  #: that began it

    @property
    def ending(self) -> str:
        """How it ended, for people: the exit code, the signal, or what else became of it."""
        if self.how == JobState.COMPLETED:
            return f"exit code {self.exit_code or 0}"
        if self.how == "returned":
            return "given back"
        return self.how if self.how == "running" else self.reason or self.how


def runs_of(history: Sequence[Transition], *, now: int) -> tuple[Run, ...]:
    """Return every run of a job, the oldest first. `now` is the end, so far, of one that runs."""
    return tuple(_runs(history, now))


def _runs(history: Sequence[Transition], now: int) -> Iterator[Run]:
    for number, claim in enumerate(history):
        if claim.state is JobState.PROCESSING:
            end = history[number + 1] if number + 1 < len(history) else None
            yield _run(claim, end, now)


def _run(claim: Transition, end: Transition | None, now: int) -> Run:
    waited = None if claim.since is None else max(0, claim.at - claim.since) / 1000
    if end is None:
        so_far = max(0, now - claim.at) / 1000
        return Run(claim.attempt, "running", waited, claim.at, None, so_far, None, None, claim.worker)
    how = "returned" if end.state is JobState.PENDING else end.state.value
    # The end of a cancelled run is known, the start of its command is not: it was claimed a moment before.
    started = claim.at if end.since is None else end.since
    seconds = None if how == "returned" else max(0, end.at - started) / 1000
    return Run(claim.attempt, how, waited, started, end.at, seconds, end.exit_code, end.reason, claim.worker)
