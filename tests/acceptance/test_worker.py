"""The worker as a process: what jobs get, in which order they run, how they and it are stopped."""

from __future__ import annotations

import os
import resource
import shlex
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import PROGRAM, beside_the_store, eventually, lives

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop, Worker


# -- what a job gets ------------------------------------------------------------------


def test_a_job_runs_where_it_was_enqueued_with_the_environment_of_its_worker_and_its_own(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM_WORKER", "one")
    names = "FROM_WORKER OWN QUEUECTL_JOB_ID QUEUECTL_ATTEMPT QUEUECTL_QUEUE QUEUECTL_DB QUEUECTL_WORKER"
    job = shop.enqueue(
        f"pwd; for name in {names}; do eval echo $name=\\$$name; done", id="a", queue="mail", env={"OWN": "two  2"}
    )
    shop.work("--once", "--name", "worker-1")
    assert shop.log(job).decode().split("\n") == [
        str(shop.home),
        "FROM_WORKER=one",
        "OWN=two 2",
        "QUEUECTL_JOB_ID=a",
        "QUEUECTL_ATTEMPT=1",
        "QUEUECTL_QUEUE=mail",
        f"QUEUECTL_DB={shop.store.location}",
        "QUEUECTL_WORKER=worker-1",
        "",
    ]


@beside_the_store
def test_the_environment_of_a_job_comes_before_that_of_its_worker(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "of the worker")
    job = shop.enqueue('echo "$LANGUAGE"', env={"LANGUAGE": "of the job"})
    shop.work("--once")
    assert shop.log(job) == b"of the job\n"


@beside_the_store
def test_a_job_runs_in_the_directory_that_it_asks_for(shop: Shop) -> None:
    directory = shop.home / "with a space and an é"
    directory.mkdir()
    job = shop.enqueue("pwd", cwd=str(directory))
    shop.work("--once")
    assert shop.log(job) == f"{directory}\n".encode()


@beside_the_store
def test_a_job_reads_nothing_from_its_standard_input(shop: Shop) -> None:
    job = shop.enqueue("readlink /proc/self/fd/0; cat; echo end")
    shop.work("--once")
    assert shop.log(job) == b"/dev/null\nend\n"


@beside_the_store
def test_a_job_leads_a_session_and_a_process_group_of_its_own(shop: Shop) -> None:
    job = shop.enqueue("echo $$; cut -d' ' -f5,6 /proc/$$/stat")
    shop.work("--once")
    pid, both = shop.log(job).decode().split("\n")[:2]
    assert both == f"{pid} {pid}"


@beside_the_store
def test_a_job_inherits_no_descriptor_and_no_ignored_or_blocked_signal(shop: Shop) -> None:
    # The shell reads this itself: it blocks all signals while it starts another program.
    signals = (
        "while read -r name mask; do case $name in SigBlk:|SigIgn:) echo $name $mask;; esac; done < /proc/$$/status"
    )
    job = shop.enqueue(f"ls /proc/$$/fd; {signals}")
    shop.work("--once")
    *descriptors, _, blocked, _, ignored = shop.log(job).split()
    assert descriptors == [b"0", b"1", b"2"]
    assert int(blocked, 16) == 0
    # glibc's posix_spawn ignores two signals that nobody but glibc itself can use: 32 and 33.
    assert int(ignored, 16) & ~(0b11 << 31) == 0


def test_output_is_kept_byte_by_byte(shop: Shop) -> None:
    job = shop.enqueue(r"printf '\000\377\200\033[31m[/foo]:fire:\r\n'; echo wrong >&2; printf 'no newline'")
    shop.work("--once")
    assert shop.log(job) == b"\x00\xff\x80\x1b[31m[/foo]:fire:\r\nwrong\nno newline"


def test_a_job_without_output_leaves_no_log(shop: Shop) -> None:
    shop.enqueue("true")
    shop.work("--once")
    assert not list(shop.store.directory.glob("logs/*/*"))


def test_a_long_output_keeps_its_beginning_and_its_end(shop: Shop) -> None:
    shop.configure("log-max-bytes", "64KiB")
    job = shop.enqueue("echo first; head -c 3000000 /dev/zero | tr '\\0' x; echo last")
    shop.work("--once")
    log = shop.log(job)
    assert log.startswith(b"first\nxx")
    assert log.endswith(b"xxlast\n")
    assert b"bytes left out" in log
    assert len(log) < 66_000


# -- how an attempt ends --------------------------------------------------------------


@beside_the_store
@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        ("exit 0", 0, None),
        ("exit 7", 7, "exit code 7"),
        ("exit 255", 255, "exit code 255"),
        ("no-such-command-anywhere", 127, "exit code 127"),
        ("/etc/passwd", 126, "exit code 126"),
        ("kill -KILL $$", 137, "killed by SIGKILL"),
        ("kill -TERM $$", 143, "killed by SIGTERM"),
        ("kill -INT $$", 130, "killed by SIGINT"),
        ("sh -c 'kill -KILL $$'; exit $?", 137, "exit code 137 (SIGKILL)"),
        ("read line", 1, "exit code 1"),
        ("((", 2, "exit code 2"),
    ],
)
def test_the_exit_code_is_what_a_shell_reports(shop: Shop, command: str, code: int, error: str | None) -> None:
    job = shop.enqueue(command, max_retries=1)
    shop.work("--once")
    found = shop.job(job)
    assert (found.state, found.exit_code, found.error) == ("dead" if code else "completed", code, error)
    assert found.duration_seconds is not None
    assert found.started_at is not None
    assert found.finished_at is not None
    assert found.started_at <= found.finished_at


