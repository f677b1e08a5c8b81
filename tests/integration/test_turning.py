"""A worker's turn on a server: one statement, planned once, whatever the store was like then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from queuectl import errors
from queuectl.model import Complete, Execution, JobSpec, Outcome
from queuectl.repository.base import Settlement, WorkerIdentity

if TYPE_CHECKING:
    from queuectl.repository.base import Turn
    from queuectl.repository.protocol import JobRepository

pytestmark = pytest.mark.engines("postgres")

#: A server plans a statement anew five times before it keeps a plan.
OFTEN = 8


@pytest.fixture
def worker(repository: JobRepository) -> int:
    return repository.join(WorkerIdentity("w", "h", "b", "n", 1, 1, 10, (), "p"), now=1, ticks=0.0)


def _turn(
    repository: JobRepository,
    worker: int,
    settlements: list[Settlement],
    *,
    slots: int = 10,
    queues: tuple[str, ...] = (),
) -> Turn:
    return repository.turn(settlements, worker=worker, slots=slots, queues=queues, now=2, lease_seconds=60)


def _well(turn: Turn) -> list[Settlement]:
    done = Execution(Outcome.EXITED, 0, None, 2, 2, 0.001)
    return [Settlement(lease.job.seq, lease.token, done, Complete()) for lease in turn.leases]


def _connection(repository: JobRepository) -> Any:
    return cast("Any", repository)._link.connection


def _plan(repository: JobRepository, name: str, queues: str) -> str:
    call = f"EXPLAIN EXECUTE {name} (2, 1, 3, 10, 0, false, '{queues}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}')"
    return "\n".join(line for (line,) in _connection(repository).execute(call))


@pytest.mark.parametrize(("name", "queues"), [("turn_all", ()), ("turn_some", ("default",))])
def test_a_plan_made_for_an_empty_store_does_not_read_all_jobs_of_a_full_one(
    repository: JobRepository, worker: int, name: str, queues: tuple[str, ...]
) -> None:
    for _ in range(OFTEN):
        _turn(repository, worker, [], queues=queues)
    repository.enqueue([JobSpec("true")] * 3_000, now=1)
    assert len(_turn(repository, worker, [], queues=queues).leases) == 10
    plan = _plan(repository, name, f"{{{','.join(queues)}}}")
    assert "Index Scan using jobs_ready" in plan
    assert "Seq Scan on jobs" not in plan
    assert "Bitmap" not in plan


def test_what_is_prepared_outlives_reads_and_turns_go_on_after_each_rollback(
    repository: JobRepository, worker: int
) -> None:
    repository.enqueue([JobSpec("true", id=f"j{number}") for number in range(3)], now=1)
    turn = _turn(repository, worker, [], slots=1)
    repository.counts(now=2)
    known = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'turn%'"
    assert _connection(repository).execute(known).fetchone() == (1,)
    for following in ("j1", "j2"):
        for _ in range(OFTEN):  # often enough for psycopg to have prepared what it repeats
            repository.counts(now=2)
        with pytest.raises(errors.JobExists):
            repository.enqueue([JobSpec("true", id="j0")], now=1)
        turn = _turn(repository, worker, _well(turn), slots=1)
        assert (turn.refused, [lease.job.id for lease in turn.leases]) == (frozenset(), [following])
        repository.counts(now=2)


def test_a_turn_on_a_connection_that_was_cut_prepares_again(repository: JobRepository, worker: int) -> None:
    repository.enqueue([JobSpec("true")] * 2, now=1)
    turn = _turn(repository, worker, [], slots=1)
    _connection(repository).close()
    assert len(_turn(repository, worker, _well(turn), slots=1).leases) == 1


def test_one_settlement_that_does_not_hold_is_named_and_keeps_the_turn_from_claiming(
    repository: JobRepository, worker: int
) -> None:
    repository.enqueue([JobSpec("true")] * 5, now=1)
    good, bad = _well(_turn(repository, worker, [], slots=2))
    turn = _turn(repository, worker, [good, bad._replace(token="0" * 32)])
    assert (turn.refused, turn.leases) == (frozenset({"0" * 32}), [])
    states = _connection(repository).execute("SELECT state FROM jobs WHERE seq <= %s ORDER BY seq", (bad.seq,))
    assert states.fetchall() == [("completed",), ("processing",)]


def test_settling_and_claiming_leave_one_step_each(repository: JobRepository, worker: int) -> None:
    repository.enqueue([JobSpec("true", id="a"), JobSpec("true", id="b")], now=1)
    first = _turn(repository, worker, [], slots=1)
    _turn(repository, worker, _well(first), slots=1)
    for name, states in (("a", ["pending", "processing", "completed"]), ("b", ["pending", "processing"])):
        assert [str(step.state) for step in repository.history(repository.get(name))] == states
