"""Waiting until jobs have ended, at next to no cost.

Nothing is held while waiting. Every now and then the store is asked whether anything has
changed, and only then what became of the jobs.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from queuectl.cli import output
from queuectl.errors import JobNotFound, StoreGone, TimeRanOut, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from queuectl.cli.outcomes import Outcomes
    from queuectl.cli.progress import Bar
    from queuectl.cli.session import Session
    from queuectl.model import Job
    from queuectl.repository.protocol import JobRepository

T = TypeVar("T")

#: Seconds between two questions, at the least and at the most.
LEAST, MOST = 0.02, 0.25
#: News is late by this share of the time that it took to come.
_LATE = 1 / 20
#: How many times as long as a look takes it is waited before the next one: many jobs are looked at less often.
_REST = 10


class Wish(NamedTuple):
    """What a person asks of waiting."""

    first: bool = False  #: until one has ended, not all
    seconds: float | None = None  #: no longer than this
    own: bool = False  #: exit with the own code of a job that failed


def wait_for(session: Session, jobs: Mapping[int, str], wish: Wish, *, hows: Mapping[str, str] | None = None) -> int:
    """Wait for these jobs, ids by number, telling each end; return the exit code.

    Raises:
        TimeRanOut: not all have ended in time, or with `first` none.
    """
    from queuectl.cli.outcomes import Outcomes

    waiting = dict(jobs)
    outcomes = Outcomes(session, jobs, own=wish.own, hows=hows)
    with ExitStack() as stack:
        meter = _Meter(session, outcomes, stack, len(jobs))
        for look, ended in enumerate(ends(session.repository, waiting, seconds=wish.seconds)):
            told = sorted(ended, key=_end)[:1] if wish.first else ended
            is_over = bool(told) if wish.first else not waiting
            if not (look or is_over):
                hint_at_missing_worker(session)
            meter.tell(told, go_on=not is_over)
            if is_over:
                break
    timed_out = not outcomes.number if wish.first else bool(waiting)
    outcomes.close(timed_out=timed_out)
    if timed_out:
        raise time_ran_out(session, list(waiting.values()), wish, of=len(jobs))
    return outcomes.code


class _Meter:
    """Tells what has ended, around the bar that a person sees meanwhile if there are several."""

    def __init__(self, session: Session, outcomes: Outcomes, stack: ExitStack, number: int) -> None:
        self._outcomes = outcomes
        self._stack = stack
        self._number = number
        self._bar: Bar | None = None
        self._wants_bar = number > 1 and not session.quiet and output.is_watched()

    def tell(self, ended: Sequence[Job], *, go_on: bool) -> None:
        if self._bar and any(map(self._outcomes.says, ended)):
            self._bar.clear()
        for job in ended:
            self._outcomes.tell(job)
        if not go_on:
            return
        if self._bar:
            self._bar.advance(len(ended))
        elif self._wants_bar:
            from queuectl.cli.progress import Bar

            self._bar = self._stack.enter_context(Bar("Waiting", self._number))
            self._bar.advance(len(ended))


def _end(job: Job) -> tuple[int, int]:
    return job.finished_at or 0, job.seq


def hint_at_missing_worker(session: Session) -> None:
    """Say how to start a worker if there is none; those that are there are not woken."""
    from queuectl.worker.living import number_of_workers

    session.hint_at_missing_worker(number_of_workers(session.repository))


def pause(waited: float, *, spent: float = 0.0, most: float = MOST) -> float:
    """Return how long to sleep after so many seconds of waiting, and a look that took `spent` seconds."""
    return max(LEAST, min(most, waited * _LATE), spent * _REST)


def ends(repository: JobRepository, waiting: dict[int, str], *, seconds: float | None) -> Iterator[Sequence[Job]]:
    """Yield after each look the jobs that have ended, until none is left or the time is up.

    Args:
        repository: where they are.
        waiting: ids by number; whoever has ended is taken out.
        seconds: how long to wait; after 0 one look is taken. None: for ever.

    Raises:
        JobNotFound: one was removed meanwhile.
        StoreGone: the store was.
    """
    began = time.monotonic()
    known: int | None = None
    while True:
        asked = time.monotonic()
        ended: Sequence[Job] = ()
        gone: Sequence[int] = ()
        if (version := repository.version()) != known:
            known = version
            ended, gone = repository.outcomes(waiting)
        spent = time.monotonic() - asked
        for job in ended:
            del waiting[job.seq]
        yield ended
        if gone:
            raise removed(waiting[gone[0]])
        clock = time.monotonic()
        left = float("inf") if seconds is None else began + seconds - clock
        if not waiting or left <= 0:
            return
        time.sleep(min(left, pause(clock - began, spent=spent)))
        check(repository)


def unbroken(write: Callable[[T], None]) -> Callable[[T], None]:
    """Return a `write` that says nothing more once nobody reads: that is no reason to wait no longer."""
    is_read = True

    def write_on(content: T) -> None:
        nonlocal is_read
        try:
            if is_read:
                write(content)
        except BrokenPipeError:
            is_read = False
            output.discard()

    return write_on


def check(repository: JobRepository) -> None:
    """See that the store is still there: nothing would ever happen in one that is not.

    Raises:
        StoreGone: it was deleted or replaced.
    """
    if not repository.is_same_file():
        raise StoreGone(
            f"store {repository.url!r} was deleted or replaced", "what was waited for cannot be seen any more"
        )


def removed(job_id: str) -> JobNotFound:
    """Return what is to be said of a job that is gone before its end was seen."""
    return JobNotFound(
        f"job {job_id!r} was removed while it was waited for",
        "jobs that have ended are removed by prune, rm, and the settings retention.*",
    )


def time_ran_out(session: Session, ids: Sequence[str], wish: Wish, *, of: int = 1) -> TimeRanOut:
    """Return what is to be said when the time is up: `ids` have not ended, of so many."""
    from queuectl.duration import format_duration

    limit = format_duration(wish.seconds or 0)
    if of == 1:
        message = f"job {ids[0]!r} has not ended within {limit}"
    elif wish.first:
        message = f"none of {of:,} jobs has ended within {limit}"
    else:
        message = f"{len(ids):,} of {of:,} jobs have not ended within {limit}"
    return TimeRanOut(message, again(session, ids))


def again(session: Session, ids: Sequence[str]) -> str:
    """Return how to go on waiting for these jobs."""
    from queuectl.cli.sentences import NAMED

    if len(ids) > NAMED:
        return f"see them with: {session.call('list --state pending,processing')}"
    return f"go on waiting with: {session.call(f'wait {typed(*ids)}')}"
