"""How the engine reaches its rows: the plans that SQLite makes, and work counted in steps of its virtual machine.

Steps are the same on every machine and every day; times are not. Each plan is asked for the very statement that
the repository ran, with its values, as the connection reported it.
"""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from queuectl.model import Bury, Complete, Execution, JobSpec, JobState, Outcome, Retry
from queuectl.repository import explaining
from queuectl.repository.acting import ALL
from queuectl.repository.base import EVERY, Filter, IfExists, Settlement, WorkerIdentity
from queuectl.repository.ordering import Order
from queuectl.repository.sql import prune
from queuectl.repository.sqlite import SqliteRepository
from queuectl.repository.telling import START

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from queuectl.repository.protocol import JobRepository

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


def _replace(repository: JobRepository) -> object:
    spec = JobSpec("true", id="known", tags=("t", "u"))
    return repository.enqueue([spec, spec], now=NOW, if_exists=IfExists.REPLACE)


def _ended_and_pruned(repository: JobRepository, which: Filter = EVERY) -> object:
    _turn(repository, slots=0, settlements=tuple(_turn(repository, slots=3)))
    pruned = repository.prune(which, limit=2)
    assert len(pruned.ids) == 2
    return pruned


def _events_behind_the_last_twenty(repository: JobRepository) -> object:
    first, *_ = repository.last_events(limit=20)
    return repository.events(first.cursor, limit=50)


def _paused(*queues: str) -> Callable[[Callable[[JobRepository], object]], Callable[[JobRepository], object]]:
    """Do something while queues are paused."""

    def while_paused(act: Callable[[JobRepository], object]) -> Callable[[JobRepository], object]:
        def paused(store: JobRepository) -> object:
            store.pause(queues, now=NOW, by="")
            try:
                return act(store)
            finally:
                store.resume([ALL], now=NOW, by="")

        return paused

    return while_paused


def _explain_a_dead_job(repository: JobRepository) -> object:
    repository.enqueue([JobSpec("true", id="key", unique_key="k", priority=9)], now=NOW)
    (done,) = _turn(repository)
    _turn(repository, slots=0, settlements=(done._replace(verdict=Bury("no")),))
    return repository.circumstances("key", now=NOW)


def _first(steps: Generator[object, None, None], number: int) -> object:
    with closing(steps):
        return list(islice(steps, number))


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
        pytest.param(  # sorts what the open queues have to offer, as above
            _paused("y")(_turn),
            {"jobs_due", "jobs_ready_by_queue", "INTEGER PRIMARY KEY", "USE TEMP B-TREE FOR ORDER BY"},
            id="claim-paused",
        ),
        pytest.param(
            _paused("y")(lambda store: _turn(store, queues=("x", "y"))),
            {"jobs_ready_by_queue", "USE TEMP B-TREE FOR ORDER BY"},
            id="claim-paused-x-y",
        ),
        pytest.param(
            _paused("y")(lambda store: store.outlook(now=NOW)),
            {"jobs_due", "jobs_retrying_by_queue"},
            id="outlook-paused",
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
        pytest.param(
            lambda store: store.list(limit=5, order=Order("id", descending=True)),
            {"sqlite_autoindex_jobs_1", "SCAN jobs", "INTEGER PRIMARY KEY", GROUPS},
            id="list-by-id",
        ),
        pytest.param(
            lambda store: store.list(limit=5, order=Order(descending=True)), {"SCAN jobs", GROUPS}, id="list-down"
        ),
        pytest.param(  # has to read them all; sorts their numbers alone
            lambda store: store.list(Filter(states=(JobState.COMPLETED,)), limit=5, order=Order("duration")),
            {"jobs_place", "USE TEMP B-TREE FOR ORDER BY"},
            id="list-by-duration",
        ),
        pytest.param(lambda store: store.get("j1"), {"sqlite_autoindex_jobs_1"}, id="get"),
        pytest.param(lambda store: store.get("d4"), {"sqlite_autoindex_jobs_1"}, id="get-prefix"),
        pytest.param(lambda store: store.outcomes([1, 2, 3]), {"INTEGER PRIMARY KEY"}, id="outcomes"),
        pytest.param(  # what is due and unseen is told apart by queue, no more than its bound
            lambda store: store.circumstances("j19", now=NOW),
            {"jobs_ready_by_queue (queue=? AND priority=? AND seq<?)", "jobs_due", "jobs_place", GROUPS},
            id="explain",
        ),
        pytest.param(_explain_a_dead_job, {"jobs_unique_key (unique_key=?)"}, id="explain-dead"),
        pytest.param(
            lambda store: list(store.steps(with_jobs=True)), {"SCAN history", "INTEGER PRIMARY KEY"}, id="stats"
        ),
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
        pytest.param(lambda store: store.events(START, limit=9), {"SEARCH h USING INTEGER PRIMARY KEY"}, id="events"),
        pytest.param(
            lambda store: store.events(START, limit=9, job=store.get("j1")),
            {"SEARCH h USING INDEX history_of_job (job=? AND rowid>? AND rowid<?)"},
            id="events-of-a-job",
        ),
        pytest.param(
            lambda store: store.last_events(limit=9), {"SEARCH h USING INTEGER PRIMARY KEY"}, id="events-last"
        ),
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


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SqliteRepository, SqliteRepository]]:
    few, many = (SqliteRepository(tmp_path_factory.mktemp("dead") / "queue.db") for _ in range(2))
    for store, jobs in ((few, 20), (many, 5_000)):
        store._db.execute("PRAGMA synchronous = OFF")
        store.join(WORKER, now=NOW, ticks=1.0)
        store.enqueue([JobSpec("false", queue=f"q{number % 2}") for number in range(jobs)], now=NOW)
        ended = enumerate(_turn(store, slots=jobs))
        died = [one._replace(verdict=Bury("no", f"of {number % 5}")) for number, one in ended]
        _turn(store, slots=0, settlements=tuple(died))
    yield few, many
    few.close()
    many.close()


