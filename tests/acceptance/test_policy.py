"""The retry policy of single jobs, and what a command may say about its next attempt, with real commands."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from queuectl.worker.logs import log_path
from tests.acceptance.conftest import beside_the_store, eventually, lives

if TYPE_CHECKING:
    from pathlib import Path

    from queuectl.model import Job
    from tests.acceptance.conftest import Shop

SAY = 'echo {} > "$QUEUECTL_RETRY_AFTER"; exit {}'


def _wait_of(job: Job) -> float:
    """Return the seconds between the end of a job's last attempt and its next one."""
    assert job.next_run_at is not None
    return (job.next_run_at - job.updated_at) / 1000


def _wish(shop: Shop, job: str, run: int = 1) -> Path:
    return log_path(shop.store.directory, shop.job(job).seq, run).with_suffix(".retry")


# -- which endings mean what ----------------------------------------------------------


def test_a_code_of_success_completes_the_job_without_an_error(shop: Shop) -> None:
    job = shop.enqueue("exit 3", success_codes=[0, 3])
    shop.work("--once")
    found = shop.job(job)
    assert (found.state, found.exit_code, found.error) == ("completed", 3, None)
    assert shop.reasons(job)[-1] == "completed"


@beside_the_store
def test_exit_code_0_fails_where_another_code_means_success(shop: Shop) -> None:
    job = shop.enqueue("true", success_codes=3, max_retries=1)
    shop.work("--once")
    found = shop.job(job)
    assert (found.state, found.exit_code, found.error) == ("dead", 0, "exit code 0")


@beside_the_store
def test_a_job_gives_up_at_once_where_it_says_so(shop: Shop) -> None:
    job = shop.enqueue("exit 64", give_up_on=[64, 65], max_retries=9)
    shop.work("--once")
    found = shop.job(job)
    assert (found.state, found.attempts, found.error) == ("dead", 1, "exit code 64")
    assert shop.reasons(job)[-1] == "dead: exit code 64; not tried again: give_up_on names 64"


@beside_the_store
@pytest.mark.parametrize(
    ("command", "state"), [("exit 75", "pending"), ("kill -KILL $$", "pending"), ("exit 1", "dead")]
)
def test_only_what_retry_on_names_is_tried_again(shop: Shop, command: str, state: str) -> None:
    job = shop.enqueue(command, retry_on=[75, "SIGKILL"])
    shop.work("--once")
    assert shop.job(job).state == state


@beside_the_store
def test_a_signal_is_known_behind_a_shell_too(shop: Shop) -> None:
    job = shop.enqueue("sh -c 'kill -KILL $$'; exit $?", retry_on=["SIGKILL"])
    shop.work("--once")
    found = shop.job(job)
    assert (found.state, found.exit_code) == ("pending", 137)


@beside_the_store
def test_a_timeout_may_be_what_a_job_gives_up_on(shop: Shop) -> None:
    job = shop.enqueue("exec sleep 60", timeout="200ms", give_up_on="timeout")
    shop.work("--once")
    assert shop.reasons(job)[-1] == "dead: timed out after 0.2s; not tried again: give_up_on names timeout"


@pytest.mark.parametrize(("give_up_on", "state"), [([], "pending"), (["lost"], "dead")], ids=str)
def test_a_lost_attempt_is_tried_again_unless_the_job_gives_up_on_it(
    shop: Shop, give_up_on: list[str], state: str
) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo $$ > pid; {gate.wait}", retry_on=[75], give_up_on=give_up_on, backoff_base=1000)
    worker = shop.start_worker()
    pid, shim = shop.number("pid"), worker.shim()
    for process in (worker.pid, shim):
        os.kill(process, signal.SIGSTOP)  # neither may see the other die
    os.kill(shim, signal.SIGKILL)
    worker.kill()
    os.killpg(pid, signal.SIGKILL)
    eventually(lambda: not lives(pid), "the command is dead")
    shop.work("--once")
    found = shop.job(job)
    assert (found.state, found.attempts) == (state, 1)
    assert str(found.error).startswith("lost")


def test_a_job_brings_its_own_longest_wait(shop: Shop) -> None:
    job = shop.enqueue("exit 1", backoff_base=1000, backoff_max="5s")
    shop.work("--once")
    assert _wait_of(shop.job(job)) == 5.0


def test_no_retry_starts_after_the_time_of_the_job(shop: Shop) -> None:
    job = shop.enqueue("exit 1", backoff_base=1000, retry_for="10m")
    shop.work("--once")
    found = shop.job(job)
    assert (found.state, found.attempts) == ("dead", 1)
    end = "exit code 1; not tried again: a retry in 16m 40s would start after retry_for 10m 00s"
    assert shop.reasons(job)[-1] == f"dead: {end}"


# -- what the command says --------------------------------------------------------------------------


@beside_the_store
@pytest.mark.parametrize(("said", "seconds"), [("600", 600.0), ("1h30m", 5400.0), ("0.5", 0.5)])
def test_the_next_attempt_comes_after_what_the_command_said(shop: Shop, said: str, seconds: float) -> None:
    shop.configure("backoff-max", "2s")
    job = shop.enqueue(SAY.format(said, 75))
    shop.work("--once")
    found = shop.job(job)
    assert (found.state, found.attempts, found.error) == ("pending", 1, "exit code 75")
    assert _wait_of(found) == seconds
    assert "it asked to wait" in shop.reasons(job)[-1]
    assert not _wish(shop, job).exists()


@beside_the_store
def test_the_path_is_the_same_for_the_shell_and_for_us(shop: Shop) -> None:
    job = shop.enqueue('echo "$QUEUECTL_RETRY_AFTER"; test ! -e "$QUEUECTL_RETRY_AFTER"')
    shop.work("--once")
    assert shop.log(job).decode() == f"{_wish(shop, job)}\n"
    assert shop.job(job).state == "completed"


