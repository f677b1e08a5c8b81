"""The parts of the benchmark suite work on a real store; how fast is not asked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from benchmarks import claim, enqueue, machine, startup
from benchmarks.measure import background, seconds
from benchmarks.memory import field, peak_of
from benchmarks.ours import make_store
from benchmarks.scale import TINY
from queuectl.model import JobState
from queuectl.repository import open_repository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
