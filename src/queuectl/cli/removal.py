"""What `prune`, `rm` and `dlq purge` share: removing jobs batch by batch, and telling which.

What a filter chose goes batch by batch: each is committed, told, and followed by its logs, before
the next one begins, so that an interruption leaves nothing half done and nothing untold. What was
named goes at once or not at all.
"""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Self

from queuectl.cli import output
from queuectl.cli.confirm import confirm, demand_somebody
from queuectl.cli.session import now
from queuectl.errors import StoreError
from queuectl.repository.pruning import wrong_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

    from queuectl.cli.session import Session
    from queuectl.repository.base import Filter
    from queuectl.repository.protocol import JobRepository

#: Jobs that one transaction removes: about five milliseconds.
BATCH = 250
#: From so many jobs on, a person sees how far it has come.
LARGE = 5000
#: Ids that are kept for the sentence at the end.
_KEPT = 6


class Verb(NamedTuple):
    """What a command calls it."""

    word: str
    past: str
    typed: str  #: as the command is typed


def remove_all(session: Session, which: Filter, verb: Verb, *, dry_run: bool, yes: bool) -> int:
    """Remove all jobs that the filter lets through; return the exit code."""
    repository = session.repository
    if dry_run:
        _report(session, _Told(job.id for job in repository.list(which).jobs), verb, dry_run=True)
        return 0
    demand_somebody(yes=yes)
    number = _count(repository, which) if not yes or output.is_watched() else None
    if number and not yes:
        confirm(f"{verb.word.capitalize()} {number:,} {'job' if number == 1 else 'jobs'} for good?", yes=False)
    with Stops() as stops, _meter(number, verb, quiet=session.quiet) as advance:
        told = _Told(_prune(repository, which, stops, advance))
        is_whole = False
        try:
            _report(session, told, verb, dry_run=False, stops=stops)
            is_whole = not stops.number
        finally:
            if not is_whole:
                session.say(
                    f"Stopped: {told.number:,} are gone, with all that belonged to them; the others are untouched."
                )
            _note(session, verb, which.as_options() or "all", told.number)
    return 128 + stops.number if stops.number else 0


def remove_named(session: Session, which: Filter, verb: Verb, *, dry_run: bool, yes: bool) -> None:
    """Remove the jobs with these ids; if one of them cannot go, none does. A person is asked if there are several."""
    repository = session.repository
    jobs = {job.id: job for job in map(repository.get, which.ids)}
    for job in jobs.values():
        if job.state not in which.states:
            raise wrong_state(job.id, job.state, which.states)
    if dry_run:
        _report(session, _Told(jobs), verb, dry_run=True)
        return
    if len(jobs) > 1:
        confirm(f"{verb.word.capitalize()} {len(jobs):,} jobs for good?", yes=yes)
    with Stops():
        gone = repository.remove(which._replace(ids=tuple(jobs)), now=now(), by=session.by, verb=verb.typed)
        _report(session, _Told(gone), verb, dry_run=False)
        _sweep(repository)


def _note(session: Session, verb: Verb, what: str, number: int) -> None:
    """Write down once who removed so many jobs; they are gone, whether that works or not."""
    try:
        session.repository.note(verb.typed, what, jobs=number, now=now(), by=session.by)
    except StoreError as error:
        output.warning(f"the jobs are gone, but who removed them could not be written down: {error.message}")


def _count(repository: JobRepository, which: Filter) -> int:
    jobs, older = repository.list(which, limit=1)
    return older + len(list(jobs))


def _prune(repository: JobRepository, which: Filter, stops: Stops, advance: Callable[[int], None]) -> Iterator[str]:
    """Remove jobs batch by batch until none is left or somebody stops it; yield their ids."""
    after: int | None = 0
    sweeps = True
    while after is not None and not stops.number:
        began = time.monotonic()
        pruned = repository.prune(which, limit=BATCH, after=after)
        after = pruned.after
        advance(len(pruned.ids))
        yield from pruned.ids  # told before anything else can fail
        sweeps = sweeps and (not pruned.ids or _sweep(repository))
        if pruned.ids:  # who waits for the lock gets it now
            time.sleep(time.monotonic() - began)
    if sweeps:
        _sweep(repository)


def _sweep(repository: JobRepository) -> bool:
    """Delete the logs of what was removed; say whether that went well."""
    from queuectl.worker.sweep import sweep

    try:
        while sweep(repository, limit=BATCH) == BATCH:
            pass
    except OSError as error:
        output.warning(
            f"cannot delete the logs of removed jobs: {error.strerror}; the next prune or worker tries again"
        )
        return False
    return True


class _Told:
    """Hands ids on one by one, counts them, and keeps the first few for a sentence."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = iter(ids)
        self.number = 0
        self.first: list[str] = []

    def __iter__(self) -> Self:
        """Return itself: who stops in the middle may go on later."""
        return self

    def __next__(self) -> str:
        """Return the next id."""
        job_id = next(self._ids)
        self.number += 1
        if len(self.first) < _KEPT:
            self.first.append(job_id)
        return job_id


def _report(session: Session, told: _Told, verb: Verb, *, dry_run: bool, stops: Stops | None = None) -> None:
    """Say which jobs it is, as they go."""
    try:
        _tell(session, told, verb, dry_run=dry_run)
    except BrokenPipeError:  # whoever reads has seen enough; that is no reason to leave jobs there
        output.discard()
        if not dry_run:
            for _ in told:
                pass
    if not told.number and not session.json and not (stops and stops.number):
        session.say("No such jobs.")


def _tell(session: Session, told: _Told, verb: Verb, *, dry_run: bool) -> None:
    if session.json:
        how = f"would_{verb.word}" if dry_run else verb.past
        behind = f', "dry_run": {output.as_json(dry_run)}}}'
        output.array(({"id": job_id, "how": how} for job_id in told), before='{"jobs": ', behind=behind)
    elif output.is_terminal() and not session.quiet:
        for _ in told:
            pass
        if told.number:
            from queuectl.cli.sentences import named

            did = f"Would {verb.word}" if dry_run else verb.past.capitalize()
            output.write(f"{did} {named(told.first, told.number)}.\n")
    else:
        for job_id in told:
            output.line(job_id)


class Stops:
    """Ctrl-C, TERM and HUP: the first is noted, so that what has begun is finished; the second counts at once."""

    def __init__(self) -> None:
        self.number = 0  #: of the signal that came
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        """Begin to take note."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the signals to whoever answered them before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.number:
            raise KeyboardInterrupt
        self.number = number


@contextmanager
def _meter(number: int | None, verb: Verb, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show a person how far it has come, on stderr, if that takes a while."""
    if quiet or not number or number < LARGE or not output.is_watched():
        yield lambda _gone: None
        return
    from queuectl.cli.progress import Bar

    with Bar(verb.word, number) as bar:
        yield bar.advance
