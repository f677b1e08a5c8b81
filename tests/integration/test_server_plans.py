"""What a worker's statements look at on a server, before it knows anything of the tables: right after many jobs came.

The very statements that the repository ran are run again under EXPLAIN ANALYZE. Rows are counted, not time.
"""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from queuectl.model import Complete, Execution, JobState, Outcome
from queuectl.repository.base import Filter, Settlement, WorkerIdentity
from queuectl.repository.sql.prune import LOOK
from tests.engines import PostgresPlace, the_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from queuectl.repository.protocol import JobRepository

pytestmark = pytest.mark.postgres

NOW = 1_800_000_000_000
WORKER = WorkerIdentity("w", "host", "boot", "ns", 1, 1, 4, (), "p")
#: Jobs of each kind.
MANY = 20_000

_FILL = f"""
    ALTER TABLE jobs SET (autovacuum_enabled = off);
    INSERT INTO jobs (id, command, state, queue, priority, max_retries, created_at, updated_at, finished_at)
        SELECT 'done' || i, 'true', 'completed', 'q' || i % 5, 0, 3, 1, 1, 1 FROM generate_series(1, {MANY}) AS i;
    INSERT INTO jobs (id, command, queue, priority, max_retries, created_at, updated_at, next_run_at, delayed, attempts)
        SELECT 'late' || i, 'true', 'q' || i % 5, 0, 3, 1, 1, {2 * NOW} + i, 1, i % 2
        FROM generate_series(1, {MANY}) AS i;
    INSERT INTO jobs (id, command, queue, priority, max_retries, created_at, updated_at, next_run_at)
        SELECT 'ready' || i, 'true', 'q' || i % 5, i % 3, 3, 1, 1, 1 FROM generate_series(1, {MANY}) AS i;
"""  # noqa: S608 - numbers of our own


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobRepository]:
    directory = tmp_path_factory.mktemp("plans")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(directory))
        place = PostgresPlace(the_server(), directory)
        with closing(place.open()) as repository:
            repository._link.connection.execute(_FILL)  # type: ignore[attr-defined]
            repository.join(WORKER._replace(home=repository.home), now=NOW, ticks=1.0)
            yield repository
        place.remove()


def _turn(repository: JobRepository, *queues: str) -> None:
    turn = repository.turn((), worker=1, slots=4, queues=queues, now=NOW, lease_seconds=60)
    done = Execution(Outcome.EXITED, 0, None, NOW, NOW, 0.1)
    results = [Settlement(lease.job.seq, lease.token, done, Complete()) for lease in turn.leases]
    repository.turn(results, worker=1, slots=4, queues=queues, now=NOW, lease_seconds=60)


def _prune(repository: JobRepository) -> None:
    repository.prune(Filter(states=(JobState.COMPLETED,), finished_before=0), limit=100)


ACTS: dict[str, Callable[[JobRepository], object]] = {
    "a turn": _turn,
    "a turn of some queues": lambda repository: _turn(repository, "q1", "q2"),
    "a look for work": lambda repository: repository.outlook(now=NOW),
    "a look for work of some queues": lambda repository: repository.outlook(("q1", "nosuch"), now=NOW),
    "a sign of life": lambda repository: repository.renew(1, now=NOW, ticks=2.0, lease_seconds=60),
    "what is asked": lambda repository: repository.requests(1),
    "the workers": lambda repository: repository.workers(),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_a_worker_looks_at_few_rows_though_nothing_is_known_of_the_tables(
    repository: JobRepository, act: Callable[[JobRepository], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for plan in _plans(repository, act, monkeypatch):
        assert max(_rows(plan)) < 100, json.dumps(plan, indent=1)


def test_a_step_of_pruning_looks_at_so_many_jobs(repository: JobRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    for plan in _plans(repository, _prune, monkeypatch, before="ANALYZE jobs"):
        assert max(_rows(plan)) <= LOOK, json.dumps(plan, indent=1)


def _plans(
    repository: JobRepository,
    act: Callable[[JobRepository], object],
    monkeypatch: pytest.MonkeyPatch,
    before: str = "SELECT 1",
) -> Iterator[dict[str, Any]]:
    """Yield the plans of all statements that look at tables, each with what its steps came to."""
    connection = repository._link.connection  # type: ignore[attr-defined]
    ran: list[tuple[str, Any]] = []
    execute = connection.execute

    def recorded(query: str, values: Any = None, **options: Any) -> Any:
        ran.append((query, values))
        return execute(query, values, **options)

    monkeypatch.setattr(connection, "execute", recorded)
    act(repository)
    monkeypatch.undo()
    for query, values in ran:
        if query.split(maxsplit=1)[0] in {"SELECT", "WITH", "UPDATE", "INSERT", "DELETE"}:
            execute("BEGIN")
            execute(before)
            (found,) = execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", values).fetchone()
            execute("ROLLBACK")
            yield found[0]["Plan"]


def _rows(plan: dict[str, Any]) -> Iterator[int]:
    """Yield how many rows each step of a plan has found, and thrown away."""
    yield plan["Actual Rows"] * plan["Actual Loops"] + plan.get("Rows Removed by Filter", 0)
    for part in plan.get("Plans", ()):
        yield from _rows(part)
