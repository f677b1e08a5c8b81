"""What `queuectl doctor` sees of real processes."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.conftest import PROGRAM, eventually, lives

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop


pytestmark = pytest.mark.engines("sqlite")


def _found(shop: Shop, check: str) -> list[dict[str, Any]]:
    """Return what is not as it should be, whatever the exit code is."""
    done = subprocess.run([*PROGRAM, "doctor", "--json"], cwd=shop.home, capture_output=True, text=True, check=False)
    findings = json.loads(done.stdout)["findings"]
    return [finding for finding in findings if finding["check"] == check and finding["level"] != "ok"]


def test_a_worker_and_its_running_job_are_well(shop: Shop) -> None:
    gate = shop.gate()
    shop.enqueue(f"echo $$ > pid; {gate.wait}", id="a")
    worker = shop.start_worker("--name", "w")
    shop.number("pid")
    assert _found(shop, "strays") == _found(shop, "workers") == _found(shop, "queues") == []
    gate.open()
    shop.becomes("a", "completed")
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0


def test_a_process_that_outlives_its_run_is_told(shop: Shop) -> None:
    gate = shop.gate()
    (shop.home / "stay").write_text(f"echo $$ > pid\n{gate.wait}\n", encoding="utf-8")
    shop.enqueue("setsid sh stay & while ! [ -s pid ]; do :; done", id="a")
    shop.work("--drain")
    pid = shop.number("pid")
    (stray,) = _found(shop, "strays")
    assert f"process {pid} " in stray["what"]
    gate.open()
    eventually(lambda: not lives(pid), "it has ended")
    assert _found(shop, "strays") == []


def test_a_dead_worker_is_told_until_the_next_one_takes_over(shop: Shop) -> None:
    gate = shop.gate()
    shop.enqueue(f"echo $$ > pid; {gate.wait}", id="a")
    worker = shop.start_worker("--name", "w")
    shop.number("pid")
    worker.kill()
    (dead,) = _found(shop, "workers")
    assert "worker 'w' is dead and holds 1 job" in dead["what"]
    assert _found(shop, "strays") == []
    gate.open()
    shop.work("--drain")
    assert _found(shop, "workers") == []


def test_a_worker_that_hangs_is_a_problem(shop: Shop) -> None:
    shop.configure("lease", "2s")
    worker = shop.start_worker("--name", "w")
    worker.signal(signal.SIGSTOP)
    (hung,) = eventually(lambda: _found(shop, "workers"), "it has hung for longer than its lease")
    assert (hung["level"], "worker 'w'" in hung["what"]) == ("problem", True)
    worker.signal(signal.SIGCONT)
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0
