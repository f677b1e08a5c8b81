"""What `explain` and `stats` say of real workers and real commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.acceptance.conftest import eventually

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop


def _codes(shop: Shop, job: str) -> list[str]:
    return [reason["code"] for reason in shop.json("explain", job)["reasons"]]


def test_a_job_is_explained_from_its_line_to_its_death(shop: Shop) -> None:
    gate = shop.gate()
    first = shop.enqueue(f"echo at the gate; {gate.wait}")
    second, third = (shop.enqueue("exit 7", max_retries=1) for _ in range(2))
    assert _codes(shop, second) == ["no_worker"]
    worker = shop.start_worker("--name", "w1")
    shop.becomes(first, "processing")
    eventually(lambda: b"gate" in shop.log(first), "the job has printed")
    running, printed = shop.json("explain", first)["reasons"]
    assert f"worker 'w1' (pid {worker.process.pid} on " in running["message"]
    assert printed["message"].endswith("ago: at the gate")
    # What is claimed ahead of time comes back a moment later.
    eventually(lambda: _codes(shop, second) == ["slots_busy"], "the second one waits for the slot")
    assert shop.json("explain", second)["reasons"][0]["message"] == f"the slot of worker 'w1' is busy: {first}"
    assert _codes(shop, third) == ["slots_busy", "behind"]
    assert shop.json("explain", third)["reasons"][1]["message"].startswith("1 job is ahead of it")
    worker.kill()
    assert _codes(shop, first) == ["worker_gone", "output"]
    gate.open()
    shop.work("--drain")
    assert _codes(shop, first) == ["completed"]
    dead, same = shop.json("explain", second)["reasons"]
    assert dead["message"].endswith("after 1 attempt: exit code 7")
    assert same["message"].startswith("1 other job died of the same: ")
    total = shop.json("stats")["total"]
    assert (total["completed"], total["dead"], total["attempts"]) == (1, 2, 3)