@pytest.mark.parametrize("length", [100_000, 200_000, 1_000_000])
def test_a_command_of_any_length_is_run_or_fails_with_the_reason(shop: Shop, length: int) -> None:
    job = shop.enqueue(f": {'x' * length}; echo ran", max_retries=1)
    after = shop.enqueue("echo next")
    shop.work("--drain")
    found = shop.job(job)
    if length < 128 * 1024 - 100:  # the kernel's MAX_ARG_STRLEN
        assert (found.state, shop.log(job)) == ("completed", b"ran\n")
    else:
        assert (found.state, found.error) == ("dead", "cannot start: Argument list too long")
    assert shop.job(after).state == "completed"


@beside_the_store
def test_a_job_whose_directory_is_missing_fails_with_the_reason(shop: Shop) -> None:
    job = shop.enqueue("true", cwd=str(shop.home / "missing"), max_retries=1)
    after = shop.enqueue("pwd")
    shop.work("--drain")
    assert shop.job(job).state == "dead"
    assert shop.job(job).error == "cannot enter the job's directory: No such file or directory"
    assert shop.log(after) == f"{shop.home}\n".encode()


@beside_the_store
def test_a_timeout_ends_the_whole_tree(shop: Shop) -> None:
    job = shop.enqueue(
        "sleep 300 & echo $! > child; (sleep 300 & echo $! > grandchild; wait) & wait", timeout=0.5, max_retries=1
    )
    shop.work("--once")
    found = shop.job(job)
    assert (found.state, found.error, found.exit_code) == ("dead", "timed out after 0.5s", 143)
    shop.is_quiet()
    assert not lives(shop.number("child"))
    assert not lives(shop.number("grandchild"))


@beside_the_store
def test_a_command_that_ends_well_when_it_is_told_of_its_timeout_has_failed_all_the_same(shop: Shop) -> None:
    job = shop.enqueue("trap 'echo told; exit 0' TERM; sleep 300 & wait", timeout=0.5, max_retries=1)
    shop.work("--once")
    assert shop.log(job) == b"told\n"
    assert (shop.job(job).state, shop.job(job).exit_code) == ("dead", 0)


@beside_the_store
def test_a_command_that_ignores_term_is_killed_after_its_timeout(shop: Shop) -> None:
    job = shop.enqueue("trap '' TERM; sleep 300 & echo $! > child; wait; wait", timeout=0.2, max_retries=1)
    shop.work("--once")
    found = shop.job(job)
    assert (found.state, found.error, found.exit_code) == ("dead", "timed out after 0.2s", 137)
    assert found.duration_seconds is not None
    assert 5 < found.duration_seconds < 7  # TERM, five seconds, KILL
    assert not lives(shop.number("child"))


@beside_the_store
def test_what_a_shell_leaves_running_is_ended_with_it(shop: Shop) -> None:
    job = shop.enqueue("sleep 300 & echo $! > child; echo done")
    shop.work("--once")
    assert (shop.job(job).state, shop.log(job)) == ("completed", b"done\n")
    assert not lives(shop.number("child"))
    shop.is_quiet()


