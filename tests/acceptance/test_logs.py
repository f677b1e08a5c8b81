"""`logs`: what a command printed, byte for byte."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

from queuectl.worker.logs import log_path
from tests.acceptance.conftest import PROGRAM, eventually

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop


def output(shop: Shop, *args: str) -> bytes:
    return subprocess.run([*PROGRAM, "logs", *args], cwd=shop.home, stdout=subprocess.PIPE, check=True).stdout


def test_bytes_come_out_as_they_went_in(shop: Shop) -> None:
    job = shop.enqueue(r"printf '\000\377\033[31m[/foo]:fire:\r\n'; echo err >&2; printf end")
    shop.work("--once")
    assert output(shop, job) == b"\x00\xff\x1b[31m[/foo]:fire:\r\nerr\nend"


def test_the_last_lines_and_each_attempt_can_be_had(shop: Shop) -> None:
    job = shop.enqueue("echo $QUEUECTL_ATTEMPT; seq 1 5; exit 1", max_retries=2, backoff_base=0)
    shop.work("--drain")
    assert output(shop, job) == b"2\n1\n2\n3\n4\n5\n"
    assert output(shop, job, "-n", "2") == b"4\n5\n"
    assert output(shop, job, "-n", "0") == b""
    assert output(shop, job, "--attempt", "1").startswith(b"1\n")
    shop.queuectl("logs", job, "--attempt", "9", code=3)
    shop.queuectl("logs", "nobody", code=3)


def test_a_job_that_printed_nothing_or_never_ran_has_an_empty_log(shop: Shop) -> None:
    silent, waiting = shop.enqueue("true"), shop.enqueue("true")
    shop.work("--once")
    assert output(shop, silent) == b""
    assert output(shop, waiting) == b""


def test_follow_shows_what_comes_until_the_job_has_ended_retries_included(shop: Shop) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo one; {gate.wait}; echo two; exit 1", max_retries=2, backoff_base=0)
    with subprocess.Popen([*PROGRAM, "logs", "-f", job], cwd=shop.home, stdout=subprocess.PIPE) as follower:
        assert follower.stdout is not None
        shop.start_worker()
        assert follower.stdout.readline() == b"one\n"
        gate.open()
        assert follower.stdout.readline() == b"two\n"
        assert follower.stdout.readline() == b"one\n"
        gate.open()
        assert follower.stdout.read() == b"two\n"
    assert follower.returncode == 0


def test_follow_leaves_out_no_run_that_came_and_went_between_two_looks(shop: Shop) -> None:
    gate = shop.gate()
    line = f"echo try $QUEUECTL_ATTEMPT; test $QUEUECTL_ATTEMPT = 1 && {gate.wait}; exit 1"
    job = shop.enqueue(line, max_retries=3, backoff_base=0)
    shop.start_worker()
    with subprocess.Popen([*PROGRAM, "logs", "-f", job], cwd=shop.home, stdout=subprocess.PIPE) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == b"try 1\n"
        follower.send_signal(signal.SIGSTOP)
        gate.open()
        shop.becomes(job, "dead")
        follower.send_signal(signal.SIGCONT)
        assert follower.stdout.read() == b"try 2\ntry 3\n"


def test_output_beyond_the_cap_keeps_head_and_tail_with_a_mark_between(shop: Shop) -> None:
    shop.configure("log-max-bytes", 1000)
    job = shop.enqueue("echo HEAD; head -c 100000 /dev/zero; echo TAIL")
    shop.work("--once")
    log = output(shop, job)
    assert log.startswith(b"HEAD\n")
    assert log.endswith(b"TAIL\n")
    assert b"[... 99010 bytes left out ...]" in log
    assert len(log) < 1100


def test_the_dead_letter_queue_shows_the_last_line_that_a_job_printed(shop: Shop) -> None:
    shop.enqueue("echo first; echo 'disk \033[31m on fire'; echo; exit 3", max_retries=1)
    shop.enqueue("exit 4", max_retries=1)
    shop.work("--drain")
    assert [job["last_line"] for job in shop.json("dlq", "list")] == ["disk \x1b[31m on fire", ""]
    lines = shop.queuectl("dlq", "list").splitlines()
    assert lines[0].split("\t")[-1] == r"disk \x1b[31m on fire"
    assert lines[1].endswith("exit 4\t")


def test_a_command_that_prints_without_end_does_not_fill_the_disk_while_it_runs(shop: Shop) -> None:
    shop.configure("log-max-bytes", 1 << 20)
    gate = shop.gate()
    job = shop.enqueue(f"echo HEAD; head -c 50000000 /dev/zero; echo TAIL; echo $$ > pid; {gate.wait}")
    shop.start_worker()
    shop.number("pid")
    log = log_path(shop.store.directory, shop.job(job).seq, 1)
    eventually(lambda: log.stat().st_blocks * 512 < 4 << 20, "the middle of the log is given back")
    seen = output(shop, job)
    assert seen.startswith(b"HEAD\n")
    assert seen.endswith(b"TAIL\n")
    assert b"bytes left out" in seen
    assert len(seen) < 4 << 20
    gate.open()
    shop.becomes(job, "completed")


def test_show_tells_what_became_of_a_job_and_the_end_of_its_output(shop: Shop) -> None:
    job = shop.enqueue(r"printf 'one\n\033[31m[/foo]\n'; exit 3", max_retries=1)
    shop.work("--drain")
    shown = shop.json("show", job)
    assert [step["state"] for step in shown["history"]] == ["pending", "processing", "failed", "dead"]
    assert shown["output"] == "one\n\x1b[31m[/foo]\n"
    text = shop.queuectl("show", job)
    assert text.endswith("output of the last run:\n  one\n  \\x1b[31m[/foo]\n")
    assert f"next:\tnothing, until somebody says: queuectl dlq retry {job}\n" in text
