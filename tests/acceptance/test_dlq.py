"""The Dead Letter Queue as a workbench, with workers that run what is put back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import DEADLINE, PROGRAM, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.conftest import Shop


def _bury(shop: Shop, command: str, *ids: str, **fields: object) -> None:
    """Let jobs die of what is not there yet."""
    shop.enqueue_all([{"command": command, "id": name, "max_retries": 1} | fields for name in ids])
    shop.work("--drain")
    assert {shop.job(name).state.value for name in ids} == {"dead"}


def _states(shop: Shop) -> dict[str, str]:
    return {job.id: job.state.value for job in shop.jobs()}


@contextmanager
def _begun(shop: Shop, *args: str, stdout: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """Let a command run that waits; whatever happens, it is gone in the end."""
    with subprocess.Popen(
        [*PROGRAM, *args], cwd=shop.home, stdout=stdout, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_rest_follows_canaries_that_succeed(shop: Shop) -> None:
    _bury(shop, "test -e fixed", "a", "b", "c", "d")
    (shop.home / "fixed").touch()
    shop.start_worker()
    assert shop.queuectl("dlq", "retry", "--all", "--yes", "--canary", "2") == "a\nb\nc\nd\n"
    assert shop.said == "Canary 'a' is completed\nCanary 'b' is completed\n"
    shop.all_become("completed")
    ended = {job.id: job.finished_at or 0 for job in shop.jobs()}
    begun = {job.id: job.started_at or 0 for job in shop.jobs()}
    assert max(ended["a"], ended["b"]) <= min(begun["c"], begun["d"])


def test_the_rest_stays_dead_if_one_canary_fails(shop: Shop) -> None:
    _bury(shop, 'test -e "$QUEUECTL_JOB_ID"', "a", "b", "c", "d")
    (shop.home / "a").touch()
    shop.start_worker()
    assert shop.queuectl("dlq", "retry", "--all", "--yes", "--canary", "2", code=5) == "a\nb\n"
    assert shop.said.endswith(
        "Error: 1 of 2 canaries did not succeed; the other 2 are still dead\nHint: queuectl dlq show b says why\n"
    )
    assert _states(shop) == {"a": "completed", "b": "dead", "c": "dead", "d": "dead"}
    assert shop.store.runs(shop.job("c")) == [(1, 1)]


def test_a_script_reads_one_document_whatever_becomes_of_the_canaries(shop: Shop) -> None:
    _bury(shop, "test -e fixed", "a", "b", "c")
    shop.start_worker()
    args = ("dlq", "retry", "c", "b", "a", "--canary", "1", "--json")
    told = json.loads(shop.queuectl(*args, code=5))
    assert told["canary"] == {"passed": False, "jobs": [{"id": "c", "state": "dead", "error": "exit code 1"}]}
    assert ([job["id"] for job in told["jobs"]], told["left"]) == (["c"], 2)
    (shop.home / "fixed").touch()
    told = json.loads(shop.queuectl(*args))
    assert told["canary"] == {"passed": True, "jobs": [{"id": "c", "state": "completed", "error": None}]}
    assert ([job["id"] for job in told["jobs"]], told["left"]) == (["c", "b", "a"], 0)
    shop.all_become("completed")


def test_canaries_run_changed_and_the_rest_at_its_rate(shop: Shop) -> None:
    _bury(shop, "false", "a", "b", "c", "d")
    shop.start_worker()
    options = ("--canary", "1", "--edit", "command=echo $X >> ran", "--edit", "env.X=fine", "--rate", "2/s")
    shop.queuectl("dlq", "retry", "--all", "--yes", *options)
    shop.all_become("completed")
    assert shop.lines("ran") == ["fine"] * 4
    _, first, second, third = ([step.since or 0 for step in shop.store.history(job)][-2] for job in shop.jobs())
    assert (second - first, third - second) == (500, 500)
    begun = [job.started_at or 0 for job in shop.jobs()][1:]
    assert begun == sorted(begun)
    assert begun[2] >= third


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_whoever_stops_it_leaves_the_rest_dead_and_hears_how_it_stands(shop: Shop, number: int, code: int) -> None:
    gate = shop.gate()
    _bury(shop, "false", "a", "b", "c")
    shop.start_worker()
    with _begun(shop, "dlq", "retry", "--all", "-y", "--canary", "1", "--edit", f"command={gate.wait}") as process:
        shop.becomes("a", "processing")
        process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE)
        assert (process.returncode, out) == (code, "a\n")
    assert err == "Stopped: 0 of 1 canaries passed, 1 of them goes on; the other 2 are still dead\n"
    assert _states(shop) == {"a": "processing", "b": "dead", "c": "dead"}
    gate.open()
    shop.becomes("a", "completed")
    assert shop.job("b").state == "dead"


def test_whoever_stops_it_before_it_has_said_what_it_did_hears_how_it_stands(shop: Shop) -> None:
    gate = shop.gate()
    _bury(shop, "false", "a", "b", "c")
    shop.start_worker()
    reader, writer = _full_pipe()
    words = ("dlq", "retry", "--all", "-y", "--canary", "1", "--edit", f"command={gate.wait}")
    with _begun(shop, *words, stdout=writer) as process:
        os.close(writer)
        shop.becomes("a", "processing")  # it is stored, and saying so has to wait for the reader
        process.send_signal(signal.SIGINT)
        with os.fdopen(reader, "rb") as file:
            assert file.read().lstrip(b"x") == b"a\n"
        assert process.communicate(timeout=DEADLINE)[1] == (
            "Stopped: 0 of 1 canaries passed, 1 of them goes on; the other 2 are still dead\n"
        )
    assert process.returncode == 130
    gate.open()
    shop.becomes("a", "completed")


def _full_pipe() -> tuple[int, int]:
    """Return the ends of a pipe that takes nothing until somebody reads."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    return reader, writer


