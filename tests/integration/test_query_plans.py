"""How the engine reaches its rows: the plans that SQLite makes, and work counted in steps of its virtual machine.

Steps are the same on every machine and every day; times are not. Each plan is asked for the very statement that
the repository ran, with its values, as the connection reported it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from queuectl.model import Complete, Execution, JobSpec, JobState, Outcome, Retry
from queuectl.repository.base import EVERY, Filter, JobRepository, Settlement, WorkerIdentity
from queuectl.repository.sqlite import SqliteRepository, prune

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOW = 1_800_000_000_000
YEAR = 365 * 86_400_000
LEASE = 60.0
WORKER = WorkerIdentity("w", "host", "boot", "ns", 1, 1, 1, (), "p")

#: Walks that are allowed: along an index that holds nothing else, or from the newest row, until there are enough.
GROUPS = "USE TEMP B-TREE FOR GROUP BY"  # of what is processing, by queue
ALLOWED = {GROUPS, "SCAN jobs", "USE TEMP B-TREE FOR ORDER BY", "USE TEMP B-TREE FOR DISTINCT"}
WALKS = ("SCAN jobs USING INDEX jobs_ready", "SCAN jobs USING INDEX jobs_retrying")


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[SqliteRepository]:
    opened = SqliteRepository(tmp_path / "queue.db")
    opened.enqueue([JobSpec("true", id=f"j{number}", queue="x", tags=("t",)) for number in range(20)], now=NOW)
    opened.enqueue([JobSpec("true", id=f"d{number}", run_at=NOW + YEAR) for number in range(5)], now=NOW)
    opened.join(WORKER, now=NOW, ticks=1.0)
    _turn(opened, slots=5)
    yield opened
    opened.close()


def _turn(
    repository: JobRepository, *, slots: int = 1, queues: tuple[str, ...] = (), settlements: tuple[Settlement, ...] = ()
) -> list[Settlement]:
    leases = repository.turn(settlements, worker=1, slots=slots, queues=queues, now=NOW, lease_seconds=LEASE).leases
    done = Execution(Outcome.EXITED, 0, None, NOW, NOW, 0.1)
    return [Settlement(lease.job.seq, lease.token, done, Complete()) for lease in leases]


def _ended_and_pruned(repository: JobRepository, which: Filter = EVERY) -> object:
    _turn(repository, slots=0, settlements=tuple(_turn(repository, slots=3)))
    pruned = repository.prune(which, limit=2)
    assert len(pruned.ids) == 2
    return pruned


def _plans(repository: SqliteRepository, act: Callable[[JobRepository], object]) -> list[str]:
    """Return the plan of each statement about jobs that this act runs, as one line each."""
    ran: list[str] = []
    repository._db.set_trace_callback(ran.append)
    try:
        act(repository)
    finally:
        repository._db.set_trace_callback(None)
    return [
        "; ".join(row[3] for row in repository._db.execute(f"EXPLAIN QUERY PLAN {statement}"))
        for statement in ran
        if "jobs" in statement and not statement.startswith("--")  # SQLite marks a trigger's statements so
    ]


@pytest.mark.parametrize(
    ("act", "indexes"),
    [
        pytest.param(_turn, {"jobs_due", "jobs_ready"}, id="claim"),
        pytest.param(
            lambda store: _turn(store, queues=("x",)),
            {"jobs_ready_by_queue", "USE TEMP B-TREE FOR ORDER BY"},
            id="claim-x",
        ),
        pytest.param(  # sorts what the queues have to offer: as many rows from each as there are slots
            lambda store: _turn(store, queues=("x", "y")),
            {"jobs_ready_by_queue", "USE TEMP B-TREE FOR ORDER BY"},
            id="claim-x-y",
        ),
        pytest.param(lambda store: store.outlook(now=NOW), {"jobs_due", "jobs_retrying"}, id="outlook"),
        pytest.param(
            lambda store: store.outlook(["x", "y"], now=NOW), {"jobs_due", "jobs_retrying_by_queue"}, id="outlook-x"
        ),
        pytest.param(lambda store: store.counts(now=NOW), {"jobs_due", "jobs_place", GROUPS}, id="counts"),
        pytest.param(lambda store: store.list(limit=50), {"SCAN jobs", "INTEGER PRIMARY KEY"}, id="list-newest"),
        pytest.param(
            lambda store: store.list(Filter(states=(JobState.COMPLETED,)), limit=50), {"jobs_place"}, id="list-state"
        ),
        pytest.param(  # sorts the rows of three places that it shows, no more than the limit
            lambda store: store.list(Filter(states=(JobState.PENDING,)), limit=50),
            {"jobs_place", "USE TEMP B-TREE FOR ORDER BY"},
            id="list-pending",
        ),
        pytest.param(lambda store: list(store.list().jobs), {"SCAN jobs"}, id="list-all"),
        pytest.param(
            lambda store: list(store.list(Filter(states=(JobState.DEAD,))).jobs), {"jobs_place"}, id="list-all-dead"
        ),
        pytest.param(lambda store: store.get("j1"), {"sqlite_autoindex_jobs_1"}, id="get"),
        pytest.param(lambda store: store.get("d4"), {"sqlite_autoindex_jobs_1"}, id="get-prefix"),
        pytest.param(lambda store: store.leases_of(1), {"jobs_place"}, id="leases"),
        pytest.param(
            lambda store: store.rescue(store.leases_of(1), worker=1, now=NOW, lease_seconds=LEASE),
            {"INTEGER PRIMARY KEY", "jobs_place"},
            id="rescue",
        ),
        pytest.param(lambda store: store.renew(1, now=NOW, ticks=2.0, lease_seconds=LEASE), {"jobs_place"}, id="renew"),
        pytest.param(lambda store: store.requests(1), {"jobs_place"}, id="requests"),
        pytest.param(lambda store: store.leave(1), {"jobs_place"}, id="leave"),
        pytest.param(lambda store: store.records(), {"jobs_place", "USE TEMP B-TREE FOR DISTINCT"}, id="records"),
        pytest.param(lambda store: store.workers(), {"jobs_place"}, id="workers"),
        pytest.param(lambda store: store.upcoming_retries(limit=5), {"jobs_retrying"}, id="upcoming-retries"),
        pytest.param(lambda store: store.queue_counts(now=NOW, limit=9), {"jobs_due", GROUPS}, id="queue-counts"),
        pytest.param(lambda store: store.recent_ends(limit=9), {"INTEGER PRIMARY KEY"}, id="recent-ends"),
        pytest.param(lambda store: store.retry(Filter(), now=NOW), {"jobs_place"}, id="retry-all"),
        pytest.param(lambda store: _turn(store, settlements=tuple(_turn(store))), {"INTEGER PRIMARY KEY"}, id="settle"),
        pytest.param(lambda store: store.enqueue([JobSpec("true")], now=NOW), {"SEARCH jobs"}, id="enqueue"),
        pytest.param(_ended_and_pruned, {"jobs_place", "USING INTEGER PRIMARY KEY"}, id="prune"),
        pytest.param(
            lambda store: _ended_and_pruned(store, Filter(states=(JobState.COMPLETED,), queues=("x",), tags=("t",))),
            {"jobs_place", "USING PRIMARY KEY (tag=? AND seq=?)"},
            id="prune-tagged",
        ),
        pytest.param(lambda store: store.is_past(1, 9), {"INTEGER PRIMARY KEY"}, id="is-past"),
    ],
)
def test_every_statement_finds_its_rows_by_an_index_in_their_order(
    repository: SqliteRepository, act: Callable[[JobRepository], object], indexes: set[str]
) -> None:
    plans = _plans(repository, act)
    for index in indexes:
        assert any(index in plan for plan in plans), (index, plans)
    for walk in (*WALKS, *(allowed for allowed in indexes if allowed in ALLOWED)):
        plans = [plan.replace(walk, "") for plan in plans]
    assert not [plan for plan in plans if "SCAN jobs" in plan or "TEMP B-TREE" in plan]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteRepository]:
    yield from _store(tmp_path_factory.mktemp("small"), finished=70, waiting=70, delayed=60, retrying=20)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteRepository]:
    yield from _store(tmp_path_factory.mktemp("large"), finished=20_000, waiting=5_000, delayed=20_000, retrying=1_000)


def _store(directory: Path, *, finished: int, waiting: int, delayed: int, retrying: int) -> Iterator[SqliteRepository]:
    opened = SqliteRepository(directory / "queue.db")
    opened._db.execute("PRAGMA synchronous = OFF")
    opened.join(WORKER, now=NOW, ticks=1.0)
    opened.enqueue([JobSpec("true", id="old", priority=-9)], now=NOW)  # waits for ever, far from the newest
    opened.enqueue([JobSpec("true", tags=("t",)) for _ in range(finished + retrying)], now=NOW)
    done = _turn(opened, slots=finished + retrying)
    later = [one._replace(verdict=Retry(NOW + YEAR, "no")) for one in done[:retrying]]
    _turn(opened, slots=0, settlements=(*later, *done[retrying:]))
    opened.enqueue([JobSpec("true", priority=9, run_at=NOW + YEAR) for _ in range(delayed)], now=NOW)
    opened.enqueue([JobSpec("true", queue="x" if number % 2 else "y") for number in range(waiting)], now=NOW)
    opened.enqueue([JobSpec("true", id="known"), JobSpec("true", id="prefix-1")], now=NOW)
    yield opened
    opened.close()


class TestTheCost:
    """Two stores, one small and one as it looks after years: the same act takes the same steps in both."""

    @pytest.mark.parametrize(
        "act",
        [
            pytest.param(_turn, id="claim"),
            pytest.param(lambda store: _turn(store, slots=10), id="claim-ten"),
            pytest.param(lambda store: _turn(store, queues=("x", "y")), id="claim-from-queues"),
            pytest.param(lambda store: _turn(store, queues=("nobody",)), id="claim-from-an-empty-queue"),
            pytest.param(lambda store: _turn(store, settlements=tuple(_turn(store))), id="settle-and-claim"),
            pytest.param(lambda store: store.enqueue([JobSpec("true")], now=NOW), id="enqueue"),
            pytest.param(lambda store: store.counts(now=NOW), id="status"),
            pytest.param(lambda store: store.list(limit=50), id="list"),
            pytest.param(lambda store: store.list(Filter(states=(JobState.PENDING,)), limit=50), id="list-pending"),
            pytest.param(lambda store: store.list(Filter(states=(JobState.COMPLETED,)), limit=50), id="list-completed"),
            pytest.param(lambda store: store.list(Filter(states=(JobState.DEAD,)), limit=50), id="list-dead"),
            pytest.param(lambda store: store.list(Filter(retrying=True), limit=20), id="list-retrying"),
            pytest.param(lambda store: store.get("known"), id="get"),
            pytest.param(lambda store: store.get("prefix"), id="get-by-prefix"),
            pytest.param(lambda store: store.outlook(now=NOW), id="outlook"),
            pytest.param(lambda store: store.outlook(("x",), now=NOW), id="outlook-of-a-queue"),
            pytest.param(lambda store: store.upcoming_retries(limit=5), id="upcoming-retries"),
            pytest.param(lambda store: store.queue_counts(now=NOW, limit=9), id="queue-counts"),
            pytest.param(lambda store: store.deadliest(limit=9), id="deadliest"),
            pytest.param(lambda store: store.recent_ends(limit=9), id="recent-ends"),
            pytest.param(lambda store: store.pulse(after=10**9, span=5_000), id="pulse-without-news"),
            pytest.param(lambda store: store.requests(1), id="requests"),
            pytest.param(lambda store: store.renew(1, now=NOW, ticks=2.0, lease_seconds=LEASE), id="renew"),
            pytest.param(lambda store: store.workers(), id="workers"),
            pytest.param(lambda store: store.records(), id="records"),
            pytest.param(lambda store: store.retry(Filter(), now=NOW), id="retry-all"),
            pytest.param(lambda store: store.queues(), id="queues"),
            pytest.param(lambda store: store.prune(EVERY, limit=10), id="prune"),
            pytest.param(lambda store: store.prune(EVERY, limit=10, after=20), id="prune-further-on"),
        ],
    )
    def test_of_an_act_does_not_grow_with_the_store(
        self, small: SqliteRepository, large: SqliteRepository, act: Callable[[JobRepository], object]
    ) -> None:
        few, many = _steps(small, act), _steps(large, act)
        assert many <= 1.2 * few + 5, (few, many)

    def test_of_pruning_what_hardly_any_job_is_grows_only_to_its_bound(
        self, small: SqliteRepository, large: SqliteRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def step(store: JobRepository) -> object:
            return store.prune(Filter(tags=("nowhere",), finished_before=NOW + 1), limit=10)

        assert _steps(large, step) > 10 * _steps(small, step)
        monkeypatch.setattr(prune, "LOOK", 30)
        assert _steps(large, step) <= 1.2 * _steps(small, step) + 5

    def test_would_show_a_walk_through_the_table(self, small: SqliteRepository, large: SqliteRepository) -> None:
        def walk(store: JobRepository) -> object:
            return store.list(Filter(search="nowhere"), limit=50)

        assert _steps(large, walk) > 50 * _steps(small, walk)


def _steps(repository: SqliteRepository, act: Callable[[JobRepository], object]) -> int:
    """Count the work of an act: SQLite reports each round of each of its loops."""
    rounds = 0

    def count() -> int:
        nonlocal rounds
        rounds += 1
        return 0

    repository._db.set_progress_handler(count, 1)
    try:
        act(repository)
    finally:
        repository._db.set_progress_handler(None, 0)
    return rounds
