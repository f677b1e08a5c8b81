"""What the last hour, or any span, came to: throughput, success, waits and run times from the history; pure.

The history is read backwards, newest first. It stands in the order of the commits, and the times in it nearly do:
a result that waited for a worker, or a clock that was set back, puts an older time behind a newer one. So the walk
ends only after a stretch of transitions that are all too old, or at its bound.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from queuectl.model import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: Transitions that are read at the most: so many take 2 s, twice as long by tag.
LOOK = 500_000
#: So many in a row that are too old, and what follows is too.
STRETCH = 1_000
#: Parts of the span for which ends are counted.
PARTS = 60

_MINUTE = 60_000
# As plain text: a comparison with a member of an enumeration takes three times as long.
_CLAIM = str(JobState.PROCESSING.value)
#: Without a person's doing a job ends in one of these.
_ENDS = frozenset({JobState.COMPLETED.value, JobState.DEAD.value})


class Step(NamedTuple):
    """A transition as the counting needs it."""

    state: str
    at: int
    since: int | None  #: of a claim: when the job became ready; of a run's end: when its command started; else None
    queue: str = ""
    tags: tuple[str, ...] = ()


class Spread(NamedTuple):
    """How long something took, in seconds; None: it never happened."""

    p50: float | None = None
    p95: float | None = None
    max: float | None = None


class Figures(NamedTuple):
    """What a span came to: for all jobs, or for those of one queue or tag."""

    name: str  #: of the queue or tag; empty: of all, or without a tag
    completed: int
    dead: int
    cancelled: int
    attempts: int  #: runs that ended, whichever way
    retries: int  #: runs that failed and were not the last
    per_minute: float  #: jobs that were completed or died
    success_rate: float | None  #: share of completed ones among them; None: there were none
    waiting: Spread  #: from being ready to being claimed
    running: Spread
    curve: tuple[int, ...]  #: jobs that were completed or died in each part of the span, the oldest first

    @property
    def ended(self) -> int:
        """Jobs that were completed or died."""
        return self.completed + self.dead


class Report(NamedTuple):
    """A span, and what it came to."""

    since: int  #: what was asked for
    read_from: int  #: what was read: later than `since` if the walk was cut
    until: int
    is_cut: bool  #: not all of the span was read
    total: Figures
    groups: tuple[Figures, ...]  #: the busiest first


class _Heap:
    """What is gathered for one name."""

    def __init__(self) -> None:
        self.states: Counter[str] = Counter()
        self.waits, self.spans = array("q"), array("q")
        self.curve = [0] * PARTS

    def add(self, state: str, took: int | None, part: int | None) -> None:
        """Count a transition: what it waited or ran, and in which part of the span a job ended with it."""
        self.states[state] += 1
        if took is not None:
            (self.waits if state == _CLAIM else self.spans).append(took)
        if part is not None:
            self.curve[part] += 1


def summarize(steps: Iterable[Step], *, since: int, until: int, by: str = "", look: int = 0) -> Report:
    """Return what a span came to, by `queue` or `tag` if that is asked for.

    Args:
        steps: the history, newest first; no more of it is read than is needed.
        since: the begin of the span.
        until: its end, now.
        by: whose figures are wanted apart; empty: nobody's.
        look: transitions to read at the most; 0: `LOOK`.
    """
    walk = _Walk(since, look or LOOK)
    total = _Heap()
    heaps: defaultdict[str, _Heap] = defaultdict(_Heap)
    names = _NAMES[by]
    # Whose heaps a job's figures go to is asked once for all jobs of a kind: this loop is the cost of the command.
    by_kind: dict[tuple[str, tuple[str, ...]], tuple[_Heap, ...]] = {}
    width = max(1, until - since)
    for step in walk.within(steps):
        kind = step[3:]
        wanted = by_kind.get(kind) or by_kind.setdefault(kind, (total, *(heaps[name] for name in names(step))))
        state, at = step[0], step[1]
        part = min(PARTS - 1, (at - since) * PARTS // width) if state in _ENDS else None
        took = None if step[2] is None else max(0, at - step[2])
        for heap in wanted:
            heap.add(state, took, part)
    read_from = max(since, walk.oldest) if walk.is_cut else since
    minutes = max(1, until - read_from) / _MINUTE
    groups = sorted(
        (_figures(name, heap, minutes) for name, heap in heaps.items()), key=lambda one: (-one.ended, one.name)
    )
    return Report(since, read_from, until, walk.is_cut, _figures("", total, minutes), tuple(groups))


class _Walk:
    """Goes back in the history for as long as there is something to find."""

    def __init__(self, since: int, look: int) -> None:
        self.is_cut = False
        self.oldest = since
        self._since, self._look = since, look

    def within(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Yield what happened in the span."""
        passed, since, look = 0, self._since, self._look
        for number, step in enumerate(steps):
            if number >= look:
                self.is_cut = True
                return
            if step[1] >= since:
                passed = 0
                self.oldest = step[1]
                yield step
            elif (passed := passed + 1) >= STRETCH:
                return


def _figures(name: str, heap: _Heap, minutes: float) -> Figures:
    completed, failed, dead, cancelled = (
        heap.states[state] for state in (JobState.COMPLETED, JobState.FAILED, JobState.DEAD, JobState.CANCELLED)
    )
    ended = completed + dead
    return Figures(
        name, completed, dead, cancelled,
        attempts=completed + failed,
        retries=max(0, failed - dead),
        per_minute=ended / minutes,
        success_rate=completed / ended if ended else None,
        waiting=spread(heap.waits),
        running=spread(heap.spans),
        curve=tuple(heap.curve),
    )  # fmt: skip


def spread(milliseconds: Sequence[int]) -> Spread:
    """Return median, 95th percentile and maximum, in seconds.

    A percentile is the least value that so many of a hundred do not exceed (nearest rank).
    """
    if not milliseconds:
        return Spread()
    ordered = sorted(milliseconds)
    return Spread(*(ordered[-(-len(ordered) * share // 100) - 1] / 1000 for share in (50, 95, 100)))


def _queue_of(step: Step) -> tuple[str, ...]:
    return (step.queue,)


def _tags_of(step: Step) -> tuple[str, ...]:
    return tuple(dict.fromkeys(step.tags)) or ("",)


def _nobody(_step: Step) -> tuple[str, ...]:
    return ()


_NAMES: dict[str, Callable[[Step], tuple[str, ...]]] = {"": _nobody, "queue": _queue_of, "tag": _tags_of}
