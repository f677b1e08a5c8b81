"""`queuectl stats` without a process."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from queuectl import statistics
from queuectl.model import Bury, Complete, Execution, JobSpec, Outcome, Retry, Verdict
from queuectl.repository.base import Settlement, WorkerIdentity
from queuectl.repository.sqlite import SqliteRepository
from queuectl.statistics import Step

if TYPE_CHECKING:
    from queuectl.repository.protocol import JobRepository
    from tests.integration.conftest import CommandLine

WORKER = WorkerIdentity("w1", "host", "boot", "ns", 4711, 1, 2, (), "p1")
NUMBERS = """
    ended per_minute success_rate completed dead cancelled attempts retries
    waiting_seconds.p50 waiting_seconds.p95 waiting_seconds.max
    running_seconds.p50 running_seconds.p95 running_seconds.max
"""


def _drain(store: JobRepository, verdict: Verdict, *, at: int, seconds: float = 0.25) -> None:
    """Let a worker run all that is ready, so that it ends at an instant."""
    worker = store.join(WORKER, now=at, ticks=1.0)
    begin = at - round(seconds * 1000)
    execution = Execution(Outcome.EXITED, 0, "exit code 1", begin, at, seconds)
    leases = store.turn([], worker=worker, slots=100, now=begin, lease_seconds=60).leases
    store.turn(
        [Settlement(one.job.seq, one.token, execution, verdict) for one in leases],
        worker=worker, slots=0, now=at, lease_seconds=60,
    )  # fmt: skip


@pytest.fixture
def filled(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A store with four jobs: two completed and one dead in the last hour, one completed before."""
    now = 1_800_000_000_000
    monkeypatch.setattr("queuectl.clock.now", lambda: now)
    store = SqliteRepository(run.database)
    ago = now - 2 * 3_600_000
    store.enqueue([JobSpec("true", id="old")], now=ago)
    _drain(store, Complete(), at=ago + 1000)
    recent = now - 60_000
    store.enqueue([JobSpec("true", id="a", tags=("x", "y")), JobSpec("true", id="b", queue="mail")], now=recent - 1000)
    _drain(store, Complete(), at=recent)
    store.enqueue([JobSpec("true", id="c", queue="mail", tags=("x",))], now=recent - 1000)
    _drain(store, Retry(recent + 1000, "exit code 1"), at=recent)
    _drain(store, Bury("exit code 1"), at=recent + 2000, seconds=0.5)
    store.close()
    return run


def test_a_pipe_gets_a_line_a_number(filled: CommandLine) -> None:
    lines = [line.split("\t") for line in filled("stats").splitlines()]
    assert [name for name, _ in lines] == ["since", "until", *NUMBERS.split()]
    numbers = dict(lines)
    assert (numbers["ended"], numbers["completed"], numbers["dead"]) == ("3", "2", "1")
    assert (numbers["attempts"], numbers["retries"], numbers["success_rate"]) == ("4", "1", "0.666667")
    assert numbers["per_minute"] == "0.05"
    assert (numbers["waiting_seconds.p50"], numbers["waiting_seconds.max"]) == ("0.75", "0.75")
    assert (numbers["running_seconds.p50"], numbers["running_seconds.max"]) == ("0.25", "0.5")


def test_a_longer_span_holds_more(filled: CommandLine) -> None:
    assert filled.json("stats", "--since", "3h")["total"]["completed"] == 3
    assert filled.json("stats", "--since", "1s")["total"]["ended"] == 0


def test_json_is_one_document(filled: CommandLine) -> None:
    found = filled.json("stats", "--by", "queue")
    assert list(found) == ["since", "until", "is_cut", "by", "total", "groups", "curve"]
    assert (found["is_cut"], found["by"]) == (False, "queue")
    assert [(group["name"], group["ended"], group["success_rate"]) for group in found["groups"]] == [
        ("mail", 2, 0.5),
        ("default", 1, 1.0),
    ]
    assert found["curve"]["seconds"] == 60.0
    assert sum(found["curve"]["ended"]) == 3
    assert filled.json("stats")["groups"] == []


def test_by_tag_a_job_counts_for_each_of_its_tags(filled: CommandLine) -> None:
    groups = {group["name"]: group["ended"] for group in filled.json("stats", "--by", "tag")["groups"]}
    assert groups == {"x": 2, "y": 1, None: 1}
    lines = [line.split("\t") for line in filled("stats", "--by", "tag").splitlines()]
    assert [line[0] for line in lines] == ["x", "", "y"]
    assert {len(line) for line in lines} == {1 + len(NUMBERS.split())}


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_a_terminal_gets_a_page_that_fits(filled: CommandLine, width: int) -> None:
    filled.on_terminal(width)
    lines = filled("stats", "--by", "queue").splitlines()
    assert lines[0].startswith("Last 1h: 3 jobs")
    assert all(len(line) <= width for line in lines)
    assert any(line.startswith("QUEUE") for line in lines)
    assert [line.split()[0] for line in lines[-2:]] == ["mail", "default"]
    assert filled("stats", "--by", "tag").splitlines()[-2].startswith("(no tag)")


def test_of_an_empty_store_there_is_nothing(run: CommandLine) -> None:
    assert run.json("stats")["total"]["ended"] == 0
    assert "ended\t0\n" in run("stats")
    assert run("stats", "--by", "tag") == ""
    run.on_terminal()
    assert run("stats").startswith("Last 1h: 0 jobs ended, 0 a minute\n")


def test_a_walk_that_was_cut_says_so(filled: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "LOOK", 3)
    found = filled.json("stats")
    assert found["is_cut"] is True
    assert re.match(r"That is the last 5\ds only: ", filled.said)


def test_names_are_shown_safely(run: CommandLine) -> None:
    run("-q", "enqueue", "-t", "[b]x[/b]:fire:", "true")
    run.settle("completed")
    run.on_terminal(200)
    assert "[b]x[/b]:fire:" in run("stats", "--by", "tag", "--since", "36000d")


@pytest.mark.parametrize(
    "args", [("--since", "soon"), ("--since", "-1"), ("--since", "0"), ("--since", "0s"), ("--by", "worker"), ("x",)]
)
def test_what_makes_no_sense_is_refused(run: CommandLine, args: tuple[str, ...]) -> None:
    run.error("stats", *args, code=2)


def test_the_history_is_read_newest_first_with_its_jobs_if_they_are_wanted(repository: JobRepository) -> None:
    store = repository
    store.enqueue([JobSpec("true", queue="mail", tags=("x", "y"))], now=1_000_000)
    _drain(store, Complete(), at=2_000_000)
    claim, end = ("processing", 1_999_750, 1_000_000), ("completed", 2_000_000, 1_999_750)
    assert list(store.steps()) == [Step(*end), Step(*claim)]
    assert list(store.steps(with_jobs=True)) == [Step(*end, "mail", ("x", "y")), Step(*claim, "mail", ("x", "y"))]
