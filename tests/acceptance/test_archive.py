"""Copies of a store at work: made beside workers, brought back, and worked on."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from queuectl.model import JobState
from queuectl.repository import open_repository
from tests.acceptance.conftest import DEADLINE, PROGRAM, Shop, eventually
from tests.archives import assert_sound, exported
from tests.engines import SqliteOutside

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.engines("sqlite")


def test_a_backup_beside_three_workers_is_sound_whenever_it_is_made(shop: Shop) -> None:
    specs: list[dict[str, object]] = [
        {
            "command": f"exit {number % 3}",
            "max_retries": 1 + number % 2,
            "backoff_base": 0.01,
            "tags": [f"t{number % 5}"],
        }
        for number in range(400)
    ]
    shop.enqueue_all(specs)
    workers = [shop.start_worker("-c", "2") for _ in range(3)]
    copies: list[Path] = []

    def ended() -> bool:
        states = shop.store.counts(now=0).states
        return not states[JobState.PENDING] and not states[JobState.PROCESSING]

    while not ended() or len(copies) < 3:
        copies.append(shop.home / f"copy-{len(copies)}.db")
        shop.queuectl("backup", str(copies[-1]))
    shop.queuectl("backup", str(shop.home / "last.db"))
    for worker in workers:
        worker.signal(signal.SIGTERM)
        assert worker.ends() == 0
        assert not worker.events("lease_lost")
    for copy in copies:
        assert_sound(SqliteOutside(copy))
        with closing(sqlite3.connect(copy)) as db:
            assert db.execute("SELECT count(*) FROM jobs").fetchone() == (400,)
    with closing(open_repository(str(shop.home / "last.db"))) as last:
        assert exported(last) == exported(shop.store)


def test_a_job_that_was_running_is_lost_where_it_is_imported_and_retried_by_its_policy(shop: Shop) -> None:
    gate = shop.gate()
    shop.configure("backoff-base", "0")
    job = shop.enqueue(f"echo ran >> runs; {gate.wait}", id="a", max_retries=2)
    last = shop.enqueue(f"echo ran >> runs; {gate.wait}", id="b", max_retries=1)
    worker = shop.start_worker("-c", "2")
    eventually(lambda: len(shop.lines("runs")) == 2, "both run")
    shop.queuectl("export", "jobs.jsonl")
    assert "2 jobs were running" in shop.said
    for _ in range(2):
        gate.open()
    shop.all_become("completed")
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0
    other = Shop(shop.home / "elsewhere")
    try:
        assert other.queuectl("import", "../jobs.jsonl").endswith("running\t2\n")
        gate.open()
        other.work("--drain")
        assert other.job(job).state is JobState.COMPLETED
        assert other.job(last).state is JobState.DEAD
        lost = "lost: its worker is gone and so is its run record"
        assert other.reasons(job)[1:4] == ["processing: claimed", f"failed: {lost}", f"pending: {lost}"]
        assert other.reasons(last)[1:] == ["processing: claimed", f"failed: {lost}", f"dead: {lost}"]
        assert_sound(SqliteOutside(other.database))
        assert other.store.workers() == []
    finally:
        other.close()


def test_a_worker_that_waits_is_woken_by_an_import(shop: Shop) -> None:
    shop.enqueue("true", id="a")
    shop.queuectl("export", "jobs.jsonl")
    other = Shop(shop.home / "elsewhere")
    try:
        worker = other.start_worker()
        other.queuectl("import", "../jobs.jsonl")
        assert "no worker" not in other.said
        other.becomes("a", "completed")
        worker.signal(signal.SIGTERM)
        assert worker.ends() == 0
    finally:
        other.close()


def test_an_export_goes_through_a_pipe_into_an_import(shop: Shop) -> None:
    shop.enqueue_all([{"command": "true", "id": f"j{number}"} for number in range(2000)])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", '"$@" export - | "$@" --db new.db import -', "-", *PROGRAM],
        cwd=shop.home, capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "imported\t2000\nskipped\t0\nrunning\t0\n")
    with closing(open_repository(str(shop.home / "new.db"))) as new:
        assert exported(new) == exported(shop.store)
    assert_sound(SqliteOutside(shop.home / "new.db"))


def test_a_reader_who_has_seen_enough_of_an_export_is_no_error(shop: Shop) -> None:
    shop.enqueue_all([{"command": "x" * 1000} for _ in range(2000)])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", '"$@" export - | head -1', "-", *PROGRAM],
        cwd=shop.home, capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip
    assert (done.returncode, len(done.stdout.splitlines()), done.stderr) == (0, 1, "")


def test_a_stop_signal_leaves_no_half_of_a_file(shop: Shop) -> None:
    shop.enqueue_all([{"command": "x" * 500} for _ in range(20_000)])
    process = subprocess.Popen([*PROGRAM, "export", "jobs.jsonl"], cwd=shop.home, stderr=subprocess.PIPE)
    eventually(lambda: list(shop.home.glob(".jobs.jsonl.*")) or process.poll() is not None, "the export has begun")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=DEADLINE)
    names = sorted(path.name for path in shop.home.iterdir() if "jobs" in path.name)
    assert names == ([] if process.returncode else ["jobs.jsonl"])


def test_a_run_takes_nothing_over_from_one_of_its_number_before_a_backup_was_put_back(shop: Shop) -> None:
    once = 'echo old; echo 600 > "$QUEUECTL_RETRY_AFTER"; touch ran'
    job = shop.enqueue(f"[ -e ran ] && exit 75; {once}")
    shop.queuectl("backup", "backup.db")
    shop.work("--once")
    assert (shop.job(job).runs, shop.job(job).exit_code, shop.log(job)) == (1, 0, b"old\n")
    shop.forget()
    for end in ("-wal", "-shm"):
        shop.database.with_name(f"queue.db{end}").unlink(missing_ok=True)
    (shop.home / "backup.db").rename(shop.database)
    assert (shop.job(job).runs, shop.job(job).state) == (0, "pending")
    assert shop.queuectl("logs", job) == ""
    shop.work("--once")
    found = shop.job(job)
    assert (found.runs, found.attempts, found.exit_code, shop.log(job)) == (1, 1, 75, b"")
    assert found.next_run_at == found.updated_at + 3000
    assert [run["exit_code"] for run in shop.json("show", job)["runs"]] == [75]
