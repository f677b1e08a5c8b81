"""What `queuectl doctor` knows before it judges: plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from queuectl.repository.examination import Engine, StoreFacts


class Place(NamedTuple):
    """A file or directory."""

    path: str
    kind: str  #: `file`, `directory`, `link`, `other`; empty: it is not there
    owner: int = 0
    mode: int = 0  #: permission bits
    writable: bool = True  #: for us


class Stray(NamedTuple):
    """A process that a run started."""

    pid: int
    run: str  #: its name


class Machine(NamedTuple):
    """What the machine says."""

    python: str
    engine: Engine
    user: int  #: effective user id
    host: str
    boot_id: str
    ticks: float  #: seconds of the monotonic clock, as workers report them
    file_system: str  #: type of the one that holds the store, or of one on a server our data; empty: unknown
    mount: str  #: where that is mounted
    free: int | None  #: bytes that we may still fill; None: unknown
    store: Place | None  #: None: it is on a server
    directory: Place | None  #: the one that holds the store
    data: Place  #: the store's data directory
    home: str = ""  #: what tells that one from those of other machines; empty: there is only this one
    log_size: int = 0  #: of SQLite's write-ahead log
    present: frozenset[str] = frozenset()  #: presences of workers that hold their pipes
    records: frozenset[str] = frozenset()  #: names of run records that no living worker or shim keeps
    strays: tuple[Stray, ...] = ()


class Facts(NamedTuple):
    """All that is known."""

    now: int
    machine: Machine
    store: StoreFacts | None  #: None: it could not be looked at
    trouble: tuple[str, str] = ("", "")  #: why not, and the way out
    is_thorough: bool = False


class Finding(NamedTuple):
    """What was looked at, and how it is."""

    check: str  #: a word for it
    level: str  #: `ok`, `warning` or `problem`
    what: str
    remedy: str = ""  #: a command, or what else to do
