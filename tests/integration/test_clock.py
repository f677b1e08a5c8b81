"""What is stored goes by the clock of the store, though the shim and the files go by the machine's own."""

from __future__ import annotations

import os
import select
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from queuectl import clock
from queuectl.model import JobSpec, JobState
from queuectl.repository import open_repository
from queuectl.worker.hold import Hold, since_boot
from queuectl.worker.options import WorkerOptions
from queuectl.worker.process import Shim, Start
from queuectl.worker.record import Record
from queuectl.worker.run import run_worker
from tests.engines import PostgresPlace, the_server

if TYPE_CHECKING:
    from pathlib import Path

    from queuectl.worker.events import Event, View
    from tests.integration.conftest import CommandLine

AHEAD = 3_600_000


class Silent:
    """An observer that keeps what it is told."""

    interval: float | None = None

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        self.events.append(event)

    def tick(self, view: View) -> None:
        """Look at nothing."""


@pytest.fixture
def _ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store's clock be an hour ahead of ours."""
    monkeypatch.setattr(clock, "_ahead", None)  # and after the test
    clock.follow(clock.local() + AHEAD, around=(clock.since_boot(), clock.since_boot()))


@pytest.mark.usefixtures("_ahead")
def test_a_run_starts_and_ends_by_the_clock_of_the_store(tmp_path: Path) -> None:
    shim = Shim(tmp_path / "record", "store")
    before = clock.now()
    shim.send([("most", 1), Start(0, "1-1", "exit 3", str(tmp_path), {}, tmp_path / "log", 1000).message()])
    execution = None
    poll = select.poll()
    poll.register(shim.fileno(), select.POLLIN)
    while execution is None:
        assert poll.poll(20_000)
        execution = next((end for _, end, _ in shim.news() or [] if end), None)
    shim.close()
    os.waitpid(shim.pid, 0)
    recorded = Record(tmp_path / "record").run("1-1")
    assert recorded is not None
    assert recorded.execution is not None
    # Each conversion is rounded for itself.
    assert abs(recorded.execution.finished_at - execution.finished_at) <= 2
    assert before - 2 <= recorded.started_at <= execution.finished_at + 2 <= clock.now() + 4
    assert abs((execution.started_at or 0) - recorded.started_at) <= 2


@pytest.mark.usefixtures("_ahead")
def test_a_worker_claims_and_tells_by_the_clock_of_the_store(tmp_path: Path) -> None:
    observer = Silent()
    with closing(open_repository(str(tmp_path / "queue.db"))) as repository:
        now = clock.now()
        repository.enqueue([JobSpec("true", run_at=now - 1)], now=now)
        run_worker(repository, WorkerOptions(drain=True), observer)
        (job,) = repository.list().jobs
        assert job.state is JobState.COMPLETED
        assert now <= (job.started_at or 0) <= (job.finished_at or 0) <= clock.now()
    assert all(now <= event.at <= clock.now() for event in observer.events)


@pytest.mark.usefixtures("_ahead")
def test_whoever_sets_this_machine_s_clock_does_not_move_that_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    before, real = clock.now(), time.time_ns
    for hours in (-2, 2):
        monkeypatch.setattr(time, "time_ns", lambda: real() + hours * 3_600_000_000_000)  # noqa: B023 - used at once
        assert before <= clock.now() < before + 60_000
        assert before <= clock.shared(clock.local()) < before + 60_000


@pytest.mark.usefixtures("_ahead")
def test_an_answer_that_took_long_moves_the_clock_only_if_it_must() -> None:
    before, boot = clock.now(), clock.since_boot()
    clock.follow(before + 5_000, around=(boot, boot + 9_000))
    assert before <= clock.now() < before + 1_000
    clock.follow(before + 50_000, around=(boot, boot + 9_000))
    assert before + 45_500 <= clock.now() < before + 46_500


@pytest.mark.usefixtures("_ahead")
def test_a_hold_ends_by_the_clock_of_the_store_where_the_machine_stood_still() -> None:
    hold = Hold(is_shared=True)
    now, boot = clock.now(), clock.since_boot()
    hold.renew(since_boot(), 60.0, now)
    seen = [hold.is_ending]
    clock.follow(now + 54_000, around=(boot, boot))
    seen.append(hold.is_ending)
    hold.renew(since_boot(), 60.0, clock.now())
    seen.append(hold.is_ending)
    assert seen == [False, True, False]


@pytest.mark.postgres
def test_a_server_s_clock_is_looked_at_with_every_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(clock, "_ahead", None)
    place = PostgresPlace(the_server(), tmp_path)
    with closing(place.open()) as repository:
        for method in (repository.settings, lambda: repository.set_setting("lease", "60s")):
            clock.follow(clock.local() + AHEAD, around=(clock.since_boot(), clock.since_boot()))
            method()
            assert abs(clock.now() - clock.local()) < 10_000  # it is our own, in this test
    place.remove()


@pytest.mark.usefixtures("_ahead")
def test_a_delay_counts_from_the_present_of_the_store(run: CommandLine) -> None:
    for words in (("--delay", "10s"), ("--at", "+10s")):
        before = clock.now()
        run("enqueue", "--id", words[0].strip("-"), *words, "true")
        due = run.job(words[0].strip("-")).next_run_at or 0
        assert before + 10_000 <= due <= clock.now() + 10_000


def test_no_file_is_made_to_ask_it_for_the_present(run: CommandLine) -> None:
    run("enqueue", "--at", "+10s", "--timeout", "nonsense", "true", code=2)
    assert not run.database.exists()


def test_a_server_is_asked_before_a_time_counts_from_its_present(run: CommandLine) -> None:
    message, _ = run.error(
        "enqueue", "--at", "+10s", "--db", "nosuch://host/db", "--timeout", "nonsense", "true", code=6
    )
    assert "nosuch" in message
