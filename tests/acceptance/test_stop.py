"""`worker list` and `worker stop`: the workers of a store, from any terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop


def test_list_shows_who_lives_and_what_they_run(shop: Shop) -> None:
    assert shop.json("worker", "list") == []
    worker = shop.start_worker("--name", "ada", "--concurrency", "3")
    gate = shop.gate()
    job = shop.enqueue(f"echo $$ > pid; {gate.wait}")
    shop.number("pid")
    (found,) = shop.json("worker", "list")
    assert (found["name"], found["pid"], found["slots"], found["jobs"]) == ("ada", worker.pid, 3, [job])
    assert shop.queuectl("worker", "list").startswith("ada\t")
    worker.kill()
    assert shop.json("worker", "list") == []
    gate.open()


def test_stop_lets_running_jobs_finish_and_reaches_every_worker(shop: Shop) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo $$ > pid; {gate.wait}")
    workers = [shop.start_worker() for _ in range(3)]
    shop.number("pid")
    assert len(shop.json("worker", "stop")) == 3
    late = shop.enqueue("true")
    gate.open()
    assert [worker.ends() for worker in workers] == [0, 0, 0]
    assert (shop.job(job).state, shop.job(late).state) == ("completed", "pending")


def test_stop_reaches_the_named_worker_only_and_waits(shop: Shop) -> None:
    ada, bob = shop.start_worker("--name", "ada"), shop.start_worker("--name", "bob")
    shop.queuectl("worker", "stop", "ada", "--wait", "20s")
    assert ada.ends() == 0
    assert [worker["name"] for worker in shop.json("worker", "list")] == ["bob"]
    shop.queuectl("worker", "stop", "nobody", code=3)
    shop.queuectl("worker", "stop", "--wait", "20s")
    assert bob.ends() == 0


def test_stop_now_gives_the_job_back_with_its_attempt(shop: Shop) -> None:
    job = shop.enqueue("echo $$ > pid; sleep 1000")
    worker = shop.start_worker()
    shop.number("pid")
    shop.queuectl("worker", "stop", "--now", "--wait", "20s")
    assert worker.ends() == 0
    found = shop.job(job)
    assert (found.state, found.attempts) == ("pending", 0)


def test_a_wait_that_is_too_short_says_so(shop: Shop) -> None:
    gate = shop.gate()
    shop.enqueue(f"echo $$ > pid; {gate.wait}")
    worker = shop.start_worker()
    shop.number("pid")
    shop.queuectl("worker", "stop", "--wait", "0s", code=124)
    gate.open()
    assert worker.ends() == 0
