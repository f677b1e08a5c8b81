"""The specification that started it all, command by command, with `queuectl` for `python queuectl.py`."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import eventually

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop

TASK1 = '{"id":"task1","command":"python3 -c \\"print(42)\\"","max_retries":3}'


def _waits(shop: Shop, job: str) -> list[float]:
    """Return the seconds that the job has to wait from the end of its last attempt on."""
    found = shop.job(job)
    assert found.next_run_at is not None
    failed = [step.at for step in shop.store.history(found) if step.state == "failed"]
    return [(found.next_run_at - at) / 1000 for at in failed[-1:]]


# -- setup ----------------------------------------------------------------------------


@pytest.mark.engines("sqlite")
def test_the_first_command_creates_the_database_in_the_local_directory(shop: Shop) -> None:
    assert not shop.database.exists()
    shop.queuectl("status")
    assert shop.database.exists()
    assert "queue.db" in shop.said
    shop.queuectl("status")
    assert not shop.said


# -- the command line -----------------------------------------------------------------


def test_a_job_is_enqueued_from_a_file(shop: Shop) -> None:
    (shop.home / "job.json").write_text(TASK1, encoding="utf-8")
    assert shop.queuectl("enqueue", "--file", "job.json") == "task1\n"
    assert shop.job("task1").command == 'python3 -c "print(42)"'


def test_a_job_is_enqueued_from_a_string(shop: Shop) -> None:
    assert shop.queuectl("enqueue", TASK1) == "task1\n"
    found = shop.job("task1")
    assert (found.state, found.attempts, found.max_retries) == ("pending", 0, 3)
    shop.work("--once")
    assert shop.log("task1") == b"42\n"


def test_jobs_are_listed_all_and_by_state(shop: Shop) -> None:
    shop.enqueue("true", id="good")
    shop.enqueue("false", id="bad", max_retries=1)
    shop.work("--drain")
    shop.enqueue("true", id="new")
    expected = {"pending": ["new"], "completed": ["good"], "dead": ["bad"]}
    assert [job["id"] for job in shop.json("list")] == ["good", "bad", "new"]
    for state, ids in expected.items():
        assert [job["id"] for job in shop.json("list", "--state", state)] == ids
        assert [line.split("\t")[0] for line in shop.queuectl("list", "--state", state).splitlines()] == ids


def test_a_worker_runs_until_ctrl_c_and_stops_gracefully(shop: Shop) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo $$ > pid; {gate.wait}")
    worker = shop.start_worker()
    shop.number("pid")
    worker.signal(signal.SIGINT)
    worker.said("worker_stopping")
    gate.open()
    assert worker.ends() == 0
    assert shop.job(job).state == "completed"


def test_a_worker_in_single_job_mode_runs_one_job_and_exits(shop: Shop) -> None:
    jobs = [shop.enqueue("true") for _ in range(3)]
    shop.work("--once")
    assert [shop.job(job).state.value for job in jobs] == ["completed", "pending", "pending"]
    shop.work("--once")
    shop.work("--once")
    assert {shop.job(job).state.value for job in jobs} == {"completed"}
    shop.work("--once")  # nothing is left, and that is no error


def test_status_groups_the_jobs_by_their_state(shop: Shop) -> None:
    shop.enqueue("true")
    shop.enqueue("false", max_retries=1)
    shop.work("--drain")
    shop.enqueue("true")
    assert shop.json("status")["jobs"] == {
        "pending": 1,
        "processing": 0,
        "completed": 1,
        "failed": 0,
        "dead": 1,
        "cancelled": 0,
    }
    rows = [line.split("\t") for line in shop.queuectl("status").splitlines()]
    assert {"pending", "processing", "completed", "failed", "dead"} <= {row[0] for row in rows}


# -- the example scenarios ------------------------------------------------------------


def test_the_success_case(shop: Shop) -> None:
    shop.queuectl("enqueue", '{"id":"ok_job","command":"echo Hello World"}')
    shop.work("--once")
    [job] = shop.json("list", "--state", "completed")
    assert (job["id"], job["exit_code"], job["attempts"]) == ("ok_job", 0, 1)
    assert shop.reasons("ok_job")[-2:] == ["processing: claimed", "completed"]
    assert shop.log("ok_job") == b"Hello World\n"


def test_the_retry_and_dead_letter_case(shop: Shop) -> None:
    shop.queuectl("enqueue", '{"id":"fail_job","command":"cmd /c exit 1"}')
    worker = shop.start_worker()
    eventually(lambda: worker.events("retrying"), "the first attempt fails")
    assert _waits(shop, "fail_job") == [3.0]
    assert shop.json("status")["pending"]["retrying"] == 1
    eventually(lambda: len(worker.events("retrying")) == 2, "the second attempt fails")
    assert _waits(shop, "fail_job") == [9.0]
    shop.becomes("fail_job", "dead")
    worker.signal(signal.SIGINT)
    assert worker.ends() == 0

    starts = [step.at for step in shop.store.history(shop.job("fail_job")) if step.state == "processing"]
    ends = [step.at for step in shop.store.history(shop.job("fail_job")) if step.state == "failed"]
    waits = [(start - end) / 1000 for start, end in zip(starts[1:], ends, strict=False)]
    assert len(waits) == 2
    assert 3 <= waits[0] < 3.5
    assert 9 <= waits[1] < 9.5

    [job] = shop.json("dlq", "list")
    assert (job["id"], job["state"], job["attempts"], job["exit_code"]) == ("fail_job", "dead", 3, 127)
    states = [reason.partition(":")[0] for reason in shop.reasons("fail_job")]
    attempt = ["processing", "failed"]
    assert states == ["pending", *attempt, "pending", *attempt, "pending", *attempt, "dead"]


def test_the_retry_of_a_dead_job(shop: Shop) -> None:
    shop.queuectl("enqueue", '{"id":"fail_job","command":"[ -e fixed ]","max_retries":1}')
    shop.work("--once")
    assert [job["id"] for job in shop.json("dlq", "list")] == ["fail_job"]
    shop.queuectl("dlq", "retry", "fail_job")
    [job] = shop.json("list", "--state", "pending")
    assert (job["id"], job["attempts"]) == ("fail_job", 0)
    assert shop.json("dlq", "list") == []
    (shop.home / "fixed").touch()
    shop.work("--once")
    assert [job["id"] for job in shop.json("list", "--state", "completed")] == ["fail_job"]


# -- retry and back-off ---------------------------------------------------------------


def test_the_delay_is_the_base_to_the_power_of_the_attempts(shop: Shop) -> None:
    shop.configure("backoff-base", 0.5)
    job = shop.enqueue("false", max_retries=4)
    worker = shop.start_worker()
    for attempt in (1, 2, 3):
        eventually(
            lambda attempt=attempt: len(worker.events("retrying")) >= attempt,  # type: ignore[misc]
            "the attempt fails",
        )
    shop.becomes(job, "dead")
    history = shop.store.history(shop.job(job))
    starts = [step.at for step in history if step.state == "processing"]
    ends = [step.at for step in history if step.state == "failed"]
    for attempt, (end, start) in enumerate(zip(ends, starts[1:], strict=False), 1):
        assert 0.5**attempt <= (start - end) / 1000 < 0.5**attempt + 0.5


def test_a_job_of_another_worker_is_never_run_a_second_time(shop: Shop) -> None:
    shop.enqueue_all([{"command": f"echo {number} >> runs"} for number in range(40)])
    workers = [shop.start_worker("--drain") for _ in range(4)]
    assert [worker.ends() for worker in workers] == [0] * 4
    assert sorted(map(int, shop.lines("runs"))) == list(range(40))


def test_a_specification_may_come_on_standard_input(shop: Shop) -> None:
    assert shop.queuectl("enqueue", "--file", "-", text=TASK1) == "task1\n"
    assert json.loads(shop.queuectl("list", "--json"))[0]["id"] == "task1"
