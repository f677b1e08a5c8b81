"""What the live screen knows of a store at one moment, and what follows from it; pure."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from queuectl.repository.base import Counts
from queuectl.repository.glancing import Beat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from queuectl.model import Job, Transition
    from queuectl.repository.base import Worker
    from queuectl.repository.glancing import Ended, Pulse, QueueCounts

#: Milliseconds that a bar of the curve stands for, and for which ends are remembered.
SPAN, MEMORY = 5_000, 600_000
#: Among paused queues it stands for all of them.
ALL = ""
#: Milliseconds over which the throughput is taken.
MINUTE = 60_000


class Details(NamedTuple):
    """All about one job."""

    job: Job
    history: Sequence[Transition] = ()
    output: Sequence[str] = ()  #: the last lines of its last run, readable


class Wanted(NamedTuple):
    """What is to be looked up beyond what is always shown."""

    job_id: str | None = None  #: all about this job
    signature: str | None = None  #: the jobs that died of this


class Found(NamedTuple):
    """What was looked up."""

    details: Details | None = None
    fallen: Sequence[Job] = ()  #: the newest jobs that died of it, newest first


NOT_FOUND = Found()


class Facts(NamedTuple):
    """What was read, and when."""

    at: int
    counts: Counts
    workers: Sequence[Worker] = ()  #: those that are alive
    running: Sequence[Job] = ()
    lines: Mapping[int, str] = {}  #: by `seq` of a running job: the last line that it printed
    queues: Sequence[QueueCounts] = ()
    paused: Mapping[str, int] = {}  #: by queue: since when; `''` stands for all queues
    retrying: Sequence[Job] = ()  #: soonest first
    dead: Sequence[tuple[str, int]] = ()  #: what they died of, and how many
    ended: Sequence[Ended] = ()  #: newest first
    beats: Sequence[Beat] = ()  #: oldest first
    since: int = 0  #: from when on the beats are complete


NOTHING = Facts(0, Counts({}, 0, 0, 0, None))


class Beats:
    """The ends of the last minutes in spans, added up from what was read bit by bit."""

    def __init__(self) -> None:
        self._beats: deque[Beat] = deque(maxlen=MEMORY // SPAN + 1)
        self.last = 0  #: the transition to go on from
        self.since = 0  #: from when on they are complete

    def add(self, pulse: Pulse) -> None:
        """Take what has ended since."""
        self.since = pulse.since or self.since
        self.last = pulse.last
        for beat in pulse.beats:
            same = next((index for index, one in enumerate(self._beats) if one.at == beat.at), None)
            if same is None:
                self._beats.append(beat)
            else:
                old = self._beats[same]
                self._beats[same] = Beat(beat.at, old.completed + beat.completed, old.failed + beat.failed)

    def all(self) -> Sequence[Beat]:
        """Return them, oldest first."""
        return sorted(self._beats)


def bars(beats: Iterable[Beat], now: int, number: int) -> list[int]:
    """Return the ends of the last spans, the present one the last."""
    by_span = {beat.at // SPAN: beat.completed + beat.failed for beat in beats}
    return [by_span.get(now // SPAN - back, 0) for back in range(number - 1, -1, -1)]


def throughput(facts: Facts, now: int) -> int:
    """Return the runs that ended within the last minute; if only a part of it was counted, as many as that makes."""
    first = now // SPAN - MINUTE // SPAN
    runs = sum(beat.completed + beat.failed for beat in facts.beats if first < beat.at // SPAN <= now // SPAN)
    return runs * MINUTE // min(MINUTE, max(SPAN, now - facts.since))


def success(beats: Iterable[Beat], now: int) -> tuple[int, int]:
    """Return how many of the runs of the last minutes succeeded, and how many there were."""
    recent = [beat for beat in beats if beat.at > now - MEMORY]
    completed = sum(beat.completed for beat in recent)
    return completed, completed + sum(beat.failed for beat in recent)


#: What a command sends to the terminal that it believes to have (ECMA-48, 5.4; OSC and its like end with BEL or ST).
_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-Z\\-~])")


def readable(line: str) -> str:
    r"""Return what is to be seen of a line on a terminal: the last part that `\r` began anew, without colours."""
    parts = _SEQUENCES.sub("", line).expandtabs().split("\r")
    return next((part.rstrip() for part in reversed(parts) if part.strip()), "")
