"""A store that several hosts share, as one SQLite file: each host has a data directory of its own beside it.

Run as a program it is a worker on one of the hosts, which prints its events.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from queuectl import errors
from queuectl.cli.lines import Lines
from queuectl.repository.sqlite import SqliteRepository
from queuectl.worker.options import WorkerOptions
from queuectl.worker.run import run_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl.repository.base import Turn

#: Bytes of a run's output that are kept.
KEPT = 64

_ = SqliteRepository.turn  # it is loaded there now, so that `super` finds it


class SharedRepository(SqliteRepository):
    """The store as one host sees it.

    Args:
        path: of the file that all hosts share.
        host: whose data directory is used. While `unplugged(path, host)` is there, the store does not answer.
    """

    def __init__(self, path: Path, host: str) -> None:
        self._unplugged = unplugged(path, host)
        super().__init__(path)
        self._home = host
        self.kept_output = KEPT
        self.location = f"postgresql://somebody@server{path}"
        self.directory_name = f"{path}.{host}.d"
        self._slow = slow(path, host)
        self._outputs = Path(f"{path}.outputs")
        self._outputs.mkdir(exist_ok=True)
        self._ring = Path(f"{path}.{host}.ring")
        if not self._ring.exists():
            os.mkfifo(self._ring)
        self.bell: int | None = os.open(self._ring, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.answers = 0  #: how often it was asked whether the bell has rung

    @property
    def home(self) -> str:
        return self._home

    def close(self) -> None:
        super().close()
        if self.bell is not None:
            os.close(self.bell)
            self.bell = None

    def ring(self) -> None:
        """Call the workers of this host through the store."""
        self._ring.write_bytes(b"!")

    def answer(self) -> bool:
        self.answers += 1
        self._reach()
        try:
            return bool(os.read(self.bell or 0, 100))
        except BlockingIOError:
            return False

    def turn(self, settlements: Any, **rest: Any) -> Turn:
        kept: dict[str, Path] = {}
        if settlements:
            runs = {job.seq: job.runs for job in self.list().jobs}
            kept = {one.token: self._outputs / f"{one.seq}-{runs[one.seq]}" for one in settlements}
            for one in settlements:  # before it is known that the run has ended
                kept[one.token].write_bytes(one.output)
        turn = super().turn(settlements, **rest)
        for token in turn.refused:
            kept[token].unlink()
        while self._slow.exists():
            time.sleep(0.005)
        return turn

    def output(self, seq: int, run: int) -> bytes | None:
        try:
            return (self._outputs / f"{seq}-{run}").read_bytes()
        except FileNotFoundError:
            return None

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        self._reach()
        with super()._reading() as db:
            yield db

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        self._reach()
        with super()._writing() as db:
            yield db

    def _reach(self) -> None:
        if self._unplugged.exists():
            raise errors.StoreUnreachable("the server does not answer", "look after it")


def unplugged(path: Path, host: str) -> Path:
    """Return the file that, while it is there, keeps a host from reaching the store."""
    return Path(f"{path}.{host}.unplugged")


def slow(path: Path, host: str) -> Path:
    """Return the file that, while it is there, keeps the answer to a host's turn from it."""
    return Path(f"{path}.{host}.slow")


def main() -> int:
    """Be a worker."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("host")
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--drain", action="store_true")
    parser.add_argument("--name")
    asked = parser.parse_args()
    options = WorkerOptions(asked.slots, drain=asked.drain, name=asked.name or asked.host)
    lines = Lines(sys.stdout, as_json=False, quiet=False)
    with closing(SharedRepository(asked.path, asked.host)) as repository, closing(lines):
        return run_worker(repository, options, lines)


if __name__ == "__main__":
    sys.exit(main())
