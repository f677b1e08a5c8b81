"""Workers across an upgrade: the files of the program go away, or become others, and its workers go on."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import queuectl
from queuectl.model import JobState
from tests.acceptance.conftest import eventually

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop, Worker


def _old_worker(shop: Shop, monkeypatch: pytest.MonkeyPatch, *args: str) -> Worker:
    """Start a worker from a copy of the program, and delete the copy when it works."""
    old = shop.home / "old"
    package = Path(queuectl.__file__).parent
    shutil.copytree(package, old / "queuectl", ignore=shutil.ignore_patterns("__pycache__"))
    shop.queuectl("init")
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(old))
        worker = shop.start_worker(*args)
    assert worker.process.poll() is None, worker.output
    old.rename(shop.home / "gone")
    return worker


def test_a_worker_whose_program_is_gone_does_all_that_it_did_before(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = _old_worker(shop, monkeypatch, "-c", "4", "--queue", "default")
    gate = shop.gate()
    done = shop.enqueue("true")
    dead = shop.enqueue('echo \'{"error": "no such host"}\'; exit 3', give_up_on=[3])
    asks = shop.enqueue('echo 0 > "$QUEUECTL_RETRY_AFTER"; [ $QUEUECTL_ATTEMPT = 2 ] || exit 75', retry_for="1h")
    slow = shop.enqueue("sleep 60", timeout="0.1s", max_retries=1)
    stuck = shop.enqueue(gate.wait)
    for job, state in ((done, "completed"), (dead, "dead"), (asks, "completed"), (slow, "dead")):
        shop.becomes(job, state)
    shop.becomes(stuck, "processing")
    shop.queuectl("cancel", stuck)
    shop.becomes(stuck, "cancelled")
    lost = shop.enqueue(gate.wait, queue="other")
    other = shop.start_worker("--queue", "other")
    shop.becomes(lost, "processing")
    other.kill()
    eventually(lambda: worker.events("adopted"), "it adopts what another one left")
    gate.open()
    shop.becomes(lost, "completed")
    shop.configure("retention.completed", "0s")
    shop.enqueue("false", max_retries=1)  # with a failure the settings are read
    eventually(lambda: not shop.store.counts(now=0).states[JobState.COMPLETED], "it removes what has ended")
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0
    assert not worker.events("warning")
    assert "Error" not in worker.output


@pytest.mark.engines("sqlite")
def test_it_says_how_it_ends_in_its_own_words(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = _old_worker(shop, monkeypatch)
    shop.database.unlink()
    assert worker.ends() == 6
    assert "was deleted or replaced" in worker.output
    assert "Traceback" not in worker.output