@beside_the_store
def test_a_process_that_fled_from_the_group_keeps_nobody_waiting(shop: Shop) -> None:
    job = shop.enqueue("setsid sleep 300 & echo $! > child; until [ -s child ]; do :; done; echo done")
    shop.work("--once")
    fled = shop.number("child")
    assert shop.job(job).state == "completed"
    if lives(fled):
        os.kill(fled, signal.SIGKILL)
    shop.is_quiet()


def test_a_command_that_kills_its_parent_harms_no_other_job(shop: Shop) -> None:
    gate = shop.gate()
    other = shop.enqueue(gate.wait)
    bad = shop.enqueue("kill -KILL $PPID; exit 4", max_retries=1)
    worker = shop.start_worker("--drain", "-c", "2")
    found = shop.becomes(bad, "dead")
    # If it is quicker than the shim's note of its pid, nobody can tell whose exit code this is.
    assert found.exit_code == 4 or (found.error or "").startswith("lost: ")
    assert found.attempts == 1
    after = shop.enqueue("echo after")
    shop.becomes(after, "completed")
    gate.open()
    assert worker.ends() == 0
    assert (shop.job(other).state, shop.job(other).attempts) == ("completed", 1)
    shop.is_quiet()


# -- which job comes next -------------------------------------------------------------


def test_jobs_start_by_priority_and_then_in_the_order_of_enqueueing(shop: Shop) -> None:
    specs: list[dict[str, object]] = [
        {"command": f"echo {name} >> order", "priority": priority}
        for name, priority in [("c", 0), ("a", 5), ("e", -1), ("b", 5), ("d", 0)]
    ]
    shop.enqueue_all(specs)
    shop.work("--drain")
    assert shop.lines("order") == ["a", "b", "c", "d", "e"]


def test_a_worker_of_some_queues_leaves_the_others_alone(shop: Shop) -> None:
    jobs = [shop.enqueue("true", queue=queue) for queue in ("mail", "video", "other")]
    shop.work("--drain", "-Q", "mail", "-Q", "other")
    assert [shop.job(job).state.value for job in jobs] == ["completed", "pending", "completed"]


def test_once_runs_one_job_whatever_becomes_of_it(shop: Shop) -> None:
    first, second = shop.enqueue("exit 1"), shop.enqueue("true")
    shop.work("--once", "-c", "4")
    assert (shop.job(first).state, shop.job(first).attempts) == ("pending", 1)
    assert (shop.job(second).state, shop.job(second).attempts) == ("pending", 0)


def test_once_waits_for_nothing(shop: Shop) -> None:
    job = shop.enqueue("true", delay="1h")
    output = shop.work("--once")
    assert "started job" not in output
    assert shop.job(job).attempts == 0


def test_drain_waits_for_retries_but_not_for_jobs_of_later(shop: Shop) -> None:
    again = shop.enqueue("echo run >> runs; [ $(wc -l < runs) -ge 3 ]", backoff_base=0.3)
    later = shop.enqueue("true", delay="1h")
    shop.work("--drain")
    assert (shop.job(again).state, shop.job(again).attempts) == ("completed", 3)
    assert (shop.job(later).state, shop.job(later).attempts) == ("pending", 0)


def test_drain_runs_what_jobs_enqueue(shop: Shop) -> None:
    shop.enqueue(shlex.join([*PROGRAM, "enqueue", "echo child >> out"]))
    shop.work("--drain")
    assert shop.lines("out") == ["child"]


def test_max_jobs_counts_runs(shop: Shop) -> None:
    shop.enqueue_all([{"command": "echo run >> runs"} for _ in range(5)])
    shop.work("--max-jobs", "3", "-c", "2")
    assert len(shop.lines("runs")) == 3


def test_a_job_that_waits_for_its_retry_holds_up_no_other(shop: Shop) -> None:
    first = shop.enqueue("exit 1", backoff_base=3600)
    second = shop.enqueue("true")
    worker = shop.start_worker()
    shop.becomes(second, "completed")
    assert (shop.job(first).state, shop.job(first).attempts) == ("pending", 1)
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0


