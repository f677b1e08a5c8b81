"""What a worker does on the side by the settings `retention.*`, a call at a time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from queuectl import errors
from queuectl.config import Settings
from queuectl.model import Bury, Cancel, Complete, Execution, JobSpec, Outcome, Verdict
from queuectl.repository.base import EVERY, Filter, Settlement, WorkerIdentity
from queuectl.worker import retention
from queuectl.worker.logs import log_path
from queuectl.worker.retention import Retention

if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl.repository.protocol import JobRepository
    from queuectl.repository.pruning import Pruned
    from tests.engines import Place

NOW = 1_800_000_000_000
WORKER = WorkerIdentity("w", "h", "b", "n", 1, 1, 4, (), "p")
DAY = 86_400
WEEK = 7 * DAY


@pytest.fixture
def repository(connect: Callable[[], JobRepository]) -> JobRepository:
    opened = connect()
    opened.join(WORKER._replace(home=opened.home), now=NOW, ticks=0.0)
    return opened


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The wall clock of the worker, in one item; its stopwatch stands still."""
    wall = [NOW]
    monkeypatch.setattr("queuectl.worker.retention.clocks.now", lambda: wall[0])
    monkeypatch.setattr(retention, "time", SimpleNamespace(monotonic=lambda: 0.0))
    return wall


def _end(repository: JobRepository, verdict: Verdict, *ids: str, at: int = NOW) -> None:
    repository.enqueue([JobSpec("true", id=name, priority=9) for name in ids], now=at)
    leases = repository.turn([], worker=1, slots=len(ids), now=at, lease_seconds=60).leases
    ended = Execution(Outcome.EXITED, 0, None, at, at, 0.1)
    done = [Settlement(lease.job.seq, lease.token, ended, verdict) for lease in leases]
    repository.turn(done, worker=1, slots=0, now=at, lease_seconds=60)


def _ids(repository: JobRepository) -> list[str]:
    return [job.id for job in repository.list().jobs]


def test_without_a_setting_everything_is_kept_for_ever(repository: JobRepository, clock: list[int]) -> None:
    _end(repository, Complete(), "a")
    _end(repository, Bury("no"), "b")
    clock[0] += 10_000 * DAY * 1000
    Retention(repository).tend(0.0, Settings())
    assert _ids(repository) == ["a", "b"]


@pytest.mark.parametrize(
    ("settings", "gone"),
    [
        (Settings(retention_completed=WEEK), "completed"),
        (Settings(retention_cancelled=WEEK), "cancelled"),
        (Settings(retention_dead=WEEK), "dead"),
    ],
)
def test_each_state_is_kept_for_its_time(
    repository: JobRepository, clock: list[int], settings: Settings, gone: str
) -> None:
    _end(repository, Complete(), "completed")
    _end(repository, Cancel("no"), "cancelled")
    _end(repository, Bury("no"), "dead")
    repository.enqueue([JobSpec("true", id="pending")], now=NOW)
    kept = _ids(repository)
    clock[0] = NOW + WEEK * 1000
    Retention(repository).tend(0.0, settings)
    assert _ids(repository) == kept
    clock[0] += 1
    Retention(repository).tend(0.0, settings)
    kept.remove(gone)
    assert _ids(repository) == kept


def test_logs_go_with_the_next_call(repository: JobRepository, clock: list[int]) -> None:
    _end(repository, Complete(), "a")
    log = log_path(repository.directory, 1, 1)
    log.parent.mkdir(parents=True)
    log.write_bytes(b"output\n")
    clock[0] += WEEK * 1000 + 1
    tended = Retention(repository)
    tended.tend(0.0, Settings(retention_completed=WEEK))
    assert _ids(repository) == []
    tended.tend(1.0, Settings(retention_completed=WEEK))
    assert not log.exists()


def test_logs_that_a_killed_prune_left_go_though_nothing_is_to_be_pruned(repository: JobRepository) -> None:
    _end(repository, Complete(), "a")
    log = log_path(repository.directory, 1, 1)
    log.parent.mkdir(parents=True)
    log.write_bytes(b"output\n")
    repository.prune(EVERY, limit=1)
    Retention(repository).tend(0.0, Settings())
    assert not log.exists()


@pytest.mark.engines("postgres")
def test_nothing_is_noted_for_a_machine_that_had_gone_before_the_job_came(
    repository: JobRepository, place: Place
) -> None:
    repository.join(WORKER._replace(home="gone"), now=NOW - 2 * DAY * 1000, ticks=0.0)
    repository.join(WORKER._replace(home="silent"), now=NOW - 2 * DAY * 1000, ticks=0.0)
    repository.leave(2)
    _end(repository, Complete(), "a")
    repository.prune(EVERY, limit=1)
    with closing(place.outside()) as outside:
        homes = [home for (home,) in outside.rows("SELECT home FROM leftovers")]
    assert sorted(homes) == sorted([repository.home, "silent"])