def test_a_canary_that_is_killed_leaves_the_rest_dead(shop: Shop) -> None:
    gate = shop.gate()
    _bury(shop, "false", "a", "b")
    shop.start_worker()
    with _begun(shop, "dlq", "retry", "--all", "-y", "--canary", "1", "--edit", f"command={gate.wait}") as process:
        shop.becomes("a", "processing")
        process.kill()
        process.wait()
    gate.open()
    shop.becomes("a", "completed")
    assert shop.job("b").state == "dead"


def test_whatever_dies_while_a_canary_runs_is_not_put_back_with_the_rest(shop: Shop) -> None:
    gate = shop.gate()
    _bury(shop, "false", "a", "b")
    shop.start_worker("--concurrency", "2")
    with _begun(shop, "dlq", "retry", "--all", "-y", "--canary", "1", "--edit", f"command={gate.wait}") as process:
        shop.becomes("a", "processing")
        shop.enqueue("exit 9", id="late", max_retries=1)
        shop.becomes("late", "dead")
        gate.open()
        shop.becomes("b", "processing")
        assert process.wait(DEADLINE) == 0
    assert shop.job("late").state == "dead"
    gate.open()
    shop.becomes("b", "completed")


def test_a_canary_that_somebody_takes_away_has_not_passed(shop: Shop) -> None:
    _bury(shop, "false", "a", "b")
    shop.start_worker()
    with _begun(shop, "dlq", "retry", "--all", "-y", "--canary", "1", "--edit", "delay=1h") as process:
        eventually(lambda: shop.job("a").state == "pending", "the canary waits")
        shop.queuectl("cancel", "a")
        _, err = process.communicate(timeout=DEADLINE)
        assert process.returncode == 5
    assert "Canary 'a' is cancelled" in err
    assert shop.job("b").state == "dead"


