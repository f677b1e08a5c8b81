"""What the user asked of a worker."""

from __future__ import annotations

from typing import NamedTuple


class WorkerOptions(NamedTuple):
    """How a worker shall run."""

    slots: int = 1  #: commands at a time
    queues: tuple[str, ...] = ()  #: empty: all
    once: bool = False  #: run one ready job, then stop
    drain: bool = False  #: stop when nothing is left to run or to retry
    max_jobs: int | None = None  #: stop after so many runs
    grace: float | None = None  #: seconds that running commands get after the first stop signal
    name: str | None = None  #: made from host and pid if absent
