"""The parts of the benchmark suite work on a real store; how fast is not asked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from benchmarks import bloat, claim, enqueue, machine, startup
from benchmarks.measure import background, seconds
from benchmarks.memory import field, peak_of
from benchmarks.ours import make_store
from benchmarks.postgres import enqueue as server_enqueue
from benchmarks.postgres import growth, store, turns, wake
from benchmarks.scale import TINY
from queuectl.model import JobState
from queuectl.repository import open_repository
from tests.engines import the_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from benchmarks.result import Result
    from benchmarks.scale import Scale


def test_a_store_made_by_sql_is_one_that_the_program_could_have_made(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    make_store(path, finished=30, waiting=20, delayed=10)
    with closing(open_repository(str(path))) as repository:
        counts = repository.counts(now=2)
        assert (counts.states[JobState.COMPLETED], counts.ready, counts.scheduled) == (30, 20, 10)
        assert [step.state for step in repository.history(repository.get("done-7"))] == [
            JobState.PENDING,
            JobState.PROCESSING,
            JobState.COMPLETED,
        ]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(
    "measure",
    [claim.measure, claim.measure_history, enqueue.measure_bulk, startup.measure],
    ids=["turn", "history", "bulk", "startup"],
)
def test_a_benchmark_finds_figures(measure: Callable[[Scale], Result]) -> None:
    figures = measure(TINY).figures
    assert figures
    assert all(figure.value.median > 0 for figure in figures)
    assert all(figure.verdict in {"met", "**missed**"} for figure in figures)


@pytest.fixture
def server() -> Iterator[store.Server]:
    the_server()  # or else it is skipped
    with store.server() as found:
        yield found


@pytest.mark.postgres
@pytest.mark.parametrize("part", [turns, growth, server_enqueue, wake], ids=["turns", "growth", "enqueue", "wake"])
def test_a_part_of_the_benchmarks_on_a_server_finds_figures(part: ModuleType, server: store.Server) -> None:
    figures = part.measure(TINY, server).figures
    assert figures
    assert all(figure.value.median > 0 for figure in figures)


@pytest.mark.postgres
def test_a_store_on_a_server_made_by_sql_is_one_that_the_program_could_have_made(server: store.Server) -> None:
    _, url = store.make_store(server, finished=30)
    with closing(open_repository(url)) as repository:
        assert repository.counts(now=2).states[JobState.COMPLETED] == 30
        assert [step.state for step in repository.history(repository.get("done-7"))] == [
            JobState.PENDING,
            JobState.PROCESSING,
            JobState.COMPLETED,
        ]


@pytest.mark.postgres
def test_a_server_that_does_not_wait_for_its_disk_is_not_measured(server: store.Server) -> None:
    with closing(server.connect()) as db:
        db.execute("ALTER ROLE bench SET synchronous_commit = off")
    with pytest.raises(RuntimeError, match="synchronous_commit"):
        store.refuse_to_be_hasty(server)


@pytest.mark.postgres
def test_the_watch_over_bloat_sees_claims_and_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    the_server()
    monkeypatch.setattr(bloat, "WAITING", 2_000)
    monkeypatch.setattr(bloat, "ENDED", 100)
    monkeypatch.setattr(bloat, "SIGN", 0.1)
    (cells,) = bloat.watch(1 / 60, every=1)
    assert float(cells[1].replace(",", "")) > 0
    assert int(cells[2].replace(",", "")) > 0


def test_a_command_that_fails_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="exited with 3: oh"):
        seconds(["sh", "-c", "echo oh >&2; exit 3"], tmp_path)


def test_what_runs_beside_the_block_ends_with_it(tmp_path: Path) -> None:
    with background(["sh", "-c", "trap '' TERM; echo here; sleep 60 & wait; wait"], tmp_path, at_once=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        assert field(process.pid, "status", "VmRSS") > 0
    assert process.returncode == -9


def test_the_peak_of_memory_is_that_of_the_command(tmp_path: Path) -> None:
    assert 0 < peak_of(["sleep", "0.05"], tmp_path) < 10


def test_the_machine_is_described_without_its_name_or_paths() -> None:
    facts = machine.facts()
    assert {"processor", "kernel", "disk", "Python", "SQLite"} <= set(facts)
    assert not any("/" in value for value in facts.values())