def test_a_canary_in_a_queue_that_nobody_serves_is_refused(shop: Shop) -> None:
    _bury(shop, "false", "a", "b", queue="mail")
    shop.start_worker("--queue", "other")
    shop.queuectl("dlq", "retry", "--all", "-y", "--canary", "1", code=1)
    assert "Error: no worker serves queue 'mail', so its canary would never end\n" in shop.said
    assert "Hint: start one with: queuectl worker start --queue mail\n" in shop.said
    assert set(_states(shop).values()) == {"dead"}
    shop.queuectl("dlq", "retry", "a", "-y", "--canary", "1", "--edit", "queue=other", code=5)
    assert shop.job("a").queue == "other"


def test_a_canary_in_a_queue_that_is_paused_is_refused(shop: Shop) -> None:
    _bury(shop, "false", "a", "b", queue="mail")
    shop.start_worker()
    shop.queuectl("pause", "mail")
    shop.queuectl("dlq", "retry", "--all", "-y", "--canary", "1", code=1)
    assert "Error: queue 'mail' is paused, so its canary would never start\n" in shop.said
    assert "Hint: let it go on with: queuectl resume mail\n" in shop.said
    shop.queuectl("pause", "--all")
    shop.queuectl("dlq", "retry", "--all", "-y", "--canary", "1", code=1)
    assert "Hint: let it go on with: queuectl resume --all\n" in shop.said
    assert set(_states(shop).values()) == {"dead"}
    shop.queuectl("resume", "--all")
    shop.queuectl("dlq", "retry", "--all", "-y", "--canary", "1", "--edit", "command=true")


def test_whoever_waits_hears_of_a_pause_that_came_between(shop: Shop) -> None:
    _bury(shop, "false", "a", "b")
    shop.start_worker()
    edits = ("--edit", "command=true", "--edit", "delay=1h")
    with _begun(shop, "dlq", "retry", "--all", "-y", "--canary", "1", *edits) as process:
        eventually(lambda: shop.job("a").state == "pending", "the canary waits")
        shop.queuectl("pause", "default")
        assert process.stderr is not None
        hint = "Hint: queue 'default' is paused; let it go on with: queuectl resume default\n"
        assert process.stderr.readline() == hint
        shop.queuectl("resume", "default")
        shop.queuectl("edit", "a", "--delay", "0")
        assert process.wait(DEADLINE) == 0
    shop.becomes("b", "pending")


def test_whoever_waits_hears_that_the_last_worker_has_gone(shop: Shop) -> None:
    gate = shop.gate()
    _bury(shop, "false", "a", "b")
    worker = shop.start_worker()
    with _begun(shop, "dlq", "retry", "--all", "-y", "--canary", "1", "--edit", f"command={gate.wait}") as process:
        shop.becomes("a", "processing")
        worker.kill()
        assert process.stderr is not None
        assert process.stderr.readline() == "Hint: no worker is running; start one with: queuectl worker start\n"
        gate.open()
        shop.start_worker()
        gate.open()
        assert process.wait(DEADLINE) == 0
    shop.all_become("completed")


def test_attempts_and_groups_are_those_that_workers_leave(shop: Shop) -> None:
    shop.configure("backoff-base", 0)
    shop.enqueue("echo attempt $QUEUECTL_ATTEMPT; exit 3", id="a", max_retries=3)
    shop.enqueue("exit 3", id="b", max_retries=1)
    shop.work("--drain")
    shown = shop.json("dlq", "show", "a")
    assert [one["last_line"] for one in shown["runs"]] == ["attempt 1", "attempt 2", "attempt 3"]
    assert [(one["attempt"], one["exit_code"], one["error"]) for one in shown["runs"]] == [
        (number, 3, "exit code 3") for number in (1, 2, 3)
    ]
    assert all(0 <= one["duration_seconds"] < DEADLINE for one in shown["runs"])
    groups = shop.json("dlq", "list", "--group")
    assert sum(group["jobs"] for group in groups) == 2
    assert shown["group"] in {group["group"] for group in groups}
    shop.queuectl("dlq", "retry", "a")
    shop.work("--drain")
    again = shop.json("dlq", "show", "a")
    assert (len(again["runs"]), again["retried_before"]) == (3, 1)
