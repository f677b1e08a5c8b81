"""Jobs in another order than that of enqueueing, through the protocol and the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from queuectl.cli.list import SortKey
from queuectl.model import Bury, Complete, Execution, Job, JobSpec, JobState, Outcome, Retry, Verdict
from queuectl.repository.base import EVERY, Filter, Settlement, WorkerIdentity
from queuectl.repository.ordering import KEYS, Order
from tests.engines import new_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from queuectl.repository.protocol import JobRepository
    from tests.engines import Engine
    from tests.integration.conftest import CommandLine

NOW = 1_800_000_000_000
WORKER = WorkerIdentity("w1", "host", "boot", "ns", 4711, 1, 2, (), "p1")
VALUES: dict[str, Callable[[Job], object]] = {
    "created": lambda job: job.seq,
    "updated": lambda job: job.updated_at,
    "finished": lambda job: job.finished_at,
    "started": lambda job: job.started_at,
    "duration": lambda job: job.duration_seconds,
    "priority": lambda job: job.priority,
    "attempts": lambda job: job.attempts,
    "state": lambda job: list(JobState).index(job.state),
    "id": lambda job: job.id,
    "queue": lambda job: job.queue,
}
_IDS = ("m", "b", "x", "a", "z", "c", "y", "d")
ORDERS = [Order(key, descending) for key in KEYS for descending in (False, True)]


@pytest.fixture(scope="module")
def store(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobRepository]:
    """Twelve jobs in all places, with equal and unequal values of everything."""
    with new_store(engine, tmp_path_factory.mktemp("store")) as opened:
        _fill(opened)
        yield opened


def _fill(opened: JobRepository) -> None:
    verdicts: tuple[Verdict, ...] = (Complete(), Bury("no"), Retry(NOW * 2, "no"), Complete())
    for number, verdict in enumerate(verdicts):
        specs = [
            JobSpec("true", id=_IDS[2 * number + half], priority=(number + half) % 3, queue="ab"[half])
            for half in (0, 1)
        ]
        opened.enqueue(specs, now=NOW + number)
        worker = opened.join(WORKER, now=NOW, ticks=1.0)
        at = NOW + 1000 * (3 - number)
        leases = opened.turn([], worker=worker, slots=2, now=NOW + 10, lease_seconds=60).leases
        execution = Execution(Outcome.EXITED, 0, None, at - 100, at, 0.5 * (number % 3))
        done = [Settlement(one.job.seq, one.token, execution, verdict) for one in leases]
        opened.turn(done, worker=worker, slots=0, now=at, lease_seconds=60)
    opened.enqueue([JobSpec("true", id=name, queue="c") for name in ("zz", "yy", "xx", "x\U0001f600")], now=NOW + 9)
    opened.turn([], worker=1, slots=1, now=NOW + 10, lease_seconds=60)


def _sorted(jobs: list[Job], order: Order) -> list[str]:
    value = VALUES[order.key]
    known = [job for job in jobs if value(job) is not None]
    known.sort(key=value, reverse=order.descending)  # type: ignore[arg-type]  # stable in both directions
    return [job.id for job in (*known, *(job for job in jobs if value(job) is None))]


def _way(order: Order) -> str:
    return f"{'-' if order.descending else ''}{order.key}"


@pytest.mark.parametrize("order", ORDERS, ids=_way)
@pytest.mark.parametrize(
    "which", [EVERY, Filter(states=(JobState.PENDING, JobState.DEAD)), Filter(queues=("a", "c"))], ids=range(3)
)
def test_jobs_stand_in_the_order_that_is_asked_for(store: JobRepository, order: Order, which: Filter) -> None:
    jobs = list(store.list(which).jobs)
    expected = _sorted(jobs, order)
    assert len(expected) >= 5
    found, others = store.list(which, order=order)
    assert ([job.id for job in found], others) == (expected, 0)
    found, others = store.list(which, order=order, limit=3)
    assert others == len(expected) - 3
    if order == Order():
        assert [job.id for job in found] == expected[-3:]
    else:
        assert [job.id for job in found] == expected[:3]
    assert store.list(which, order=order, limit=len(expected)).older == 0
    assert store.list(which, order=order, limit=100).older == 0


def test_of_nothing_there_is_nothing_to_sort(store: JobRepository) -> None:
    found, others = store.list(Filter(tags=("nowhere",)), order=Order("id"), limit=5)
    assert (list(found), others) == ([], 0)


# -- the command -----------------------------------------------------------------------------


def _ids(text: str) -> str:
    return "".join(line.split("\t")[0] for line in text.splitlines())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--sort", "created"), "bac"),
        (("--sort", "-created"), "cab"),
        (("--sort=-created", "-n", "2"), "ca"),
        (("--sort", "created", "-n", "2"), "ac"),
        (("--sort", "id"), "abc"),
        (("--sort", "-ID"), "cba"),
        (("--sort", "-priority"), "cba"),
        (("--sort", "priority", "-n", "1"), "a"),
        (("--sort", "duration"), "bac"),
    ],
)
def test_list_sorts(run: CommandLine, options: tuple[str, ...], expected: str) -> None:
    specs = [{"id": name, "command": "x", "priority": priority} for name, priority in (("b", 1), ("a", 0), ("c", 2))]
    run("-q", "enqueue", json.dumps(specs))
    assert _ids(run("list", *options)) == expected
    assert "".join(job["id"] for job in run.json("list", *options)) == expected
    run.on_terminal()
    assert [line.split()[0] for line in run("list", *options).splitlines()[1:]] == list(expected)


def test_what_a_limit_leaves_out_is_called_what_it_is(run: CommandLine) -> None:
    run("-q", "enqueue", json.dumps([{"command": "x"}] * 3))
    run("list", "--sort", "-created", "--limit", "2")
    assert run.said == "1 older job is not shown; --limit 0 shows all\n"
    run("list", "--sort", "id", "--limit", "1")
    assert run.said == "2 more jobs are not shown; --limit 0 shows all\n"


@pytest.mark.parametrize(
    ("key", "hint"), [("durtion", "did you mean 'duration'?"), ("--id", "did you mean 'id'?"), ("", "sort by created")]
)
def test_a_key_that_is_none_is_refused(run: CommandLine, key: str, hint: str) -> None:
    message, said = run.error("list", f"--sort={key}", code=2)
    assert message.startswith("--sort: jobs are not sorted by ")
    assert str(said).startswith(hint)


def test_keys_are_offered() -> None:
    def offered(incomplete: str) -> list[str]:
        return [str(item.value) for item in SortKey().shell_complete(None, None, incomplete)]  # type: ignore[arg-type]

    assert offered("") == list(KEYS)
    assert offered("s") == ["started", "state"]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_sorted_table_fits(run: CommandLine, width: int) -> None:
    specs = [{"id": f"job-{number}", "command": "x" * 300, "queue": "q" * 30} for number in range(5)]
    run("-q", "enqueue", json.dumps(specs))
    run.settle("dead")
    run("-q", "enqueue", "--id", "東京" * 20, "-p", "-5", "[/b] :fire: \x1b[2J")
    run.on_terminal(width)
    lines = run("list", "--sort", "-priority").splitlines()
    assert len(lines) == 7
    assert all(len(line) <= width for line in lines)
    assert "\x1b" not in "".join(lines)
    assert ("COMMAND" in lines[0]) == (width >= 40)


# -- watching, where it cannot be -----------------------------------------------------------


@pytest.mark.parametrize("word", ["list", "status"])
def test_watching_needs_a_terminal(run: CommandLine, word: str) -> None:
    assert run.error(word, "--watch", code=2)[0].endswith("has no JSON form")
    assert run(word, "--watch", code=2) == ""
    assert "Error: --watch needs a terminal that it can draw on\nHint: leave it out" in run.said
    run.on_terminal()  # a dumb one
    assert run(word, "--watch", "2s", code=2) == ""
    assert "it can draw on" in run.said


@pytest.mark.parametrize("seconds", ["0", "0.05", "soon", "-1"])
def test_watching_takes_a_time_that_makes_sense(run: CommandLine, seconds: str) -> None:
    run.error("list", f"--watch={seconds}", code=2)


def test_a_version_is_another_one_after_a_commit_of_others(connect: Callable[[], JobRepository]) -> None:
    one, other = connect(), connect()
    before = one.version()
    other.enqueue([JobSpec("true")], now=NOW)
    assert one.version() != before
