"""`wait` and `enqueue --wait` for real: beside workers, followed in a pipe, interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import DEADLINE, PROGRAM

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop

#: Once it says this, it waits.
HINT = "Hint: no worker is running"


class Waiter:
    """A command that waits, in the background."""

    def __init__(self, shop: Shop, *args: str) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, *args], cwd=shop.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._said = ""

    def line(self) -> str:
        """Return its next line, once it has written one."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def waits(self) -> None:
        """Wait until it waits: to be used where no worker is running."""
        assert self.process.stderr is not None
        while HINT not in self._said:
            line = self.process.stderr.readline()
            assert line, self._said
            self._said += line

    def ends(self) -> tuple[int, str, str]:
        """Return its exit code, and what else it has written, once it has ended."""
        out, err = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, out, self._said + err


# -- wait ---------------------------------------------------------------------------------------


def test_it_waits_without_a_worker_until_one_comes_and_all_have_ended(shop: Shop) -> None:
    good, bad = shop.enqueue("true"), shop.enqueue("exit 7", max_retries=1)
    waiter = Waiter(shop, "wait", good, bad)
    waiter.waits()
    shop.work("--drain")
    code, out, err = waiter.ends()
    assert (code, sorted(out.splitlines())) == (5, sorted([f"{good}\tcompleted\t0\t", f"{bad}\tdead\t7\texit code 7"]))
    assert "Traceback" not in err


def test_each_end_is_told_when_it_comes(shop: Shop) -> None:
    gate = shop.gate()
    first, second = shop.enqueue("true"), shop.enqueue(gate.wait)
    shop.start_worker("-c", "2")
    waiter = Waiter(shop, "wait", second, first)
    assert waiter.line() == f"{first}\tcompleted\t0\t\n"
    gate.open()
    assert waiter.ends() == (0, f"{second}\tcompleted\t0\t\n", "")


def test_a_job_that_is_retried_is_waited_for_until_it_is_final(shop: Shop) -> None:
    job = shop.enqueue("test $QUEUECTL_ATTEMPT = 3", max_retries=3, backoff_base=0)
    waiter = Waiter(shop, "wait", job, "--exit-code")
    waiter.waits()
    shop.work("--drain")
    assert waiter.ends()[:2] == (0, f"{job}\tcompleted\t0\t\n")
    assert shop.job(job).attempts == 3


def test_its_own_exit_code_is_passed_through(shop: Shop) -> None:
    killed = shop.enqueue("kill -KILL $$", max_retries=1)
    slow = shop.enqueue("trap 'exit 0' TERM; while :; do sleep 0.01; done", max_retries=1, timeout=0.1)
    shop.work("--drain")
    shop.queuectl("wait", killed, "--exit-code", code=137)
    assert shop.queuectl("wait", slow, "--exit-code", code=5).startswith(f"{slow}\tdead\t0\ttimed out")


def test_any_does_not_wait_for_the_others(shop: Shop) -> None:
    gate = shop.gate()
    slow, quick = shop.enqueue(gate.wait), shop.enqueue("exit 3", max_retries=1)
    shop.start_worker("-c", "2")
    assert shop.queuectl("wait", "--any", "--exit-code", slow, quick, code=3) == f"{quick}\tdead\t3\texit code 3\n"
    assert shop.job(slow).state == "processing"
    gate.open()


def test_a_wait_that_ran_out_of_time_can_be_gone_on_with(shop: Shop) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo $$ > pid; {gate.wait}")
    shop.start_worker()
    shop.number("pid")
    document = json.loads(shop.queuectl("wait", job, "--timeout", "50ms", "--json", code=124))
    assert ([found["state"] for found in document["jobs"]], document["timed_out"]) == (["processing"], True)
    gate.open()
    shop.queuectl("wait", job, "--timeout", "1h")


def test_ctrl_c_ends_the_waiting_and_touches_no_job(shop: Shop) -> None:
    job = shop.enqueue("true")
    for number in (signal.SIGINT, signal.SIGTERM):
        waiter = Waiter(shop, "wait", job)
        waiter.waits()
        waiter.process.send_signal(number)
        code, out, err = waiter.ends()
        assert (code, out) == (128 + number, "")
        assert "Traceback" not in err
    assert shop.job(job).state == "pending"


def test_a_job_that_is_removed_meanwhile_is_named(shop: Shop) -> None:
    shop.queuectl("status")
    gate = shop.gate()
    job = shop.enqueue("true", id="victim")
    # Stopped, it sees neither the end nor the removal before both have happened.
    waiter = Waiter(shop, "wait", job)
    waiter.waits()
    waiter.process.send_signal(signal.SIGSTOP)
    shop.queuectl("cancel", job)
    shop.queuectl("rm", job)
    shop.enqueue(gate.wait, id="victim")  # another job under the same name
    waiter.process.send_signal(signal.SIGCONT)
    code, out, err = waiter.ends()
    assert (code, out) == (3, "")
    assert "Error: job 'victim' was removed while it was waited for\n" in err


# -- enqueue --wait -----------------------------------------------------------------------------


def test_the_output_comes_while_the_job_runs_and_nothing_else_is_on_stdout(shop: Shop) -> None:
    gate = shop.gate()
    shop.queuectl("status")
    shop.start_worker()
    waiter = Waiter(shop, "enqueue", "--wait", "--id", "a", f"echo one; {gate.wait}; echo two >&2")
    assert waiter.line() == "one\n"
    assert shop.job("a").state == "processing"
    gate.open()
    assert waiter.ends() == (0, "two\n", "Enqueued job 'a'.\n")


