"""What a drain may cost, in counts: times are noise, the number of system calls is not."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import PROGRAM

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop

pytestmark = [
    pytest.mark.engines("sqlite"),
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]

JOBS = 200
#: Waits for the disk of a worker that comes, goes, and moves its log into the file in between.
BESIDES = 20


def _drain(shop: Shop, *args: str) -> dict[str, list[str]]:
    """Drain some jobs under strace; return the calls of interest, by the name of each."""
    shop.enqueue_all([{"command": "true"} for _ in range(JOBS)])
    calls = "trace=fsync,fdatasync,fork,vfork,clone,clone3,openat"
    traced = ["strace", "-f", "-qq", "-o", "trace", "-e", calls, *PROGRAM]
    worker = shop.start_worker("--drain", *args, program=traced)
    assert worker.process.wait(100) == 0
    found: dict[str, list[str]] = {}
    for line in (shop.home / "trace").read_text(encoding="utf-8").splitlines():
        if call := re.match(r"\d+ +(\w+)\(", line):
            found.setdefault(call[1], []).append(line)
    return found


@pytest.mark.parametrize("slots", ["1", "4"])
def test_a_drain_costs_at_most_one_wait_for_the_disk_a_job(shop: Shop, slots: str) -> None:
    calls = _drain(shop, "-c", slots)
    waits = len(calls.get("fsync", [])) + len(calls["fdatasync"])
    # A machine that is so slow that no command counts as short makes no two jobs share a turn.
    assert JOBS / 50 < waits <= JOBS + BESIDES


def test_commands_are_started_without_copying_the_shim(shop: Shop) -> None:
    calls = _drain(shop, "-c", "2")
    made = calls.get("clone", []) + calls.get("clone3", []) + calls.get("vfork", [])
    assert len(made) >= JOBS
    assert not calls.get("fork")
    # What vfork does: the parent's memory is shared, so its size does not count.
    copies = [line for line in made if "vfork(" not in line and "CLONE_VFORK" not in line]
    assert not copies


def test_each_job_opens_no_file_but_its_log(shop: Shop) -> None:
    calls = _drain(shop, "-c", "2")
    opened = Counter(re.findall(r'"([^"]+)"', line)[0] for line in calls["openat"])
    logs = sum(number for name, number in opened.items() if "/logs/" in name)
    assert logs == JOBS
    store = sum(number for name, number in opened.items() if "queue.db" in name) - logs
    assert store < JOBS / 4