def test_a_call_ends_when_its_time_is_up_and_the_next_goes_on(
    repository: JobRepository, clock: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _end(repository, Complete(), *(f"j{number}" for number in range(25)))
    clock[0] += WEEK * 1000 + 1
    monkeypatch.setattr(retention, "BATCH", 10)
    ticks = iter(range(1000))
    monkeypatch.setattr(retention, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    settings, tended = Settings(retention_completed=WEEK), Retention(repository)
    monkeypatch.setattr(retention, "BUDGET", 1.5)
    left = [25]
    for second in range(10):
        tended.tend(float(second), settings)
        left.append(len(_ids(repository)))
        # Those that are gone lose their logs before more of them go.
        assert len(repository.leftovers(limit=100)) <= 10
    assert all(0 <= before - after <= 10 for before, after in pairwise(left))
    assert left[-1] == 0


def test_late_enders_among_the_first_do_not_hide_the_others(
    repository: JobRepository, clock: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those enqueued first ended last: the walk goes past them, over several calls, and begins again for them."""
    repository.enqueue([JobSpec("true", id=f"late{number}") for number in range(30)], now=NOW)
    late = repository.turn([], worker=1, slots=30, now=NOW, lease_seconds=600).leases
    _end(repository, Complete(), "early")
    end = NOW + DAY * 1000
    ended = Execution(Outcome.EXITED, 0, None, NOW, end, 0.1)
    repository.turn(
        [Settlement(lease.job.seq, lease.token, ended, Complete()) for lease in late],
        worker=1, slots=0, now=end, lease_seconds=60,
    )  # fmt: skip
    monkeypatch.setattr("queuectl.repository.sql.prune.LOOK", 10)
    settings, tended = Settings(retention_completed=WEEK), Retention(repository)
    clock[0] = NOW + WEEK * 1000 + 1
    tended.tend(0.0, settings)
    assert "early" not in _ids(repository)
    assert len(_ids(repository)) == 30
    clock[0] = end + WEEK * 1000 + 1
    tended.tend(0.0, settings)
    assert len(_ids(repository)) == 30  # it rests
    tended.tend(retention.LONGEST, settings)
    assert _ids(repository) == []


def test_while_nothing_can_be_due_it_looks_at_little_and_seldom(
    repository: JobRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    _end(repository, Complete(), *(f"j{number}" for number in range(40)))
    monkeypatch.setattr("queuectl.repository.sql.prune.LOOK", 5)
    steps: list[int] = []
    prune = repository.prune

    def counted(which: Filter, *, limit: int, after: int) -> Pruned:
        steps.append(after)
        return prune(which, limit=limit, after=after)

    monkeypatch.setattr(repository, "prune", counted)
    settings, tended = Settings(retention_completed=WEEK), Retention(repository)
    for second in range(int(retention.LONGEST)):
        tended.tend(float(second), settings)
    assert len(steps) == 1
    tended.tend(retention.LONGEST, settings)
    assert len(steps) == 2


@pytest.mark.engines("sqlite")
def test_a_busy_store_is_left_in_peace_and_the_patience_is_given_back(
    repository: JobRepository, clock: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _end(repository, Complete(), "a")
    clock[0] += WEEK * 1000 + 1
    settings, tended = Settings(retention_completed=WEEK), Retention(repository)
    patience: list[float] = []
    prune = repository.prune

    def noting(which: Filter, *, limit: int, after: int) -> Pruned:
        patience.append(repository.patience)
        return prune(which, limit=limit, after=after)

    monkeypatch.setattr(repository, "prune", noting)
    monkeypatch.setattr(retention, "PATIENCE", 0.0)
    repository.patience = 7.0
    with closing(sqlite3.connect(repository.location, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        tended.tend(0.0, settings)  # raises nothing
        assert _ids(repository) == ["a"]
    tended.tend(1.0, settings)
    assert _ids(repository) == []
    assert set(patience) == {0.0}
    assert repository.patience == 7.0


@pytest.mark.parametrize("error", [errors.StoreFull("full"), PermissionError(13, "denied")])
def test_what_fails_is_tried_again_after_a_while_and_troubles_no_worker(
    repository: JobRepository, clock: list[int], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    _end(repository, Complete(), "a")
    clock[0] += WEEK * 1000 + 1
    settings, tended = Settings(retention_completed=WEEK), Retention(repository)
    tries: list[int] = []

    def failing(*_: object, **__: object) -> None:
        tries.append(1)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(repository, "prune", failing)
        for second in range(10):
            tended.tend(float(second), settings)
    assert len(tries) == 1
    tended.tend(retention.LONGEST, settings)
    assert _ids(repository) == []


def test_two_workers_prune_beside_each_other(
    repository: JobRepository,
    connect: Callable[[], JobRepository],
    clock: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _end(repository, Complete(), *(f"j{number}" for number in range(30)))
    clock[0] += WEEK * 1000 + 1
    monkeypatch.setattr(retention, "BATCH", 4)
    ticks = iter(range(1000))
    monkeypatch.setattr(retention, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    settings = Settings(retention_completed=WEEK)
    monkeypatch.setattr(retention, "BUDGET", 1.5)
    other = connect()
    both = Retention(repository), Retention(other)
    for second in range(10):
        for one in both:
            one.tend(float(second), settings)
    assert _ids(repository) == []
    assert other.counts(now=NOW).pruned == 30
