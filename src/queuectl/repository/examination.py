"""What a store says of itself when it is looked at without being opened for work: plain facts, no judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl.repository.base import Worker


class StoreFacts(NamedTuple):
    """What was found in a store. Of one with an older schema only the first four are known."""

    schema: int
    newest_schema: int  #: that this program knows
    journal: str  #: SQLite's journal mode
    complaints: tuple[str, ...]  #: of SQLite's own check; empty: none
    miscounts: tuple[str, ...] = ()  #: what is kept twice and does not agree; found by a thorough look only
    newest: int = 0  #: the latest instant at which anything is said to have happened
    step_back: int = 0  #: the longest step back in time between two transitions in a row, in milliseconds
    workers: tuple[Worker, ...] = ()
    runs: frozenset[str] = frozenset()  #: names of the runs that a lease holds
    records: frozenset[str] = frozenset()  #: names of the run records that they may need
    leftovers: int = 0  #: removed jobs whose logs are still to be deleted
    ended: Mapping[str, int] = {}  #: how many jobs have ended in which state
    ready: Mapping[str, int] = {}  #: by queue
    paused: tuple[tuple[str, int, str], ...] = ()  #: queue (empty: all), since when, by whom
    settings: Mapping[str, str] = {}
    unknown: tuple[int, ...] = ()  #: of the numbers that were asked about, those of no job


class Engine(NamedTuple):
    """The library that keeps a store."""

    name: str
    version: tuple[int, ...]
