"""What the store tells a screen that is drawn again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from queuectl.model import Bury, Cancel, Complete, Execution, JobSpec, JobState, Outcome, Retry, Verdict
from queuectl.repository.base import Filter, Settlement, WorkerIdentity
from queuectl.repository.glancing import Beat, QueueCounts
from queuectl.repository.sql import glancing

if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl.repository.protocol import JobRepository

NOW = 1_800_000_000_000
_IDENTITY = WorkerIdentity("w", "host", "boot", "ns", 1, 1, 9, (), "p")


@pytest.fixture
def store(repository: JobRepository) -> JobRepository:
    repository.join(_IDENTITY, now=NOW, ticks=1.0)
    return repository


def run(store: JobRepository, verdict: Verdict, *, at: int = NOW, seconds: float = 0.5, slots: int = 1) -> None:
    """Let the next jobs run and end so."""
    leases = store.turn([], worker=1, slots=slots, now=at, lease_seconds=60).leases
    failed = isinstance(verdict, Retry | Bury)
    outcome = Outcome.CANCELLED if isinstance(verdict, Cancel) else Outcome.EXITED
    done = Execution(outcome, int(failed), "exit code 1" if failed else None, at, at + int(seconds * 1000), seconds)
    settlements = [Settlement(lease.job.seq, lease.token, done, verdict) for lease in leases]
    store.turn(settlements, worker=1, slots=0, now=done.finished_at, lease_seconds=60)


def test_a_queue_tells_where_its_jobs_stand_and_the_busiest_comes_first(store: JobRepository) -> None:
    store.enqueue([JobSpec("true", queue="mail") for _ in range(3)], now=NOW)
    store.enqueue([JobSpec("true", queue="nightly", run_at=NOW + 60_000)], now=NOW)
    store.enqueue([JobSpec("true", priority=9)], now=NOW)
    store.turn([], worker=1, slots=1, now=NOW, lease_seconds=60)
    assert store.queue_counts(now=NOW, limit=9) == [
        QueueCounts("mail", ready=3),
        QueueCounts("default", processing=1),
        QueueCounts("nightly", scheduled=1),
    ]
    assert [one.name for one in store.queue_counts(now=NOW, limit=1)] == ["mail"]


def test_what_is_due_counts_as_ready_though_no_worker_has_seen_it(store: JobRepository) -> None:
    store.enqueue([JobSpec("true", run_at=NOW + 60_000)], now=NOW)
    assert store.queue_counts(now=NOW + 60_000, limit=9) == [QueueCounts("default", ready=1)]


def test_a_queue_without_anything_to_do_is_left_out(store: JobRepository) -> None:
    store.enqueue([JobSpec("true")], now=NOW)
    run(store, Complete())
    assert store.queue_counts(now=NOW, limit=9) == []


def test_the_most_frequent_death_comes_first(store: JobRepository) -> None:
    store.enqueue([JobSpec("a") for _ in range(3)], now=NOW)
    run(store, Bury("exit code 1", "refused"))
    run(store, Bury("exit code 2", "no such file"), slots=2)
    assert store.deadliest(limit=9) == [("no such file", 2), ("refused", 1)]
    assert store.deadliest(limit=1) == [("no such file", 2)]
    store.retry(Filter(signature="no such file"), now=NOW)
    assert store.deadliest(limit=9) == [("refused", 1)]


def test_each_end_is_told_once_newest_first_with_how_long_it_ran(store: JobRepository) -> None:
    store.enqueue([JobSpec("true", id=name) for name in ("good", "again", "bad", "waits")], now=NOW)
    run(store, Complete(), seconds=0.5)
    run(store, Retry(NOW + 9_000, "exit code 1"), seconds=1.5)
    run(store, Bury("exit code 1"), seconds=2.5)
    store.cancel(Filter(ids=("waits",)), now=NOW + 5_000, grace=5, by="me@here")
    ends = store.recent_ends(limit=9)
    assert [(end.job.id, end.state, end.seconds, end.reason) for end in ends] == [
        ("waits", JobState.CANCELLED, None, "cancelled by me@here"),
        ("bad", JobState.DEAD, 2.5, "exit code 1"),
        ("again", JobState.FAILED, 1.5, "exit code 1"),
        ("good", JobState.COMPLETED, 0.5, None),
    ]
    assert [end.attempt for end in ends] == [0, 1, 1, 1]
    assert ends == sorted(ends, key=lambda end: -end.number)
    assert store.recent_ends(limit=2) == ends[:2]


def test_a_job_that_was_retried_tells_each_of_its_ends(store: JobRepository) -> None:
    store.enqueue([JobSpec("true", id="a")], now=NOW)
    run(store, Bury("exit code 1"))
    store.retry(Filter(ids=("a",)), now=NOW + 1_000)
    run(store, Retry(NOW + 9_000, "exit code 1"), at=NOW + 2_000)
    run(store, Complete(), at=NOW + 10_000)
    assert [end.state for end in store.recent_ends(limit=9)] == ["completed", "failed", "dead"]


def test_the_pulse_counts_runs_in_spans_and_goes_on_where_it_stopped(store: JobRepository) -> None:
    store.enqueue([JobSpec("true") for _ in range(4)], now=NOW)
    run(store, Complete(), slots=2)
    run(store, Bury("exit code 1"), at=NOW + 5_000)
    pulse = store.pulse(after=0, span=5_000)
    assert pulse.beats == [Beat(NOW, 2, 0), Beat(NOW + 5_000, 0, 1)]
    assert pulse.since is None
    assert store.pulse(after=pulse.last, span=5_000).beats == []
    run(store, Complete(), at=NOW + 7_000)
    assert store.pulse(after=pulse.last, span=5_000).beats == [Beat(NOW + 5_000, 1, 0)]


def test_the_pulse_of_a_long_past_is_that_of_its_last_part(
    store: JobRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.enqueue([JobSpec("true") for _ in range(10)], now=NOW)
    for number in range(10):
        run(store, Complete(), at=NOW + number * 1_000, seconds=0)
    monkeypatch.setattr(glancing, "LOOK", 6)  # a claim and an end for each job
    pulse = store.pulse(after=0, span=1_000)
    assert [beat.at for beat in pulse.beats] == [NOW + number * 1_000 for number in (7, 8, 9)]
    assert pulse.since == NOW + 7_000
    assert len(store.recent_ends(limit=9)) == 3


@pytest.mark.engines("sqlite")  # a server's other databases and our own commits cost a look in vain
def test_the_version_changes_with_the_commits_of_others_only(
    store: JobRepository, connect: Callable[[], JobRepository]
) -> None:
    before = store.version()
    store.enqueue([JobSpec("true")], now=NOW)
    assert store.version() == before
    connect().enqueue([JobSpec("true")], now=NOW)
    assert store.version() != before


def test_an_empty_store_has_nothing_to_tell(store: JobRepository) -> None:
    assert store.queue_counts(now=NOW, limit=9) == []
    assert store.deadliest(limit=9) == []
    assert store.recent_ends(limit=9) == []
    assert store.pulse(after=0, span=1_000) == (0, None, [])
