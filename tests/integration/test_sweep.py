"""Deleting the logs of removed jobs: all of theirs, nobody else's, and nothing outside of the data directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from queuectl.model import Complete, Execution, JobSpec, Outcome, Return
from queuectl.repository.base import EVERY, Filter, Settlement, WorkerIdentity
from queuectl.worker.logs import SHELF, log_path
from queuectl.worker.sweep import sweep

if TYPE_CHECKING:
    from queuectl.repository.base import Lease
    from queuectl.repository.protocol import JobRepository

NOW = 1_800_000_000_000
WORKER = WorkerIdentity("w", "h", "b", "n", 1, 1, 4, (), "p")


class Store:
    """A store whose jobs have run, and their logs."""

    def __init__(self, repository: JobRepository) -> None:
        self.repository = repository
        self.worker = self.repository.join(WORKER, now=NOW, ticks=0.0)

    def run(self, jobs: int = 1, *, runs: int = 1, logs: bool = True) -> list[int]:
        """Let jobs run, each so many times, and return their numbers."""
        self.repository.enqueue([JobSpec("true") for _ in range(jobs)], now=NOW)
        leases: list[Lease] = []
        for run in range(1, runs + 1):
            leases = self.repository.turn([], worker=self.worker, slots=jobs, now=NOW, lease_seconds=60).leases
            verdict = Complete() if run == runs else Return()
            ended = Execution(Outcome.EXITED if run == runs else Outcome.RETURNED, 0, None, NOW, NOW, 0.1)
            done = [Settlement(lease.job.seq, lease.token, ended, verdict) for lease in leases]
            self.repository.turn(done, worker=self.worker, slots=0, now=NOW, lease_seconds=60)
            for lease in leases if logs else ():
                self.log(lease.job.seq, run).parent.mkdir(parents=True, exist_ok=True)
                self.log(lease.job.seq, run).write_bytes(b"output\n")
        return [lease.job.seq for lease in leases]

    def log(self, seq: int, run: int = 1) -> Path:
        return log_path(self.repository.directory, seq, run)

    def logs(self) -> list[str]:
        return sorted(path.name for path in (self.repository.directory / "logs").rglob("*.log"))

    def remove(self, *seqs: int) -> None:
        jobs = [job.id for job in self.repository.list().jobs if job.seq in seqs]
        self.repository.remove(Filter(ids=tuple(jobs)))


@pytest.fixture
def store(repository: JobRepository) -> Store:
    return Store(repository)


def test_the_logs_of_all_runs_of_removed_jobs_go_and_no_others(store: Store) -> None:
    gone, kept = store.run(2, runs=3)
    store.remove(gone)
    assert sweep(store.repository, limit=10) == 1
    assert store.logs() == [f"{kept}-{run}.log" for run in (1, 2, 3)]
    assert sweep(store.repository, limit=10) == 0


def test_no_more_than_the_limit_are_done_at_once(store: Store) -> None:
    seqs = store.run(5)
    store.remove(*seqs)
    assert [sweep(store.repository, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert store.logs() == []


def test_a_job_of_very_many_runs_loses_all_its_logs(store: Store) -> None:
    (gone,) = store.run(runs=101)
    for seq in range(gone + 1, gone + 20):  # whose numbers begin with the same digits
        store.log(seq).write_bytes(b"")
    store.remove(gone)
    sweep(store.repository, limit=10)
    assert f"{gone}-101.log" not in store.logs()
    assert len(store.logs()) == 19


def test_jobs_without_logs_and_stores_without_a_data_directory_are_no_trouble(store: Store) -> None:
    store.remove(*store.run(3, logs=False))
    assert not store.repository.directory.exists()
    assert sweep(store.repository, limit=10) == 3
    assert not store.repository.directory.exists()


def test_a_shelf_goes_with_its_last_job_but_not_before_its_last_number_is_given(store: Store) -> None:
    seqs = store.run(SHELF + 1)
    shelf = store.log(seqs[0]).parent
    store.remove(*seqs[1:])
    while sweep(store.repository, limit=500):
        pass
    assert [path.name for path in shelf.iterdir()] == ["1-1.log"]
    store.log(seqs[0]).unlink()
    assert shelf.exists()  # its job is still there, and may run again
    store.remove(seqs[0])
    sweep(store.repository, limit=500)
    assert not shelf.exists()
    assert store.log(seqs[-1]).parent.exists()  # the next jobs will need it


def test_a_shelf_with_something_else_in_it_stays(store: Store) -> None:
    seqs = store.run(SHELF)
    foreign = store.log(seqs[0]).parent / "notes.txt"
    foreign.write_text("mine", encoding="utf-8")
    store.remove(*seqs)
    while sweep(store.repository, limit=500):
        pass
    assert store.logs() == []
    assert foreign.exists()


@pytest.mark.parametrize("where", ["shelf", "logs", "data"])
def test_no_link_leads_it_out_of_the_data_directory(store: Store, tmp_path: Path, where: str) -> None:
    (seq,) = store.run()
    shelf = store.log(seq).parent
    place = {"shelf": shelf, "logs": shelf.parent, "data": shelf.parent.parent}[where]
    outside = tmp_path / "outside"
    place.rename(outside)
    place.symlink_to(outside)
    assert store.log(seq).exists()
    store.remove(seq)
    sweep(store.repository, limit=10)
    assert store.log(seq).exists()


def test_a_link_in_the_place_of_a_log_goes_but_not_what_it_points_to(store: Store, tmp_path: Path) -> None:
    (seq,) = store.run()
    treasure = tmp_path / "treasure"
    store.log(seq).rename(treasure)
    store.log(seq).symlink_to(treasure)
    store.remove(seq)
    sweep(store.repository, limit=10)
    assert not store.log(seq).is_symlink()
    assert treasure.exists()


def test_a_directory_in_the_place_of_a_log_is_let_be(store: Store) -> None:
    (seq,) = store.run()
    store.log(seq).unlink()
    store.log(seq).mkdir()
    store.remove(seq)
    assert sweep(store.repository, limit=10) == 1
    assert store.log(seq).is_dir()


def test_what_it_could_not_finish_is_done_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It dies between two files, or after the files and before the note: nothing is forgotten."""
    store.remove(*store.run(3))
    unlink, calls = os.unlink, []

    def dying(path: str, *, dir_fd: int) -> None:
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        unlink(path, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", dying)
        with pytest.raises(KeyboardInterrupt):
            sweep(store.repository, limit=10)
    assert len(store.logs()) == 2
    with monkeypatch.context() as patch:
        patch.setattr(store.repository, "swept", dying)
        with pytest.raises(TypeError):
            sweep(store.repository, limit=10)
    assert store.logs() == []
    assert sweep(store.repository, limit=10) == 3


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_descriptors_are_given_back(store: Store) -> None:
    found = []
    for _ in range(2):  # the store keeps one from the first time on
        store.remove(*store.run(3))
        sweep(store.repository, limit=10)
        found.append(_descriptors())
    assert found[0] == found[1]


def test_everything_that_is_pruned_is_swept(store: Store) -> None:
    store.run(10)
    store.repository.prune(EVERY, limit=4)
    sweep(store.repository, limit=10)
    assert len(store.logs()) == 6
