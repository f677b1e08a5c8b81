"""The run record: what a shim writes, a reader finds, whatever slot it stands in."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from queuectl.model import Outcome
from queuectl.worker.process import Shim, Start
from queuectl.worker.record import Record

if TYPE_CHECKING:
    from pathlib import Path


MOST = ("most", 8)  #: runs at a time


def start(tmp_path: Path, slot: int, command: str, cap: int = 1 << 20) -> Start:
    return Start(slot, f"{slot + 1}-1", command, str(tmp_path), {}, tmp_path / f"{slot}.log", cap)


def ended(shim: Shim, number: int) -> list[object]:
    """Wait until so many runs have ended."""
    found: list[object] = []
    while len(found) < number:
        news = shim.news()
        assert news is not None
        found += [run for run, execution, _ in news if execution]
    return found


@pytest.mark.parametrize("slot", [0, 1, 7])
def test_a_run_is_found_in_any_slot_though_the_slots_before_were_never_used(tmp_path: Path, slot: int) -> None:
    shim = Shim(tmp_path / "record", "store")
    shim.send([MOST, start(tmp_path, slot, "exit 3").message()])
    ended(shim, 1)
    found = Record(tmp_path / "record").run(f"{slot + 1}-1")
    assert found is not None
    assert found.execution is not None
    assert (found.execution.outcome, found.execution.exit_code) == (Outcome.EXITED, 3)
    shim.close()
    os.waitpid(shim.pid, 0)


def test_the_record_tells_whether_its_shim_lives_and_may_start_more(tmp_path: Path) -> None:
    record = Record(tmp_path / "record")
    assert record.keeper() is None
    shim = Shim(record.path, "store")
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    shim.send([MOST, start(tmp_path, 0, "read line < go").message()])
    until(lambda: (found := record.run("1-1")) is not None and found.pid > 0)
    assert record.keeper() == shim.pid
    assert record.may_start_more()
    shim.close()
    until(lambda: not record.may_start_more())
    assert record.keeper() == shim.pid  # it sees its last command end
    fifo.write_text("\n")
    os.waitpid(shim.pid, 0)
    assert record.keeper() is None
    found = record.run("1-1")
    assert found is not None
    assert found.execution is not None
    assert found.execution.is_success()


def test_a_run_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    assert Record(tmp_path / "none").run("1-1") is None
    (tmp_path / "empty").touch()
    assert Record(tmp_path / "empty").run("1-1") is None


def test_output_beyond_the_cap_loses_its_middle_and_says_so(tmp_path: Path) -> None:
    shim = Shim(tmp_path / "record", "store")
    shim.send([MOST, start(tmp_path, 0, "head -c 1000 /dev/zero | tr '\\0' a; printf %s TAIL", cap=100).message()])
    ended(shim, 1)
    shim.close()
    os.waitpid(shim.pid, 0)  # the log is shortened after the end is told
    log = (tmp_path / "0.log").read_bytes()
    assert log == b"a" * 50 + b"\n[... 904 bytes left out ...]\n" + b"a" * 46 + b"TAIL"


def until(holds: object, seconds: float = 20.0) -> None:
    """Poll until it holds."""
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)