@beside_the_store
def test_what_the_command_said_counts_with_exit_code_75_only(shop: Shop) -> None:
    job = shop.enqueue(SAY.format(600, 1))
    shop.work("--once")
    assert _wait_of(shop.job(job)) == 3.0
    assert not _wish(shop, job).exists()


@beside_the_store
@pytest.mark.parametrize(
    "command",
    [
        "true",
        'echo soon > "$QUEUECTL_RETRY_AFTER"',
        'echo -5 > "$QUEUECTL_RETRY_AFTER"',
        'echo nan > "$QUEUECTL_RETRY_AFTER"',
        'echo 1e3 > "$QUEUECTL_RETRY_AFTER"',
        ': > "$QUEUECTL_RETRY_AFTER"',
        'printf "\\377" > "$QUEUECTL_RETRY_AFTER"',
        'echo 99999999999 > "$QUEUECTL_RETRY_AFTER"',
        'printf "%0200d" 600 > "$QUEUECTL_RETRY_AFTER"',
        'head -c 50000000 /dev/zero > "$QUEUECTL_RETRY_AFTER"',
        'echo 600 > there; ln -s "$PWD/there" "$QUEUECTL_RETRY_AFTER"',
        'mkfifo "$QUEUECTL_RETRY_AFTER"',
        'mkdir "$QUEUECTL_RETRY_AFTER"',
        'ln -s /dev/zero "$QUEUECTL_RETRY_AFTER"',
    ],
)
def test_what_makes_no_sense_is_passed_over(shop: Shop, command: str) -> None:
    job = shop.enqueue(f"{command}; exit 75")
    shop.work("--once")
    assert _wait_of(shop.job(job)) == 3.0


def test_what_the_command_said_is_one_attempt_like_any_other(shop: Shop) -> None:
    job = shop.enqueue(SAY.format(0, 75), max_retries=3)
    shop.work("--drain")
    found = shop.job(job)
    assert (found.state, found.attempts, found.error) == ("dead", 3, "exit code 75")
    assert [_wish(shop, job, run).exists() for run in (1, 2, 3)] == [False] * 3


@beside_the_store
def test_what_the_command_said_may_be_too_late(shop: Shop) -> None:
    job = shop.enqueue(SAY.format(601, 75), retry_for="10m")
    shop.work("--once")
    assert shop.job(job).state == "dead"
    assert "would start after retry_for 10m" in shop.reasons(job)[-1]


def test_what_an_adopted_command_says_counts_too(shop: Shop) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo $$ > pid; {gate.wait}; {SAY.format(600, 75)}")
    first = shop.start_worker()
    shop.number("pid")
    first.kill()
    second = shop.start_worker()
    eventually(lambda: second.events("adopted"), "the command is adopted")
    gate.open()
    assert _wait_of(shop.becomes(job, "pending")) == 600.0
    eventually(lambda: not _wish(shop, job).exists(), "the file is gone")


def test_what_a_command_said_while_no_worker_was_there_counts_too(shop: Shop) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo $$ > pid; {gate.wait}; {SAY.format(600, 75)}")
    first = shop.start_worker()
    pid = shop.number("pid")
    first.kill()
    gate.open()
    eventually(lambda: not lives(pid), "the command has ended")
    shop.work("--once")
    assert _wait_of(shop.job(job)) == 600.0
    assert not _wish(shop, job).exists()


def test_what_a_completed_command_has_written_goes_with_its_log(shop: Shop) -> None:
    job = shop.enqueue(SAY.format(600, 0))
    shop.work("--once")
    shelf = _wish(shop, job).parent
    assert [path.name for path in shelf.iterdir()] == ["1-1.retry"]
    shop.queuectl("rm", job)
    assert list(shelf.iterdir()) == []


# -- what a job died of -----------------------------------------------------------------------------


def test_a_dead_job_is_filed_under_the_last_line_that_it_printed(shop: Shop) -> None:
    command = "echo start; echo \"cannot open /data/$QUEUECTL_JOB_ID.csv after 17 ms: '$QUEUECTL_JOB_ID'\" >&2; exit 1"
    jobs = [shop.enqueue(command, id=name, max_retries=1) for name in ("a", "b")]
    shop.work("--drain")
    assert {shop.job(job).signature for job in jobs} == {"cannot open <path> after <n> ms: <text>"}


def test_a_dead_job_that_printed_nothing_is_filed_under_its_reason(shop: Shop) -> None:
    killed = shop.enqueue("kill -KILL $$", max_retries=1)
    nowhere = shop.enqueue("true", cwd="/nowhere/at/all", max_retries=1)
    given_up = shop.enqueue("exit 9", give_up_on=9)
    shop.work("--drain")
    assert shop.job(killed).signature == "killed by SIGKILL"
    assert shop.job(nowhere).signature == "cannot enter the job's directory: No such file or directory"
    assert shop.job(given_up).signature == "exit code <n>"


def test_a_job_that_did_not_die_has_no_signature(shop: Shop) -> None:
    jobs = [shop.enqueue("echo x; exit 1"), shop.enqueue("echo x")]
    for _ in jobs:
        shop.work("--once")
    assert [shop.job(job).signature for job in jobs] == [None, None]


def test_a_log_that_cannot_be_read_keeps_no_job_from_being_buried(shop: Shop) -> None:
    shop.queuectl("init")
    log = shop.store.directory / "logs" / "000000" / "1-1.log"
    job = shop.enqueue(f"rm -f {log}; mkfifo {log}; exit 1", max_retries=1)
    shop.work("--once")
    assert shop.job(job).signature == "exit code <n>"
