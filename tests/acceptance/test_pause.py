"""`pause`, `resume` and `edit` beside workers that run."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.acceptance.conftest import eventually

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop


def test_what_runs_goes_on_and_nothing_new_begins_until_resume_wakes_the_worker(shop: Shop) -> None:
    gate = shop.gate()
    running = shop.enqueue(f"echo $$ > pid; {gate.wait}; echo ran >> runs", queue="mail")
    worker = shop.start_worker()
    shop.number("pid")
    shop.queuectl("pause", "mail")
    held, free = shop.enqueue("echo held >> runs", queue="mail"), shop.enqueue("echo free >> runs", queue="web")
    gate.open()
    shop.becomes(running, "completed")
    shop.becomes(free, "completed")
    assert shop.lines("runs") == ["ran", "free"]
    assert shop.job(held).state == "pending"
    shop.queuectl("resume", "mail")
    shop.becomes(held, "completed")
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0


def test_a_drain_does_not_wait_for_what_is_paused(shop: Shop) -> None:
    shop.configure("backoff-base", 100)
    failed = shop.enqueue("exit 1", queue="mail")
    shop.work("--once")
    assert shop.job(failed).attempts == 1
    held, free = shop.enqueue("true", queue="mail"), shop.enqueue("true", queue="web")
    shop.queuectl("pause", "mail")
    shop.work("--drain")
    assert (shop.job(held).state, shop.job(free).state) == ("pending", "completed")


def test_a_drain_that_waits_for_a_retry_ends_when_its_queue_is_paused(shop: Shop) -> None:
    shop.configure("backoff-base", 100)
    failed = shop.enqueue("exit 1")
    worker = shop.start_worker("--drain")
    eventually(lambda: shop.job(failed).attempts == 1 and shop.job(failed).state == "pending", "it waits for its retry")
    shop.queuectl("pause", "--all")
    assert worker.ends() == 0


def test_a_pause_outlives_every_worker(shop: Shop) -> None:
    job = shop.enqueue("true")
    shop.queuectl("pause", "--all")
    shop.work("--once")
    shop.work("--drain")
    assert shop.job(job).state == "pending"
    shop.queuectl("resume", "--all")
    shop.work("--once")
    assert shop.job(job).state == "completed"


def test_an_edit_makes_a_late_job_start_at_once_with_its_new_command(shop: Shop) -> None:
    job = shop.enqueue("echo old >> runs", delay="1h")
    shop.start_worker()
    shop.queuectl("edit", job, "--command", "echo new >> runs", "--delay", "0")
    shop.becomes(job, "completed")
    assert shop.lines("runs") == ["new"]


def test_the_history_says_who_cancelled_a_running_job(shop: Shop) -> None:
    job = shop.enqueue("echo $$ > pid; sleep 1000")
    shop.start_worker()
    shop.number("pid")
    shop.queuectl("cancel", job)
    shop.becomes(job, "cancelled")
    (action,) = shop.store.actions()
    assert shop.reasons(job)[-1] == f"cancelled: cancelled by {action.by}"


def test_a_job_that_was_cancelled_runs_again(shop: Shop) -> None:
    job = shop.enqueue("echo ran >> runs")
    shop.queuectl("cancel", job)
    shop.start_worker()
    shop.queuectl("retry", job)
    shop.becomes(job, "completed")
    assert shop.lines("runs") == ["ran"]
