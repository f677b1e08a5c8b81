"""`cancel`: what waits is cancelled at once, what runs is stopped with everything it started."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from tests.acceptance.conftest import eventually, lives

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop


def test_a_pending_job_is_cancelled_at_once_and_never_runs(shop: Shop) -> None:
    job = shop.enqueue("echo run >> runs")
    assert shop.queuectl("cancel", job) == f"{job}\n"
    found = shop.job(job)
    assert (found.state, found.attempts) == ("cancelled", 0)
    assert found.finished_at is not None
    shop.work("--drain")
    assert shop.lines("runs") == []


def test_a_running_command_and_what_it_started_get_term(shop: Shop) -> None:
    job = shop.enqueue("sleep 1000 & echo $! > child; wait")
    worker = shop.start_worker()
    child = shop.number("child")
    shop.queuectl("cancel", job)
    found = shop.becomes(job, "cancelled")
    assert (found.exit_code, found.error, found.attempts) == (143, "cancelled", 1)
    eventually(lambda: not lives(child), "the child is gone")
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0


def test_a_command_that_ignores_term_is_killed_after_its_grace(shop: Shop) -> None:
    job = shop.enqueue("trap '' TERM; echo $$ > pid; while :; do sleep 1000; done")
    shop.start_worker()
    shop.number("pid")
    shop.queuectl("cancel", job, "--grace", "0.2")
    assert shop.becomes(job, "cancelled").exit_code == 137


def test_a_job_that_waits_for_its_retry_can_be_cancelled(shop: Shop) -> None:
    job = shop.enqueue("exit 1")
    shop.work("--once")
    shop.queuectl("cancel", job)
    found = shop.job(job)
    assert (found.state, found.attempts, found.next_run_at) == ("cancelled", 1, None)


def test_a_cancel_that_a_dead_worker_did_not_see_is_carried_out_by_the_next(shop: Shop) -> None:
    job = shop.enqueue("echo $$ > pid; sleep 1000")
    shop.start_worker().kill()
    worker = shop.start_worker()
    pid = shop.number("pid")
    worker.kill()
    shop.queuectl("cancel", job)
    assert lives(pid)
    shop.work("--drain")
    assert shop.job(job).state == "cancelled"
    assert not lives(pid)


def test_a_failure_at_the_moment_of_a_cancel_is_not_retried(shop: Shop) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo $$ > pid; {gate.wait}; exit 1")
    worker = shop.start_worker()
    shop.number("pid")
    os.kill(worker.pid, signal.SIGSTOP)  # it hears of the end and of the wish at once
    gate.open()
    shop.queuectl("cancel", job)
    os.kill(worker.pid, signal.SIGCONT)
    assert shop.becomes(job, "cancelled").attempts == 1


def test_what_has_ended_is_a_conflict_and_what_is_not_there_not_found(shop: Shop) -> None:
    job, other = shop.enqueue("true"), shop.enqueue("true")
    shop.work("--once")
    shop.queuectl("cancel", other, job, code=4)
    assert shop.job(other).state == "pending"  # all or none
    shop.queuectl("cancel", "nobody", code=3)
    shop.queuectl("cancel", code=2)
    shop.queuectl("cancel", "--all", code=2)  # nobody is there to confirm


def test_all_means_what_the_filters_let_through(shop: Shop) -> None:
    kept = shop.enqueue("true", queue="kept")
    gone = [shop.enqueue("true", queue="gone") for _ in range(3)]
    assert shop.json("cancel", "--all", "--queue", "gone", "--dry-run")["dry_run"] is True
    assert shop.job(gone[0]).state == "pending"
    shop.queuectl("cancel", "--all", "--queue", "gone", "--yes")
    assert {shop.job(job).state for job in gone} == {"cancelled"}
    assert shop.job(kept).state == "pending"
