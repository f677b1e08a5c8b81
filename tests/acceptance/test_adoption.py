"""Jobs that outlive their worker: whatever is killed, and when, no run is lost and none doubled."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import eventually, lives

if TYPE_CHECKING:
    from tests.acceptance.conftest import Gate, Shop, Worker

#: Seconds within which a live worker takes over from a dead one.
PROMISED = 2.0


def _working(shop: Shop, then: str = "exit 7", **fields: object) -> tuple[str, Worker, Gate]:
    """Return a job that runs, its worker, and the gate at which its command waits."""
    gate = shop.gate()
    job = shop.enqueue(f"echo run >> runs; echo $$ > pid; {gate.wait}; {then}", **fields)
    worker = shop.start_worker()
    shop.number("pid")
    return job, worker, gate


def _kill_command(pid: int) -> None:
    os.killpg(pid, signal.SIGKILL)
    eventually(lambda: not lives(pid), "the command is dead")


def _stop(worker: Worker) -> None:
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0


# -- the worker alone is killed -------------------------------------------------------


def test_the_next_worker_adopts_a_running_command_and_takes_its_exit_code(shop: Shop) -> None:
    job, first, gate = _working(shop, max_retries=1)
    first.kill()
    second = shop.start_worker()
    eventually(lambda: second.events("adopted"), "the command is adopted")
    assert lives(shop.number("pid"))
    assert shop.job(job).state == "processing"
    gate.open()
    found = shop.becomes(job, "dead")
    assert (found.exit_code, found.error, found.attempts) == (7, "exit code 7", 1)
    assert shop.lines("runs") == ["run"]
    _stop(second)
    shop.is_quiet()


def test_start_end_and_output_of_an_adopted_command_are_its_own(shop: Shop) -> None:
    job, first, gate = _working(shop, "date +%s%3N > ended; echo last words")
    started = shop.job(job).started_at
    first.kill()
    second = shop.start_worker()
    eventually(lambda: second.events("adopted"), "the command is adopted")
    gate.open()
    found = shop.becomes(job, "completed")
    assert started is not None
    assert found.started_at is not None
    assert found.finished_at is not None
    assert abs(found.started_at - started) < 1000
    assert abs(found.finished_at - shop.number("ended")) < 1000
    assert found.duration_seconds == pytest.approx((found.finished_at - found.started_at) / 1000, abs=0.1)
    assert shop.log(job) == b"last words\n"


def test_a_command_that_ended_while_no_worker_was_there_is_settled_at_the_next_start(shop: Shop) -> None:
    job, first, gate = _working(shop)
    first.kill()
    gate.open()
    eventually(lambda: not shop.commands(), "the command has ended")
    shop.is_quiet()
    assert shop.job(job).state == "processing"
    shop.work("--once")
    found = shop.job(job)
    assert (found.state, found.exit_code, found.attempts) == ("pending", 7, 1)
    assert shop.lines("runs") == ["run"]


def test_once_leaves_a_command_that_still_runs_to_the_workers(shop: Shop) -> None:
    job, first, gate = _working(shop, "true")
    other = shop.enqueue("true")
    first.kill()
    shop.work("--once")
    assert shop.job(job).state == "processing"
    assert shop.job(other).state == "completed"
    gate.open()
    shop.work("--drain")
    assert (shop.job(job).state, shop.job(job).attempts) == ("completed", 1)


def test_drain_waits_for_an_adopted_command(shop: Shop) -> None:
    job, first, gate = _working(shop, "true")
    first.kill()
    second = shop.start_worker("--drain")
    eventually(lambda: second.events("adopted"), "the command is adopted")
    gate.open()
    assert second.ends() == 0
    assert shop.job(job).state == "completed"


def test_the_time_of_a_command_goes_on_while_no_worker_is_there(shop: Shop) -> None:
    job, first, _ = _working(shop, "true", timeout=3, max_retries=1)
    first.kill()
    over_at = time.monotonic() + 3
    eventually(lambda: time.monotonic() >= over_at, "its time is over")
    assert lives(shop.number("pid"))
    shop.start_worker()
    found = shop.becomes(job, "dead", deadline=2)  # not three seconds from the adoption on
    assert found.error == "timed out after 3s"
    assert found.duration_seconds is not None
    assert found.duration_seconds > 3
    shop.is_quiet()


def test_an_adopted_command_takes_up_a_slot(shop: Shop) -> None:
    job, first, gate = _working(shop, "true")
    first.kill()
    other = shop.enqueue("true")
    second = shop.start_worker("--drain")
    eventually(lambda: second.events("adopted"), "the command is adopted")
    assert shop.job(other).state == "pending"
    gate.open()
    assert second.ends() == 0
    assert [event["job"] for event in second.events("completed")] == [job, other]


def test_an_adopted_command_is_stopped_like_any_other(shop: Shop) -> None:
    job, first, _ = _working(shop)
    first.kill()
    second = shop.start_worker()
    eventually(lambda: second.events("adopted"), "the command is adopted")
    second.signal(signal.SIGTERM)
    second.said("worker_stopping")
    second.signal(signal.SIGTERM)
    assert second.ends() == 143
    found = shop.job(job)
    assert (found.state, found.attempts) == ("pending", 0)
    shop.is_quiet()


def test_a_live_idle_worker_takes_over_within_two_seconds(shop: Shop) -> None:
    job, first, gate = _working(shop, "true")
    second = shop.start_worker()
    killed_at = time.monotonic()
    first.kill()
    eventually(lambda: second.events("adopted"), "the command is adopted", deadline=PROMISED)
    assert time.monotonic() - killed_at < PROMISED
    gate.open()
    assert shop.becomes(job, "completed").attempts == 1


def test_a_command_can_be_handed_on_many_times(shop: Shop) -> None:
    job, worker, gate = _working(shop)
    for _ in range(5):
        worker.kill()
        worker = shop.start_worker()
        eventually(lambda worker=worker: worker.events("adopted"), "the command is adopted")  # type: ignore[misc]
    gate.open()
    found = shop.becomes(job, "pending")
    assert (found.exit_code, found.attempts) == (7, 1)
    assert shop.lines("runs") == ["run"]


def test_of_two_rescuers_exactly_one_takes_over(shop: Shop) -> None:
    gate = shop.gate()
    jobs = shop.enqueue_all([{"command": f"echo run >> runs; {gate.wait}"} for _ in range(8)])
    first = shop.start_worker("-c", "8")
    eventually(lambda: len(shop.lines("runs")) == len(jobs), "all jobs run")
    rescuers = [shop.start_worker("-c", "8") for _ in range(3)]
    first.kill()
    # Only then may they end: a run that has ended is settled by whoever takes it over, and not called adopted.
    eventually(
        lambda: sum(len(worker.events("adopted")) for worker in rescuers) >= len(jobs), "each job has been adopted"
    )
    for _ in jobs:
        gate.open()
    shop.all_become("completed")
    for worker in rescuers:
        _stop(worker)
        assert not worker.events("lease_lost")
    adopted = [event["job"] for worker in rescuers for event in worker.events("adopted")]
    assert Counter(adopted) == dict.fromkeys(jobs, 1)
    assert len(shop.lines("runs")) == len(jobs)
    assert {job.attempts for job in shop.jobs()} == {1}
    shop.is_quiet()


# -- others are killed too ------------------------------------------------------------


def test_an_attempt_is_lost_when_worker_shim_and_command_are_all_killed(shop: Shop) -> None:
    gate = shop.gate()
    # The first run waits; the second sees whether the first is still there.
    command = f"mkdir here || echo overlap >> overlaps; echo $$ >> pids; {gate.wait}; rmdir here"
    job = shop.enqueue(command, backoff_base=0.2)
    first = shop.start_worker()
    pid = shop.number("pids")
    shim = first.shim()
    first.kill()
    os.kill(shim, signal.SIGKILL)
    _kill_command(pid)
    shop.home.joinpath("here").rmdir()
    second = shop.start_worker()
    eventually(lambda: len(shop.lines("pids")) == 2, "the job is retried")
    gate.open()
    found = shop.becomes(job, "completed")
    assert found.attempts == 2
    assert any(reason.startswith("failed: lost") for reason in shop.reasons(job)), shop.reasons(job)
    assert not shop.lines("overlaps")
    assert second.events("retrying")[0]["outcome"] == "lost"
    _stop(second)
    shop.is_quiet()


def test_a_command_whose_worker_and_shim_are_killed_is_followed_to_its_end(shop: Shop) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo run >> runs; echo $$ > pid; {gate.wait}", backoff_base=0.2)
    first = shop.start_worker()
    pid = shop.number("pid")
    shim = first.shim()
    first.kill()
    os.kill(shim, signal.SIGKILL)
    second = shop.start_worker()
    eventually(lambda: second.events("adopted"), "the command is adopted")
    assert lives(pid)
    assert shop.lines("runs") == ["run"]
    gate.open()
    eventually(lambda: not lives(pid), "the command has ended")
    # Nobody could see its exit code, so the attempt counts as lost; only now may it run again.
    eventually(lambda: second.events("retrying"), "the attempt is lost")
    gate.open()
    assert shop.becomes(job, "completed").attempts == 2
    _stop(second)
    shop.is_quiet()


@pytest.mark.parametrize("code", [0, 7])
def test_a_worker_whose_shim_is_killed_follows_the_commands_itself(shop: Shop, code: int) -> None:
    job, worker, gate = _working(shop, f"exit {code}", max_retries=1)
    os.kill(worker.shim(), signal.SIGKILL)
    worker.said("the shim was killed")
    gate.open()
    found = shop.becomes(job, "dead" if code else "completed")
    assert (found.exit_code, found.attempts) == (code, 1)
    assert found.duration_seconds is not None
    after = shop.enqueue("true")
    shop.becomes(after, "completed")
    assert shop.lines("runs") == ["run"]
    _stop(worker)
    shop.is_quiet()


def test_a_command_that_is_killed_by_somebody_has_not_been_lost(shop: Shop) -> None:
    job, worker, _ = _working(shop, max_retries=1)
    _kill_command(shop.number("pid"))
    found = shop.becomes(job, "dead")
    assert (found.exit_code, found.error) == (137, "killed by SIGKILL")
    _stop(worker)


def test_a_command_that_is_killed_after_its_worker_has_not_been_lost(shop: Shop) -> None:
    job, worker, _ = _working(shop, max_retries=1)
    worker.kill()
    _kill_command(shop.number("pid"))
    shop.work("--once")
    found = shop.job(job)
    assert (found.state, found.exit_code, found.error) == ("dead", 137, "killed by SIGKILL")


def test_a_job_whose_runs_keep_getting_lost_ends_dead(shop: Shop) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo $$ >> pids; {gate.wait}", max_retries=2, backoff_base=0.1)
    for run in (1, 2):
        worker = shop.start_worker()
        pids = eventually(lambda run=run: len(shop.lines("pids")) == run and shop.lines("pids"), "the job runs")  # type: ignore[misc]
        shim = worker.shim()
        worker.kill()
        os.kill(shim, signal.SIGKILL)
        _kill_command(int(pids[-1]))
    shop.work("--once")
    found = shop.job(job)
    assert (found.state, found.attempts, found.exit_code) == ("dead", 2, None)
    assert found.error is not None
    assert found.error.startswith("lost: ")
    assert len(shop.lines("pids")) == 2


@pytest.mark.engines("sqlite")  # where a store has several hosts, the shim ends the commands when the lease does
def test_a_worker_that_hangs_past_its_lease_loses_its_jobs_but_nothing_runs_twice(shop: Shop) -> None:
    shop.queuectl("status")
    shop.configure("lease", "2s")
    job, first, gate = _working(shop, "true")
    second = shop.start_worker()
    first.signal(signal.SIGSTOP)
    eventually(lambda: second.events("adopted"), "the command is adopted")
    gate.open()
    found = shop.becomes(job, "completed")
    first.signal(signal.SIGCONT)
    first.said("beginning anew")
    later = shop.enqueue("true")
    shop.becomes(later, "completed")
    assert shop.job(job) == found
    assert shop.lines("runs") == ["run"]
    _stop(first)
    _stop(second)
    shop.is_quiet()


# -- a storm --------------------------------------------------------------------------


@pytest.mark.slow
def test_in_a_storm_of_kills_every_job_runs_exactly_once(shop: Shop) -> None:
    draw = random.Random(os.environ.get("QUEUECTL_TEST_SEED", "storm"))
    shop.enqueue_all([{"command": f"echo {number} >> runs; sleep {draw.random() / 2:.3f}"} for number in range(30)])
    crew = [shop.start_worker("-c", "3") for _ in range(3)]
    until = time.monotonic() + 5
    while time.monotonic() < until:
        next_at = time.monotonic() + 0.4
        eventually(lambda next_at=next_at: time.monotonic() >= next_at, "the next kill is due")  # type: ignore[misc]
        unlucky = draw.randrange(len(crew))
        crew[unlucky].kill()
        crew[unlucky] = shop.start_worker("-c", "3")
    shop.all_become("completed")
    assert sorted(map(int, shop.lines("runs"))) == list(range(30))
    assert {job.attempts for job in shop.jobs()} == {1}
    for worker in crew:
        _stop(worker)
    shop.is_quiet()
    assert not shop.store.workers()
    assert not list(shop.store.directory.glob("runs/*"))
