"""How much is measured: a few minutes by default, half an hour in full, next to nothing in tests."""

from __future__ import annotations

from typing import NamedTuple


class Scale(NamedTuple):
    """The sizes of one run of the suite."""

    name: str
    rounds: int  #: every candidate once a round
    starts: int  #: rounds of what takes a few hundredths of a second
    drained: int  #: `true` jobs of a drain; slower peers get a share of them
    bulk: int  #: JSON Lines of one enqueue
    peers_bulk: int  #: the same, for peers
    turns: int  #: of ten jobs
    finished: int  #: jobs of the history; as many are due next year
    waiting: int  #: jobs that wait behind those that are claimed
    jobs: int  #: of a large store
    wakes: int
    peers_wakes: int
    idle_seconds: float
    contended_seconds: float


DEFAULT = Scale("default", 5, 15, 2_000, 100_000, 1_000, 200, 1_000_000, 100_000, 1_000_000, 100, 7, 10, 4)
FULL = Scale("full", 7, 41, 10_000, 100_000, 5_000, 200, 1_000_000, 100_000, 1_000_000, 100, 21, 60, 10)
TINY = Scale("tiny", 1, 1, 10, 100, 10, 2, 10, 100, 2_000, 2, 1, 0.2, 0.3)