def test_bytes_come_out_as_they_went_in(shop: Shop) -> None:
    shop.queuectl("status")
    shop.start_worker()
    command = [*PROGRAM, "-q", "enqueue", "--wait", r"printf '\000\377\033[31m\r\n'; printf end"]
    done = subprocess.run(command, cwd=shop.home, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"\x00\xff\x1b[31m\r\nend", b"")


def test_a_failure_is_five_or_its_own_exit_code(shop: Shop) -> None:
    shop.queuectl("status")
    shop.start_worker()
    fail = ("enqueue", "--wait", "--max-retries", "1")
    assert shop.queuectl(*fail, "--id", "a", "echo no; exit 9", code=5) == "no\n"
    assert shop.said == "Enqueued job 'a'.\nJob 'a' is dead: exit code 9.\n"
    shop.queuectl(*fail, "--exit-code", "exit 9", code=9)


def test_the_output_of_each_attempt_comes_in_its_turn(shop: Shop) -> None:
    shop.queuectl("status")
    shop.start_worker()
    options = ("--max-retries", "3", "--backoff-base", "0", "--id", "a")
    out = shop.queuectl("enqueue", "--wait", *options, "echo try $QUEUECTL_ATTEMPT; test $QUEUECTL_ATTEMPT = 3")
    assert out == "try 1\ntry 2\ntry 3\n"


def test_a_failed_attempt_is_told_before_the_next_one(shop: Shop) -> None:
    gate = shop.gate()
    waiter = Waiter(shop, "enqueue", "--wait", "--backoff-base", "1", f"echo one; {gate.wait}; exit $QUEUECTL_ATTEMPT")
    waiter.waits()
    shop.start_worker()
    for _ in range(3):
        assert waiter.line() == "one\n"
        gate.open()
    code, out, err = waiter.ends()
    assert (code, out) == (5, "")
    assert "Attempt 1 failed: exit code 1; the next one starts in " in err
    assert "Attempt 2 failed: exit code 2; the next one starts in " in err
    assert " is dead: exit code 3.\n" in err


def test_a_job_that_was_there_before_is_followed_from_now_on(shop: Shop) -> None:
    shop.enqueue("echo old; exit 2", id="a", max_retries=1)
    shop.work("--drain")
    assert shop.queuectl("enqueue", "--wait", "--id", "a", "--if-exists", "skip", "echo new", code=5) == "old\n"
    shop.start_worker()
    assert shop.queuectl("enqueue", "--wait", "--id", "a", "--if-exists", "replace", "echo new") == "new\n"


def test_when_the_time_runs_out_the_job_stays(shop: Shop) -> None:
    shop.queuectl("enqueue", "--wait", "--timeout-wait", "50ms", "--id", "a", "true", code=124)
    assert "Error: job 'a' has not ended within 50ms\nHint: go on waiting with: queuectl wait a\n" in shop.said
    assert shop.job("a").state == "pending"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_leaves_the_job_in_the_queue_and_says_so(shop: Shop, number: int, code: int) -> None:
    waiter = Waiter(shop, "enqueue", "--wait", "--id", "my job", "true")
    waiter.waits()
    waiter.process.send_signal(number)
    ended, out, err = waiter.ends()
    assert (ended, out) == (code, "")
    assert err.rstrip().splitlines()[1:] == [
        "Enqueued job 'my job'.",
        "Hint: no worker is running; start one with: queuectl worker start",
        "Stopped waiting: job 'my job' stays in the queue.",
        "Hint: go on waiting with: queuectl wait 'my job'",
    ]
    assert shop.job("my job").state == "pending"


def test_several_jobs_are_waited_for_without_their_output(shop: Shop) -> None:
    shop.queuectl("status")
    shop.start_worker("-c", "2")
    out = shop.queuectl(
        "enqueue", "--wait", "--max-retries", "1", "--lines", "-", text="# two\necho a\n\necho b; exit 1\n", code=5
    )
    assert sorted(line.split("\t")[1:] for line in out.splitlines()) == [
        ["completed", "0", ""],
        ["dead", "1", "exit code 1"],
    ]


def test_json_is_one_document_at_the_end(shop: Shop) -> None:
    shop.queuectl("status")
    shop.start_worker()
    document = json.loads(shop.queuectl("enqueue", "--wait", "--json", "--max-retries", "1", "echo x; exit 3", code=5))
    (job,) = document["jobs"]
    assert (job["how"], job["state"], job["exit_code"], document["timed_out"]) == ("created", "dead", 3, False)


def test_a_reader_who_leaves_does_not_change_the_outcome(shop: Shop) -> None:
    shop.queuectl("status")
    gate = shop.gate()
    shop.start_worker()
    waiter = Waiter(shop, "enqueue", "--wait", "--max-retries", "1", f"echo one; {gate.wait}; echo two; exit 1")
    assert waiter.line() == "one\n"
    assert waiter.process.stdout is not None
    waiter.process.stdout.close()
    gate.open()
    assert waiter.process.wait(DEADLINE) == 5
    assert waiter.process.stderr is not None
    waiter.process.stderr.close()