class TestTheCostOfTheDead:
    """Two stores with the same groups, and twenty dead jobs in one, five thousand in the other."""

    def test_groups_do_not_grow_with_it(self, dead: tuple[SqliteRepository, SqliteRepository]) -> None:
        few, many = (_steps(store, lambda store: store.dead_groups(EVERY, limit=3)) for store in dead)
        assert [len(group.queues) for group in dead[1].dead_groups(EVERY).groups] == [2] * 5
        assert many <= 1.2 * few + 5, (few, many)

    def test_finding_a_group_does_not_grow_with_it(self, dead: tuple[SqliteRepository, SqliteRepository]) -> None:
        group = dead[0].dead_groups(EVERY).groups[0].id
        few, many = (_steps(store, lambda store: store.dead_signature(group)) for store in dead)
        assert many <= 1.2 * few + 5, (few, many)

    def test_counting_who_died_of_the_same_does_not_grow_with_it(
        self, dead: tuple[SqliteRepository, SqliteRepository]
    ) -> None:
        few, many = (_steps(store, lambda store: store.dead_of("of 3")) for store in dead)
        assert [store.dead_of("of 3") for store in dead] == [4, 1000]
        assert dead[0].dead_of("nothing") == 0
        assert many <= few, (few, many)

    def test_a_group_is_listed_by_its_index_in_the_order_of_enqueueing(
        self, dead: tuple[SqliteRepository, SqliteRepository]
    ) -> None:
        def everything(store: JobRepository) -> object:
            return list(store.list(Filter(states=(JobState.DEAD,), signature="of 3")).jobs)

        def newest(store: JobRepository) -> object:
            return store.list(Filter(states=(JobState.DEAD,), signature="of 3"), limit=5)

        for plan in (*_plans(dead[1], everything), *_plans(dead[1], newest)):
            assert "jobs_by_signature" in plan
            assert not [word for word in ("SCAN jobs", "TEMP B-TREE", "jobs_place") if word in plan], plan


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
            pytest.param(_replace, id="replace"),
            pytest.param(lambda store: store.counts(now=NOW), id="status"),
            pytest.param(lambda store: store.list(limit=50), id="list"),
            pytest.param(lambda store: store.list(Filter(states=(JobState.PENDING,)), limit=50), id="list-pending"),
            pytest.param(lambda store: store.list(Filter(states=(JobState.COMPLETED,)), limit=50), id="list-completed"),
            pytest.param(lambda store: store.list(Filter(states=(JobState.DEAD,)), limit=50), id="list-dead"),
            pytest.param(lambda store: store.list(Filter(retrying=True), limit=20), id="list-retrying"),
            pytest.param(lambda store: store.list(limit=50, order=Order(descending=True)), id="list-down"),
            pytest.param(lambda store: store.list(limit=50, order=Order("id")), id="list-by-id"),
            pytest.param(lambda store: store.get("known"), id="get"),
            pytest.param(lambda store: store.get("prefix"), id="get-by-prefix"),
            pytest.param(lambda store: _first(store.steps(with_jobs=True), 100), id="stats-of-so-many"),
            pytest.param(lambda store: store.outlook(now=NOW), id="outlook"),
            pytest.param(lambda store: store.outlook(("x",), now=NOW), id="outlook-of-a-queue"),
            pytest.param(_paused("x")(_turn), id="claim-while-one-is-paused"),
            pytest.param(_paused("x", "y", "default")(_turn), id="claim-while-each-is-paused"),
            pytest.param(_paused("x")(lambda store: _turn(store, queues=("x", "y"))), id="claim-from-paused-queues"),
            pytest.param(_paused(ALL)(_turn), id="claim-while-all-are-paused"),
            pytest.param(_paused("x")(lambda store: store.outlook(now=NOW)), id="outlook-while-one-is-paused"),
            pytest.param(_paused(ALL)(lambda store: store.outlook(now=NOW)), id="outlook-while-all-are-paused"),
            pytest.param(lambda store: store.paused(), id="paused"),
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
            pytest.param(lambda store: store.cursor(), id="cursor"),
            pytest.param(lambda store: store.version(), id="version"),
            pytest.param(lambda store: store.last_events(limit=20), id="last-events"),
            pytest.param(_events_behind_the_last_twenty, id="events"),
            pytest.param(lambda store: store.events(START, limit=20), id="first-events"),
            pytest.param(lambda store: store.events(START, limit=20, job=store.get("known")), id="events-of-a-job"),
            pytest.param(lambda store: store.last_events(limit=20, job=store.get("old")), id="last-events-of-a-job"),
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

    def test_of_a_claim_is_as_before_once_a_pause_is_lifted(self, small: SqliteRepository) -> None:
        before = _steps(small, _turn)
        assert _steps(small, _paused("x")(_turn)) > before
        assert _steps(small, _turn) <= before + 5

    def test_of_explaining_a_job_at_the_end_of_a_line_grows_only_to_its_bound(
        self, small: SqliteRepository, large: SqliteRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def step(store: JobRepository) -> object:
            return store.circumstances("old", now=NOW + 2 * YEAR)

        assert _steps(large, step) > 10 * _steps(small, step)
        monkeypatch.setattr(explaining, "LOOK", 30)
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
