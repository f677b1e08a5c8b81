"""A repository that fails at any step of its work has done all of it or nothing."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from queuectl.changes import parse_changes
from queuectl.errors import StoreError
from queuectl.model import Bury, Complete, Execution, JobSpec, JobState, Outcome, Retry
from queuectl.repository.base import EVERY, Filter, Settlement, WorkerIdentity
from queuectl.repository.sqlite import SqliteRepository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from queuectl.model import Verdict
    from queuectl.repository.base import Lease

NOW = 1_800_000_000_000
WORKER = WorkerIdentity("w", "h", "b", "n", 1, 1, 4, (), "p")
FAILED = Execution(Outcome.EXITED, 1, "exit code 1", NOW, NOW, 0.1)


def account(repository: SqliteRepository) -> tuple[int, list[tuple[str, int, int]]]:
    """Return what is noted and where every job stands, held against its history and the counters."""
    jobs = list(repository.list().jobs)
    counts = repository.counts(now=NOW)
    assert {state: sum(job.state is state for job in jobs) for state in counts.states} == counts.states
    assert [repository.history(job)[-1].state for job in jobs] == [job.state for job in jobs]
    seqs = {job.seq for job in jobs}
    assert {note.seq for note in repository.leftovers(limit=99)} == set(range(1, 9)) - seqs
    assert counts.pruned == len(set(range(1, 9)) - seqs)
    assert {job for (job,) in repository._db.execute("SELECT job FROM history")} <= seqs
    assert {job for (job,) in repository._db.execute("SELECT seq FROM tags")} == {job.seq for job in jobs if job.tags}
    noted = len(repository.actions())
    return noted, [(job.state.value, job.attempts, len(repository.history(job))) for job in jobs]


def prepared(path: Path) -> tuple[SqliteRepository, int, list[Lease]]:
    """Return a store with jobs that wait and jobs that run, the worker that runs them, and its leases."""
    repository = SqliteRepository(path)
    repository.enqueue([JobSpec("true", tags=("t",)) for _ in range(8)], now=NOW)
    repository.cancel(Filter(ids=tuple(job.id for job in list(repository.list(limit=2).jobs))), now=NOW, grace=0)
    worker = repository.join(WORKER, now=NOW, ticks=0.0)
    return repository, worker, repository.turn([], worker=worker, slots=3, now=NOW, lease_seconds=60).leases


def each_step(tmp_path: Path, act: Callable[[SqliteRepository, int, list[Lease]], object]) -> int:
    """Let the act fail at its first step, its second, and so on until it succeeds; return how often.

    A step is a handful of instructions of SQLite's virtual machine. It fails once, so that what
    follows, the rollback, does its work. After a failure nothing has changed; or, if it failed
    between the end of the commit and the return from it, everything has.
    """
    repository, worker, leases = prepared(tmp_path / "whole.db")
    with closing(repository):
        act(repository, worker, leases)
        whole = account(repository)
    failures = 0
    repository, worker, leases = prepared(tmp_path / "queue.db")
    with closing(repository):
        before = account(repository)
        while account(repository) == before:
            left = [failures]

            def interrupt(left: list[int] = left) -> int:
                left[0] -= 1
                return left[0] == -1

            repository._db.set_progress_handler(interrupt, 5)
            try:
                act(repository, worker, leases)
            except StoreError:
                failures += 1
            finally:
                repository._db.set_progress_handler(None, 0)
        assert account(repository) == whole
    return failures


def enqueue(repository: SqliteRepository, _worker: int, _leases: list[Lease]) -> object:
    return repository.enqueue([JobSpec("true", tags=("a", "b")), JobSpec("true", run_at=NOW + 1)], now=NOW)


def turn(repository: SqliteRepository, worker: int, leases: list[Lease]) -> object:
    verdicts: list[Verdict] = [Complete(), Retry(NOW + 5, "exit code 1"), Bury("exit code 1")]
    done = FAILED._replace(exit_code=0, error=None)
    settlements = [
        Settlement(lease.job.seq, lease.token, done if verdict == Complete() else FAILED, verdict)
        for lease, verdict in zip(leases, verdicts, strict=True)
    ]
    return repository.turn(settlements, worker=worker, slots=2, now=NOW, lease_seconds=60)


def cancel(repository: SqliteRepository, _worker: int, _leases: list[Lease]) -> object:
    return repository.cancel(EVERY, now=NOW, grace=5)


def prune(repository: SqliteRepository, _worker: int, _leases: list[Lease]) -> object:
    return repository.prune(EVERY, limit=5)


def remove(repository: SqliteRepository, _worker: int, _leases: list[Lease]) -> object:
    ended = repository.list(Filter(states=(JobState.CANCELLED,))).jobs
    return repository.remove(Filter(ids=tuple(job.id for job in ended)))


def pause(repository: SqliteRepository, _worker: int, _leases: list[Lease]) -> object:
    return repository.pause(["a", "b"], now=NOW, by="me@here")


def edit(repository: SqliteRepository, _worker: int, _leases: list[Lease]) -> object:
    waiting = repository.list(Filter(states=(JobState.PENDING,))).jobs
    changes = parse_changes(["tags=u,t", "queue=other", "delay=1h", "retry_for=1h"], now=NOW)
    return repository.edit([job.id for job in waiting], changes, now=NOW, by="me@here")


def retry(repository: SqliteRepository, _worker: int, _leases: list[Lease]) -> object:
    changes = parse_changes(["tags=u,t", "queue=other"], now=NOW)
    which = Filter(states=(JobState.CANCELLED,))
    return repository.retry(which, now=NOW, by="me@here", spacing=5, changes=changes)


@pytest.mark.parametrize("act", [enqueue, turn, cancel, prune, remove, edit, retry, pause])
def test_a_failure_at_any_step_changes_nothing(
    tmp_path: Path, act: Callable[[SqliteRepository, int, list[Lease]], object]
) -> None:
    assert each_step(tmp_path, act) > 10