def test_slots_are_filled_but_never_overfilled(shop: Shop) -> None:
    gate = shop.gate()
    jobs = shop.enqueue_all([{"command": f"echo in >> in; {gate.wait}"} for _ in range(5)])
    shop.start_worker("-c", "3")
    eventually(lambda: len(shop.lines("in")) == 3, "three jobs run")
    assert sorted(shop.job(job).state.value for job in jobs) == ["pending"] * 2 + ["processing"] * 3
    for number in (4, 5):
        gate.open()
        eventually(lambda number=number: len(shop.lines("in")) == number, "the next job starts")  # type: ignore[misc]
    for _ in range(3):
        gate.open()
    shop.all_become("completed")


def test_enqueue_wakes_an_idle_worker(shop: Shop) -> None:
    worker = shop.start_worker()
    for _ in range(5):
        job = shop.enqueue("true")
        # Far less than the five seconds between two looks of a worker that nobody wakes.
        shop.becomes(job, "completed", deadline=1.5)
    assert len(worker.events("completed")) == 5


def test_a_delayed_job_starts_when_its_time_has_come(shop: Shop) -> None:
    shop.start_worker()
    job = shop.enqueue("true", delay=1)
    found = shop.becomes(job, "completed", deadline=4)
    assert found.started_at is not None
    assert 1000 <= found.started_at - found.created_at < 1500


def test_a_retry_of_a_person_wakes_an_idle_worker(shop: Shop) -> None:
    job = shop.enqueue("[ -e allowed ]", max_retries=1)
    worker = shop.start_worker()
    shop.becomes(job, "dead")
    (shop.home / "allowed").touch()
    shop.queuectl("dlq", "retry", job)
    shop.becomes(job, "completed", deadline=1.5)
    assert len(worker.events("started")) == 2


# -- how a worker stops ---------------------------------------------------------------


def _working(shop: Shop, command: str, *args: str) -> tuple[str, Worker]:
    """Return a job that has started (it writes its pid) and its worker."""
    job = shop.enqueue(f"echo $$ > pid; {command}")
    worker = shop.start_worker(*args)
    shop.number("pid")
    return job, worker


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_lets_the_running_job_finish_and_claims_nothing_new(shop: Shop, number: int) -> None:
    gate = shop.gate()
    job, worker = _working(shop, gate.wait)
    waiting = shop.enqueue("true")
    worker.signal(number)
    worker.said("worker_stopping")
    gate.open()
    assert worker.ends() == 0
    assert (shop.job(job).state, shop.job(job).attempts) == ("completed", 1)
    assert (shop.job(waiting).state, shop.job(waiting).attempts) == ("pending", 0)
    assert not shop.store.workers()
    shop.is_quiet()


