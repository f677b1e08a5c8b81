"""The shim, as its worker speaks with it: what waits, what starts, what is dropped."""

from __future__ import annotations

import os
import select
import signal
from typing import TYPE_CHECKING

import pytest

from queuectl.model import Outcome
from queuectl.worker import process
from queuectl.worker.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES = 8


class Keeper:
    """A shim and what it has said so far."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.record = Record(home / "record")
        self.record.create(LINES)
        self.shim = process.Shim(self.record.path, "store")
        self.said: list[process.News] = []
        self._slots = iter(range(LINES))

    def most(self, number: int) -> None:
        self.shim.send([("most", number)])

    def run(self, name: str, command: str) -> int:
        """Hand over a run and return its line in the record."""
        slot = next(self._slots)
        start = process.Start(slot, name, command, str(self.home), {}, self.home / f"{name}.log", 1000)
        self.shim.send([start.message()])
        return slot

    def hears(self, *expected: tuple[str, Outcome | None]) -> None:
        """Wait until it has said so much, and see that it is this: names, with an outcome or None for a start."""
        poll = select.poll()
        poll.register(self.shim.fileno(), select.POLLIN)
        while len(self.said) < len(expected):
            assert poll.poll(20_000), f"silent after {self.said}"
            news = self.shim.news()
            assert news is not None
            self.said += news
        assert [(name, end.outcome if end else None) for name, end, _ in self.said] == list(expected)


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    keeper = Keeper(tmp_path)
    yield keeper
    keeper.shim.close()
    for found in map(keeper.record.run, "abc"):
        if found and not found.execution:  # a failed test has left it
            process.signal_group(found.pid, process.KILL)
    os.waitpid(keeper.shim.pid, 0)


def test_runs_start_in_their_order_as_slots_become_free(keeper: Keeper) -> None:
    keeper.most(1)
    for name in ("a", "b", "c"):
        keeper.run(name, f"echo {name} >> order")
    ends = Outcome.EXITED
    keeper.hears(("a", None), ("a", ends), ("b", None), ("b", ends), ("c", None), ("c", ends))
    assert (keeper.home / "order").read_text() == "a\nb\nc\n"


def test_nothing_starts_beyond_the_number_allowed_until_it_grows(keeper: Keeper) -> None:
    os.mkfifo(keeper.home / "gate")
    keeper.most(1)
    keeper.run("a", "read _ < gate")
    keeper.run("b", "true")
    keeper.hears(("a", None))
    assert keeper.record.run("b") is None
    keeper.most(2)
    keeper.hears(("a", None), ("b", None), ("b", Outcome.EXITED))
    (keeper.home / "gate").write_text("go\n")
    keeper.hears(("a", None), ("b", None), ("b", Outcome.EXITED), ("a", Outcome.EXITED))


@pytest.mark.parametrize("how", [("drop",), ("signal", process.TERM)])
def test_what_waits_is_dropped_and_never_runs(keeper: Keeper, how: tuple[str, int]) -> None:
    os.mkfifo(keeper.home / "gate")
    keeper.most(1)
    keeper.run("a", "read _ < gate")
    keeper.hears(("a", None))
    slot = keeper.run("b", "echo b > ran")
    keeper.shim.send([(how[0], slot, "b", *how[1:])])
    keeper.hears(("a", None), ("b", Outcome.RETURNED))
    (keeper.home / "gate").write_text("go\n")
    keeper.hears(("a", None), ("b", Outcome.RETURNED), ("a", Outcome.EXITED))
    assert not (keeper.home / "ran").exists()


def test_what_has_a_slot_is_not_dropped_though_the_shim_had_not_come_to_it(keeper: Keeper) -> None:
    start = process.Start(0, "a", "true", str(keeper.home), {}, keeper.home / "a.log", 1000)
    keeper.shim.send([("most", 1), start.message(), ("drop", 0, "a")])  # read at once
    keeper.hears(("a", None), ("a", Outcome.EXITED))


def test_a_stopped_shim_keeps_nobody_waiting(keeper: Keeper) -> None:
    keeper.most(1)
    keeper.run("a", "true")
    keeper.hears(("a", None), ("a", Outcome.EXITED))
    process.signal_group(keeper.shim.pid, signal.SIGSTOP)
    for _ in range(20_000):
        keeper.shim.send([("drop", 1, "b")])
    assert keeper.shim.flush()
    process.signal_group(keeper.shim.pid, signal.SIGCONT)
    while keeper.shim.flush():
        pass
    keeper.run("c", "true")
    while keeper.shim.flush():
        pass
    keeper.hears(("a", None), ("a", Outcome.EXITED), ("c", None), ("c", Outcome.EXITED))


def test_what_has_begun_is_not_dropped(keeper: Keeper) -> None:
    os.mkfifo(keeper.home / "gate")
    keeper.most(1)
    slot = keeper.run("a", "read _ < gate; exit 3")
    keeper.hears(("a", None))
    keeper.shim.send([("drop", slot, "a")])
    (keeper.home / "gate").write_text("go\n")
    keeper.hears(("a", None), ("a", Outcome.EXITED))
    assert keeper.said[-1].execution is not None
    assert keeper.said[-1].execution.exit_code == 3


def test_what_waits_when_the_worker_goes_never_starts(keeper: Keeper) -> None:
    os.mkfifo(keeper.home / "gate")
    keeper.most(1)
    keeper.run("a", "read _ < gate")
    keeper.run("b", "echo b > ran")
    keeper.hears(("a", None))
    keeper.shim.close()
    (keeper.home / "gate").write_text("go\n")
    os.waitid(os.P_PID, keeper.shim.pid, os.WEXITED | os.WNOWAIT)
    found = keeper.record.run("a")
    assert found is not None
    assert found.execution is not None
    assert keeper.record.run("b") is None
    assert not (keeper.home / "ran").exists()
