"""A worker and those who enqueue, at the end of a cable that is cut: every command runs once, none is said to fail."""

from __future__ import annotations

import signal
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import Shop, eventually
from tests.cable import Cable, Moment
from tests.engines import ENGINES, PostgresPlace
from tests.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.conftest import Worker

pytestmark = pytest.mark.postgres

COMMIT = r"\bcommit\b"


@pytest.fixture
def place(server_place: PostgresPlace) -> PostgresPlace:
    return server_place


@pytest.fixture
def shop(tmp_path: Path, place: PostgresPlace, cable: Cable, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A queue whose program is at the end of the cable; this process looks at it beside that."""
    monkeypatch.setenv("QUEUECTL_DB", place.server.url(place.schema, host="127.0.0.1", port=cable.port))
    shop = Shop(tmp_path, place, ENGINES["postgres"])
    yield shop
    cable.mend()
    shop.close()


def _stops(worker: Worker) -> None:
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0
    assert "Traceback" not in worker.output


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("code", [0, 7])
def test_a_result_whose_commit_is_cut_is_written_once(shop: Shop, cable: Cable, moment: Moment, code: int) -> None:
    gate = shop.gate()
    job = shop.enqueue(f"echo run >> runs; {gate.wait}; exit {code}", max_retries=1)
    worker = shop.start_worker()
    eventually(lambda: shop.lines("runs"), "the command runs")
    # Only what settles: a sign of life may come in between.
    cable.cut_at(r"\bcommit\b", moment)
    gate.open()
    found = shop.becomes(job, "dead" if code else "completed")
    cable.is_cut()
    assert (found.exit_code, found.attempts) == (code, 1)
    after = shop.enqueue("echo after >> runs")
    shop.becomes(after, "completed")
    assert shop.lines("runs") == ["run", "after"]
    assert not worker.events("lease_lost")
    _stops(worker)


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("skip", range(3))
def test_wherever_it_is_cut_while_it_drains_every_command_runs_once(
    shop: Shop, cable: Cable, moment: Moment, skip: int
) -> None:
    jobs = shop.enqueue_all([{"command": f"echo {number} >> runs"} for number in range(12)])
    cable.cut_at(COMMIT, moment, skip=skip)
    shop.work("--drain", "-c", "2")
    cable.is_cut()
    assert sorted(map(int, shop.lines("runs"))) == list(range(12))
    assert {(shop.job(job).state.value, shop.job(job).attempts) for job in jobs} == {("completed", 1)}
    shop.is_quiet()
    assert not shop.store.workers()


def test_an_enqueue_that_is_cut_before_its_commit_fails_and_one_that_is_cut_after_it_does_not(
    shop: Shop, cable: Cable
) -> None:
    shop.queuectl("init")
    cable.cut_at(COMMIT, Moment.BEFORE)
    shop.queuectl("enqueue", "--id", "before", "true", code=6)
    assert "cannot be reached" in shop.said
    cable.cut_at(COMMIT, Moment.AFTER)
    assert shop.queuectl("enqueue", "--id", "after", "true") == "after\n"
    cable.is_cut()
    assert [job.id for job in shop.jobs()] == ["after"]


def test_an_enqueue_of_which_nobody_knows_says_so(shop: Shop, cable: Cable) -> None:
    shop.queuectl("init")
    cable.cut_at(COMMIT, Moment.AFTER, for_good=True)
    shop.queuectl("enqueue", "--id", "a", "true", code=6)
    assert "whether it was done is not known" in shop.said
    assert "Hint: " in shop.said
    assert [job.id for job in shop.jobs()] == ["a"]


def test_a_worker_whose_idle_connection_was_cut_hears_of_the_next_job_at_once(shop: Shop, cable: Cable) -> None:
    worker = shop.start_worker()
    for number in range(3):
        cable.drop()
        job = shop.enqueue(f"echo {number} >> runs")
        shop.becomes(job, "completed")
    assert shop.lines("runs") == ["0", "1", "2"]
    _stops(worker)


# -- a server that goes away ----------------------------------------------------------


@pytest.fixture
def own(place: PostgresPlace) -> Iterator[Server]:
    """A server that nobody else uses."""
    del place  # whoever has no server is skipped there
    with tempfile.TemporaryDirectory(prefix="queuectl-tests-", dir="/tmp") as room:
        Path(room).chmod(0o755)
        server = Server(Path(room))
        server.make()
        server.start()
        yield server
        server.stop()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_what_ends_while_the_server_is_away_is_written_when_it_is_back(
    own: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: int
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    place = PostgresPlace(own, tmp_path)
    monkeypatch.setenv("QUEUECTL_DB", place.url)
    with closing(Shop(tmp_path, place, ENGINES["postgres"])) as shop:
        gate = shop.gate()
        job = shop.enqueue(f"echo run >> runs; {gate.wait}; exit 7", max_retries=1)
        after = shop.enqueue("echo after >> runs")
        worker = shop.start_worker()
        eventually(lambda: shop.lines("runs"), "the command runs")
        own.stop(how)
        gate.open()
        worker.said("results are kept")
        assert worker.process.poll() is None
        own.start()
        found = shop.becomes(job, "dead")
        assert (found.exit_code, found.attempts) == (7, 1)
        shop.becomes(after, "completed")
        assert shop.lines("runs") == ["run", "after"]
        _stops(worker)