def test_an_idle_worker_stops_at_once(shop: Shop) -> None:
    shop.queuectl("status")
    worker = shop.start_worker()
    worker.signal(signal.SIGINT)
    assert worker.ends() == 0
    assert not shop.store.workers()
    assert not list(shop.store.directory.glob("workers/*"))
    assert not list(shop.store.directory.glob("runs/*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_stops_the_running_job_and_gives_its_attempt_back(shop: Shop, number: int) -> None:
    job, worker = _working(shop, "trap 'echo told >> told; exit 5' TERM; sleep 300 & wait")
    worker.signal(number)
    worker.said("worker_stopping")
    worker.signal(number)
    assert worker.ends() == 128 + number
    assert shop.lines("told") == ["told"]
    found = shop.job(job)
    assert (found.state, found.attempts) == ("pending", 0)
    assert not shop.store.workers()
    shop.is_quiet()


def test_a_job_that_ends_well_when_it_is_stopped_is_completed(shop: Shop) -> None:
    job, worker = _working(shop, "trap 'exit 0' TERM; sleep 300 & wait")
    worker.signal(signal.SIGTERM)
    worker.said("worker_stopping")
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 143
    assert shop.job(job).state == "completed"


def test_the_third_signal_waits_for_nothing(shop: Shop) -> None:
    job, worker = _working(shop, "trap '' TERM; sleep 300 & wait; wait; wait")
    for stopping in (1, 2, 3):
        worker.signal(signal.SIGINT)
        eventually(
            lambda stopping=stopping: len(worker.events("worker_stopping")) >= stopping,  # type: ignore[misc]
            "the worker hears the signal",
        )
    assert worker.process.wait(4) == 130  # less than the five seconds between TERM and KILL
    assert (shop.job(job).state, shop.job(job).attempts) == ("pending", 0)
    shop.is_quiet()


def test_a_hundred_signals_leave_nothing_behind(shop: Shop) -> None:
    job, worker = _working(shop, "trap '' TERM; sleep 300 & wait; wait; wait")
    for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGINT] * 25:
        if worker.process.poll() is None:
            worker.signal(number)
    assert worker.ends() in {129, 130, 143}
    assert "Traceback" not in worker.output
    assert (shop.job(job).state, shop.job(job).attempts) == ("pending", 0)
    shop.is_quiet()


def test_when_the_grace_is_over_running_jobs_are_stopped(shop: Shop) -> None:
    job, worker = _working(shop, "sleep 300", "--grace", "300ms")
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0
    assert (shop.job(job).state, shop.job(job).attempts) == ("pending", 0)
    shop.is_quiet()


@beside_the_store
def test_a_signal_to_the_process_group_of_a_worker_does_not_reach_its_jobs(shop: Shop) -> None:
    gate = shop.gate()
    job, worker = _working(shop, gate.wait)
    os.killpg(worker.pid, signal.SIGINT)  # as a terminal does on Ctrl-C
    worker.said("worker_stopping")
    gate.open()
    assert worker.ends() == 0
    assert (shop.job(job).state, shop.job(job).exit_code) == ("completed", 0)


# -- what may go wrong around a worker ------------------------------------------------


@pytest.mark.engines("sqlite")
def test_a_worker_stops_when_its_store_is_deleted(shop: Shop) -> None:
    gate = shop.gate()
    _, worker = _working(shop, gate.wait + "; echo finished > finished")
    shop.database.unlink()
    assert worker.ends() == 6
    assert "was deleted or replaced" in worker.output
    assert "Traceback" not in worker.output
    gate.open()
    eventually(lambda: shop.lines("finished"), "the command goes on")
    shop.is_quiet()


@pytest.mark.engines("sqlite")
def test_a_result_is_kept_while_the_store_is_locked_and_written_afterwards(shop: Shop) -> None:
    gate = shop.gate()
    job, worker = _working(shop, f"{gate.wait}; exit 7")
    with closing(sqlite3.connect(shop.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        gate.open()
        worker.said("results are kept")
        assert shop.job(job).state == "processing"
        other.execute("ROLLBACK")
    eventually(lambda: worker.events("retrying"), "the result is written")
    found = shop.job(job)
    assert (found.state, found.exit_code, found.attempts) == ("pending", 7, 1)
    assert found.started_at is not None
    assert found.duration_seconds is not None
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0


@pytest.mark.engines("sqlite")
def test_a_worker_that_is_told_to_stop_waits_for_the_lock_with_its_result(shop: Shop) -> None:
    gate = shop.gate()
    job, worker = _working(shop, gate.wait)
    with closing(sqlite3.connect(shop.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        worker.signal(signal.SIGTERM)
        gate.open()
        worker.said("results are kept")
        assert worker.process.poll() is None
        other.execute("ROLLBACK")
    assert worker.ends() == 0
    assert shop.job(job).state == "completed"


def test_a_worker_that_is_out_of_descriptors_gives_attempts_back_until_it_has_some(shop: Shop) -> None:
    first = shop.enqueue("true")
    worker = shop.start_worker()
    shop.becomes(first, "completed")
    shim = worker.shim()
    before = resource.prlimit(shim, resource.RLIMIT_NOFILE, (3, resource.prlimit(shim, resource.RLIMIT_NOFILE)[1]))
    job = shop.enqueue("echo ran")
    eventually(lambda: len(worker.events("returned")) >= 2, "the attempt is given back")
    returned = worker.events("returned")
    assert "Too many open files" in returned[0]["error"]
    resource.prlimit(shim, resource.RLIMIT_NOFILE, before)
    found = shop.becomes(job, "completed")
    assert found.attempts == 1
    assert len(worker.events("returned")) < 20  # no busy loop


@beside_the_store
def test_the_time_of_a_command_begins_when_the_command_does(shop: Shop) -> None:
    jobs = [shop.enqueue("sleep 1000", timeout=0.4, max_retries=1) for _ in range(4)]
    shop.work("--drain", "-c", "4")
    for job in jobs:
        assert (shop.job(job).duration_seconds or 0.0) >= 0.4


# -- claims made ahead while commands are short ---------------------------------------


def _hurried(shop: Shop, then: str) -> list[str]:
    """Enqueue so many short jobs that the worker claims ahead, one that says `then`, and a few more."""
    specs: list[dict[str, object]] = [{"command": "true"} for _ in range(40)]
    specs.append({"id": "long", "command": then})
    specs += [{"id": f"after-{number}", "command": "echo ran >> after"} for number in range(3)]
    return shop.enqueue_all(specs)


def test_jobs_claimed_ahead_are_given_back_when_the_one_before_takes_long(shop: Shop) -> None:
    gate = shop.gate()
    _hurried(shop, f"echo $$ > pid; {gate.wait}")
    first = shop.start_worker()
    shop.number("pid")
    second = shop.start_worker()  # has them at once, though the first one holds its only slot for long
    for number in range(3):
        assert shop.becomes(f"after-{number}", "completed").attempts == 1
    assert shop.lines("after") == ["ran"] * 3
    assert shop.job("long").state == "processing"
    gate.open()
    for worker in (first, second):
        worker.signal(signal.SIGTERM)
        assert worker.ends() == 0


def test_never_more_run_at_a_time_than_there_are_slots_adopted_ones_included(shop: Shop) -> None:
    gate = shop.gate()
    shop.enqueue(f"echo $$ > pid; {gate.wait}")
    first = shop.start_worker()
    shop.number("pid")
    first.kill()
    counted = "mkdir run-$$; ls -d run-* | wc -l >> levels; rmdir run-$$"
    jobs = shop.enqueue_all([{"command": counted} for _ in range(200)])
    second = shop.start_worker("-c", "3")
    for job in jobs:
        shop.becomes(job, "completed")
    assert second.events("adopted")
    assert max(map(int, shop.lines("levels"))) == 2  # the third slot is the adopted one's
    gate.open()


def test_jobs_claimed_ahead_and_cancelled_do_not_run(shop: Shop) -> None:
    gate = shop.gate()
    _hurried(shop, f"echo $$ > pid; {gate.wait}")
    shop.start_worker()
    shop.number("pid")
    shop.queuectl("cancel", *(f"after-{number}" for number in range(3)))
    gate.open()
    for number in range(3):
        assert shop.becomes(f"after-{number}", "cancelled").attempts == 0
    assert not shop.lines("after")


def test_jobs_claimed_ahead_by_a_worker_that_is_killed_run_once(shop: Shop) -> None:
    gate = shop.gate()
    _hurried(shop, f"echo $$ > pid; {gate.wait}")
    worker = shop.start_worker()
    shop.number("pid")
    worker.kill()
    gate.open()
    shop.work("--drain")
    assert shop.lines("after") == ["ran"] * 3
    assert {job.attempts for job in shop.jobs()} == {1}


def test_a_result_that_is_not_written_yet_keeps_its_line_in_the_run_record(shop: Shop) -> None:
    shop.enqueue_all([{"command": f"echo {number} >> runs"} for number in range(400)])
    for _ in range(6):  # at a moment when some have ended, some run, and some are held
        worker = shop.start_worker("-c", "2")
        before = len(shop.lines("runs"))
        eventually(lambda before=before: len(shop.lines("runs")) >= min(400, before + 40), "some jobs run")  # type: ignore[misc]
        worker.kill()
    shop.work("--drain", "-c", "4")
    assert sorted(map(int, shop.lines("runs"))) == list(range(400))
    assert {job.state.value for job in shop.jobs()} == {"completed"}


def test_a_stop_gives_back_what_was_claimed_ahead(shop: Shop) -> None:
    shop.enqueue_all([{"command": f"echo {number} >> runs"} for number in range(400)])
    worker = shop.start_worker("-c", "2")
    eventually(lambda: len(shop.lines("runs")) >= 60, "some jobs run")
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0
    states = {job.state.value for job in shop.jobs()}
    assert "processing" not in states
    assert sum(job.state.value == "completed" for job in shop.jobs()) == len(shop.lines("runs"))
    assert {job.attempts for job in shop.jobs() if job.state.value == "pending"} <= {0}


def test_a_sign_of_life_in_the_middle_of_a_drain_takes_nothing_for_unknown(shop: Shop) -> None:
    shop.configure("lease", "2s")  # a sign of life every 0.7 s
    shop.enqueue_all([{"command": f"echo {number} >> runs"} for number in range(6000)])
    worker = shop.start_worker("-c", "4", "--drain")
    assert worker.process.wait(100) == 0
    assert not worker.events("adopted")
    assert not worker.events("lease_lost")
    assert not worker.events("warning")
    assert len(shop.lines("runs")) == 6000
