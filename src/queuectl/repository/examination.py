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
    upkeep: Upkeep | None = None  #: of a store on a server


class Upkeep(NamedTuple):
    """How the tables of a store on a server are kept."""

    jobs: int  #: rows of jobs, as the server estimates them
    dead: int  #: of jobs, rows that were replaced or deleted and are not cleared away yet
    cleared_at: int | None  #: when they were last, by the server's clock
    size: int  #: bytes of all tables, with their indexes
    deltas: int  #: rows of the counters
    homes: int  #: data directories of machines whose workers have run jobs
    overdue: int  #: jobs whose leases are over
    lacks: tuple[str, ...]  #: what we may not do, as in `DELETE on jobs`
    is_public: bool  #: whether everybody who may come in may write some of the tables


class Connections(NamedTuple):
    """How many connections are in use, of how many."""

    of: str  #: `server`, `database` or `user`
    used: int
    limit: int


class Server(NamedTuple):
    """What a server says of itself, whatever store is on it."""

    location: str  #: of the store, as the commands of its jobs get it
    schema: str
    directory: str  #: this machine's data directory; empty: there is no store
    home: str  #: what tells that one from every other one; empty: nobody has worked here
    latency: float  #: seconds from a question to its answer
    ahead: int  #: milliseconds that its clock is ahead of this machine's
    is_standby: bool
    settings: Mapping[str, str]  #: as they are for us
    connections: tuple[Connections, ...]
    longest: float  #: seconds that somebody's transaction has been open in the database, as far as we may see


class Engine(NamedTuple):
    """What keeps a store."""

    name: str  #: `SQLite`, `PostgreSQL`; of a server that does not answer, that of its driver
    version: tuple[int, ...]
    server: Server | None = None
    oldest: tuple[int, ...] = ()  #: the oldest version that will do
