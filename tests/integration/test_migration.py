"""A store of an earlier schema becomes one of today's, with everything that was in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from queuectl.model import JobState
from queuectl.repository import examine_store
from queuectl.repository.base import Filter, WorkerIdentity
from queuectl.repository.sqlite import SqliteRepository, schema

if TYPE_CHECKING:
    from pathlib import Path

WORKER = WorkerIdentity("w", "host", "boot", "ns", 1, 1, 1, (), "p")

_JOBS = """
    INSERT INTO jobs (id, command, state, queue, priority, attempts, max_retries, created_at, updated_at, next_run_at,
        started_at, finished_at, duration_seconds, exit_code, error, reason, worker, runs)
    VALUES ('done', 'true', 'pending', 'default', 0, 0, 3, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0),
        ('dead', 'false', 'pending', 'mail', 0, 0, 1, 2, 2, 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0),
        ('waits', 'true', 'pending', 'default', 5, 0, 3, 3, 3, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0)
"""


def _make_first(path: Path) -> None:
    """Make a store with schema 1 in which one job was completed, one died, and one waits."""
    script = (resources.files("queuectl.repository.sqlite") / "sql/0001.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        for statement in schema.statements(script):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
        db.execute(_JOBS)
        db.execute("INSERT INTO counts SELECT place, queue, count(*) FROM jobs GROUP BY 1, 2")
        for seq, ends in ((1, ["completed"]), (2, ["failed", "dead"])):
            db.execute(
                "UPDATE jobs SET state = 'processing', attempts = 1, runs = 1, updated_at = 30 WHERE seq = ?", (seq,)
            )
            for end in ends:
                error = "exit code 1" if seq == 2 else None
                values = (end, seq - 1, error, seq)
                db.execute("UPDATE jobs SET state = ?, updated_at = 20, exit_code = ?, error = ? WHERE seq = ?", values)


@pytest.fixture
def migrated(tmp_path: Path) -> SqliteRepository:
    _make_first(tmp_path / "queue.db")
    return SqliteRepository(tmp_path / "queue.db")


def test_jobs_and_their_history_are_kept(migrated: SqliteRepository) -> None:
    with closing(migrated):
        jobs = {job.id: job for job in migrated.list().jobs}
        assert {name: job.state for name, job in jobs.items()} == {
            "done": JobState.COMPLETED,
            "dead": JobState.DEAD,
            "waits": JobState.PENDING,
        }
        assert [step.state for step in migrated.history(jobs["dead"])] == ["pending", "processing", "failed", "dead"]
        assert jobs["dead"].signature == "exit code 1"
        assert migrated.counts(now=30).states[JobState.DEAD] == 1


def test_migrated_stores_and_new_ones_have_the_same_schema(migrated: SqliteRepository, tmp_path: Path) -> None:
    with closing(migrated), closing(SqliteRepository(tmp_path / "new.db")):
        pass
    schemas = []
    for name in ("queue.db", "new.db"):
        with closing(sqlite3.connect(tmp_path / name)) as db:
            schemas.append(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall())
    assert schemas[0] == schemas[1]


@pytest.mark.parametrize("is_there", [True, False], ids=["is there", "comes"])
def test_whom_a_worker_of_the_earlier_schema_buries_a_worker_of_today_signs(
    migrated: SqliteRepository, *, is_there: bool
) -> None:
    with closing(migrated) as repository:
        stays = repository.join(WORKER, now=30, ticks=1.0) if is_there else 0
        with closing(sqlite3.connect(repository.path, isolation_level=None)) as db:
            # Its statements, as far as they matter here.
            db.execute(
                "UPDATE jobs SET state = 'processing', attempts = 1, runs = 1, updated_at = 40 WHERE id = 'waits'"
            )
            db.execute("UPDATE jobs SET state = 'failed', updated_at = 50, error = 'exit code 7' WHERE id = 'waits'")
            db.execute("UPDATE jobs SET state = 'dead', finished_at = 50, reason = 'exit code 7' WHERE id = 'waits'")
        miscounts = examine_store(repository.path, now=60, thorough=True).miscounts
        assert not [one for one in miscounts if "dead of" in one]
        if stays:
            repository.renew(stays, now=60, ticks=2.0, lease_seconds=60.0)
        else:
            repository.join(WORKER, now=60, ticks=1.0)
        assert repository.get("waits").signature == "exit code 7"
        groups = repository.dead_groups(Filter(states=(JobState.DEAD,))).groups
        assert [(one.signature, one.jobs) for one in groups] == [("exit code 1", 1), ("exit code 7", 1)]
        miscounts = examine_store(repository.path, now=60, thorough=True).miscounts
        assert not [one for one in miscounts if "dead of" in one]
        repository.retry(Filter(ids=("waits",)), now=60)
        assert repository.get("waits").signature is None


def test_migrated_stores_go_on_counting(migrated: SqliteRepository) -> None:
    with closing(migrated) as repository:
        assert repository.retry(Filter(ids=("dead",)), now=40) == ["dead"]
        dead = repository.get("dead")
        assert dead.signature is None
        assert repository.history(dead)[-1].state is JobState.PENDING
        with sqlite3.connect(repository.path) as db:
            assert db.execute("SELECT * FROM dead_by_signature").fetchall() == []
        db.close()
