"""What the suite asks of a peer: the few things that all of them can do, done in the peer's own best way.

All run the same commands through `sh -c`. What each keeps differs widely and is said in `keeps`,
because it is most of what a job costs.
"""

from __future__ import annotations

import contextlib
import os
import select
from typing import TYPE_CHECKING

from benchmarks.measure import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class Peer:
    """One program or library beside which queuectl is measured; what it cannot do is None."""

    name = ""
    install = ""  #: what a reader types to have it
    keeps = ""  #: what is there after a job, or after a crash
    how = ""  #: how it is run here
    widths: tuple[int, ...] = (1, 4, 8)  #: commands at a time
    share = 1.0  #: of the jobs of a drain; the slow ones get fewer
    most = 1_000_000  #: jobs that it can hold

    def version(self) -> str:
        """Return its version, empty if it is not on this machine."""
        raise NotImplementedError

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Keep up whatever server it needs."""
        yield

    def environment(self, where: Path) -> Mapping[str, str]:
        """Return the variables that keep its traces in this directory."""
        del where
        return {}

    def drain(self, where: Path, jobs: int, slots: int) -> float:
        """Return the seconds of running so many waiting `true` jobs, so many at a time.

        Raises:
            RuntimeError: not all of them ran.
        """
        raise NotImplementedError

    def enqueue_words(self, where: Path, command: str) -> list[str] | None:
        """Return the words that enqueue one shell command."""
        del where, command
        return None

    def enqueue_many(self, where: Path, jobs: int) -> float | None:
        """Return the seconds that it takes to enqueue so many `true` jobs in its fastest lasting way."""
        del where, jobs
        return None

    def prepare(self, where: Path) -> None:
        """Make what a first enqueue would have to make."""

    @contextlib.contextmanager
    def worker(self, where: Path) -> Iterator[None]:
        """Keep up a worker for one command at a time, in its default settings."""
        del where
        yield

    def leave(self, where: Path) -> None:
        """End what a first enqueue has started."""

    def enqueue_one(self, where: Path) -> float | None:
        """Return the seconds of the whole process that enqueues one `true` job."""
        words = self.enqueue_words(where, "true")
        return None if words is None else seconds(words, where, env=self.environment(where))

    def held(self, jobs: int) -> int:
        """Return how many of so many jobs it is measured with."""
        return max(1, min(self.most, int(jobs * self.share)))


class Gate:
    """Holds jobs until all that should run at a time are running."""

    def __init__(self, where: Path) -> None:
        self._here, self._gate = where / "here", where / "gate"
        for pipe in (self._here, self._gate):
            os.mkfifo(pipe)
        # Held open: a line that is written while nobody has it open would be lost with its writer.
        self._held = os.open(self._gate, os.O_RDWR | os.O_CLOEXEC)
        self.command = f"echo > {self._here}; read x < {self._gate}"

    def wait_for(self, jobs: int) -> None:
        """Wait until so many jobs stand at the gate."""
        with self._here.open("r+b", buffering=0) as here:
            for _ in range(jobs):
                if not select.select([here], [], [], 60)[0]:
                    raise TimeoutError("the first jobs did not start")
                here.read(1)

    def open(self, jobs: int) -> None:
        """Let so many jobs end; each reads one line."""
        os.write(self._held, b"\n" * jobs)

    def close(self) -> None:
        """Let go of the gate."""
        os.close(self._held)


def expect(name: str, ran: int, jobs: int) -> None:
    """Refuse a measurement in which not everything ran."""
    if ran != jobs:
        raise RuntimeError(f"{name} ran {ran} of {jobs} jobs")
