"""Pruning for real: beside workers and producers, killed in the middle, and by workers themselves."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from queuectl.model import JobState
from queuectl.worker.logs import log_path
from tests.acceptance.conftest import DEADLINE, PROGRAM, eventually
from tests.acceptance.test_crash import STORE, Crash

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop

#: More than one transaction of a prune removes.
MANY = 300


def _logs(shop: Shop) -> list[str]:
    return sorted(path.name for path in (shop.store.directory / "logs").rglob("*.log"))


def _tables(shop: Shop) -> dict[str, int]:
    """Count what lies in the store, table by table, and see that it is sound."""
    with closing(shop.place.outside()) as outside:
        queries = {
            "jobs": "SELECT count(*) FROM jobs",
            "history": "SELECT count(DISTINCT job) FROM history",
            "tags": "SELECT count(*) FROM tags",
            "counted": "SELECT sum(jobs) FROM counts",
            "pruned": "SELECT coalesce(sum(jobs), 0) FROM pruned",
            "leftovers": "SELECT count(*) FROM leftovers",
        }
        return {name: outside.rows(query)[0][0] for name, query in queries.items()}


def _started(shop: Shop, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*PROGRAM, *args], cwd=shop.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_beside_workers_and_producers_every_job_runs_once_and_nobody_is_locked_out(shop: Shop) -> None:
    shop.queuectl("status")
    workers = [shop.start_worker("-c", "4") for _ in range(2)]
    pruned: list[str] = []
    accepted: list[str] = []
    for batch in range(6):
        pruner = _started(shop, "prune", "--yes")
        specs = "\n".join(f'{{"command": "echo {batch}-{number} | tee -a runs"}}' for number in range(50))
        producer = subprocess.Popen(
            [*PROGRAM, "enqueue", "--file", "-"],
            cwd=shop.home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        ids, complaints = producer.communicate(specs, timeout=DEADLINE)
        assert (producer.returncode, complaints) == (0, "")
        accepted += ids.split()
        ids, complaints = pruner.communicate(timeout=DEADLINE)
        assert (pruner.returncode, complaints.replace("No such jobs.\n", "")) == (0, "")
        pruned += ids.split()

    def ended() -> bool:
        counts = shop.store.counts(now=0)
        return counts.states[JobState.COMPLETED] + counts.pruned == len(accepted)

    eventually(ended, "every job has ended")
    pruned += shop.queuectl("prune", "--yes").split()
    assert Counter(pruned) == Counter(accepted)
    assert Counter(shop.lines("runs")) == {f"{batch}-{number}": 1 for batch in range(6) for number in range(50)}
    for worker in workers:
        worker.signal(signal.SIGTERM)
        assert worker.ends() == 0
        assert not worker.events("lease_lost")
        assert not worker.events("warning")
    assert _tables(shop) == dict.fromkeys(("jobs", "history", "tags", "counted", "leftovers"), 0) | {"pruned": 300}
    assert _logs(shop) == []


#: For each moment: how many jobs are gone, of how many of them a log is left.
MOMENTS = {
    "before the first batch": (Crash(*STORE, "prune", "before"), 0, 0),
    "after the first batch": (Crash(*STORE, "prune", "after"), 250, 250),
    "before the second batch": (Crash(*STORE, "prune", "before", "kwargs['after']"), 250, 0),
    "after the logs, before the note": (Crash(*STORE, "swept", "before"), 250, 0),
    "after the note": (Crash(*STORE, "swept", "after"), 250, 0),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_prune_that_is_killed_leaves_nothing_half_done(shop: Shop, moment: str) -> None:
    crash, gone, logs = MOMENTS[moment]
    shop.enqueue_all([{"command": "echo output", "tags": ["t", "u"]} for _ in range(MANY)])
    shop.work("--drain", "-c", "4")
    assert len(_logs(shop)) == MANY
    done = subprocess.run([*crash.program(shop), "prune", "-y"], cwd=shop.home, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    left = MANY - gone
    found = _tables(shop)
    notes = found.pop("leftovers")
    assert found == {"jobs": left, "history": left, "tags": 2 * left, "counted": left, "pruned": gone}
    assert len(_logs(shop)) == left + logs
    for job in shop.jobs():
        assert log_path(shop.store.directory, job.seq, 1).exists()
    assert notes >= logs
    shop.queuectl("prune", "-y")
    assert _tables(shop) == dict.fromkeys(("jobs", "history", "tags", "counted", "leftovers"), 0) | {"pruned": MANY}
    assert _logs(shop) == []


def test_what_a_killed_prune_left_the_next_worker_deletes(shop: Shop) -> None:
    shop.enqueue("echo output")
    shop.work("--drain")
    crash = Crash(*STORE, "prune", "after")
    subprocess.run([*crash.program(shop), "prune", "-y"], cwd=shop.home, capture_output=True, check=False)
    assert _logs(shop) == ["1-1.log"]
    shop.start_worker()
    eventually(lambda: not _logs(shop), "the log is gone")
    eventually(lambda: not _tables(shop)["leftovers"], "so is the note")


def test_ctrl_c_in_the_middle_tells_exactly_what_is_gone(shop: Shop) -> None:
    number = 20_000
    lines = "\n".join('{"command": "true"}' for _ in range(number))
    shop.queuectl("enqueue", "--file", "-", text=lines)
    shop.queuectl("cancel", "--all", "--yes")
    with _started(shop, "prune", "-y") as pruner:
        assert pruner.stdout is not None
        assert pruner.stderr is not None
        first = pruner.stdout.readline()
        pruner.send_signal(signal.SIGINT)
        gone = [first.strip(), *pruner.stdout.read().split()]
        said = pruner.stderr.read()
    assert pruner.returncode == 130
    assert 0 < len(gone) < number
    assert said == f"Stopped: {len(gone):,} are gone, with all that belonged to them; the others are untouched.\n"
    left = {job.id for job in shop.jobs()}
    assert left.isdisjoint(gone)
    assert len(left) + len(gone) == number
    assert _tables(shop)["leftovers"] == 0


def test_a_reader_who_has_seen_enough_keeps_no_job_from_going(shop: Shop) -> None:
    shop.queuectl("enqueue", "--file", "-", text='{"command": "true"}\n' * 10_000)
    shop.queuectl("cancel", "--all", "--yes")
    line = f"{' '.join(PROGRAM)} prune --yes | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=shop.home, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (0, 1, "")
    assert shop.jobs() == []


def test_a_live_worker_applies_the_retention(shop: Shop) -> None:
    shop.configure("retention.completed", "0s")
    gate = shop.gate()
    running = shop.enqueue(f"echo output; {gate.wait}")
    dead = shop.enqueue("echo output; exit 1", max_retries=1)
    gone = [shop.enqueue("echo output") for _ in range(3)]
    worker = shop.start_worker("-c", "2")
    eventually(lambda: {job.id for job in shop.jobs()} == {running, dead}, "the completed jobs are gone")
    eventually(lambda: _logs(shop) == ["1-1.log", "2-1.log"], "and their logs with them")
    assert shop.job(dead).state == "dead"
    assert shop.store.counts(now=0).pruned == len(gone)
    gate.open()
    eventually(lambda: [job.id for job in shop.jobs()] == [dead], "so does the last one, once it has ended")
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0
    assert not worker.events("warning")


def test_a_worker_hears_of_a_new_retention_while_it_runs(shop: Shop) -> None:
    shop.configure("lease", "2s")
    job = shop.enqueue("true")
    shop.start_worker()
    shop.becomes(job, "completed")
    shop.configure("retention.completed", "0s")
    eventually(lambda: not shop.jobs(), "the job is gone")


def test_several_workers_with_a_retention_do_not_fight(shop: Shop) -> None:
    shop.configure("retention.completed", "0s")
    workers = [shop.start_worker("-c", "2") for _ in range(3)]
    shop.enqueue_all([{"command": f"echo {number} | tee -a runs"} for number in range(200)])
    eventually(lambda: shop.store.counts(now=0).pruned == 200, "every job has run and is gone")
    assert sorted(map(int, shop.lines("runs"))) == list(range(200))
    for worker in workers:
        worker.signal(signal.SIGTERM)
    for worker in workers:
        assert worker.ends() == 0
        assert not worker.events("warning")
    shop.queuectl("prune", "-y")  # whatever logs the last of them left
    assert _logs(shop) == []
