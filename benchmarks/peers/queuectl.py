"""queuectl itself, as one of the peers: with all that it promises."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from benchmarks.measure import background, room, seconds
from benchmarks.ours import QUEUECTL, completed, write_lines
from benchmarks.peers.base import Peer, expect
from queuectl import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Queuectl(Peer):
    """This program."""

    name = "queuectl"
    keeps = "jobs, results, history and output; every transaction fsynced; retries; jobs outlive their worker"
    how = "`worker start --drain`, from the start of the process to its end"

    def version(self) -> str:
        return __version__

    def drain(self, where: Path, jobs: int, slots: int) -> float:
        seconds([*QUEUECTL, "-q", "enqueue", "--file", str(write_lines(where / "jobs.jsonl", jobs))], where)
        took = seconds([*QUEUECTL, "worker", "start", "--drain", "-c", str(slots)], where)
        expect(self.name, completed(where), jobs)
        return took

    def enqueue_words(self, where: Path, command: str) -> list[str]:
        del where
        return [*QUEUECTL, "enqueue", command]

    def prepare(self, where: Path) -> None:
        seconds([*QUEUECTL, "enqueue", "true"], where)

    def enqueue_many(self, where: Path, jobs: int) -> float:
        lines = write_lines(where / "jobs.jsonl", jobs)
        with room() as fresh:
            return seconds([*QUEUECTL, "-q", "enqueue", "--file", str(lines)], fresh)

    @contextlib.contextmanager
    def worker(self, where: Path) -> Iterator[None]:
        with background([*QUEUECTL, "worker", "start"], where) as process:
            assert process.stdout is not None
            process.stdout.readline()  # it is there
            yield
