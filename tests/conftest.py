"""What all tests share: how hard Hypothesis looks, on which storage engines they run, and the server of one of them.

`HYPOTHESIS_PROFILE=thorough` before a release, `ci` there, else `dev`. `QUEUECTL_REQUIRE_POSTGRES=1` lets tests fail
that would be skipped because there is no PostgreSQL.
"""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests import server
from tests.cable import Cable
from tests.engines import ENGINES, NO_SERVER, Engine, PostgresPlace, is_required, lacking, the_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from queuectl.repository.protocol import JobRepository
    from tests.engines import Place

# Whoever runs the tests may have preferences, which are not the tests'. Nor is what stands in the state directory:
# a test that is about to write there says where.
os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_STATE_HOME"] = os.devnull

_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("dev", _PATIENT)
settings.register_profile("ci", _PATIENT, derandomize=True, print_blob=True)
settings.register_profile("thorough", _PATIENT, max_examples=3000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


# -- the server -----------------------------------------------------------------------

_ROOM = pytest.StashKey["Path"]()


def pytest_configure(config: pytest.Config) -> None:
    """Say which markers there are, and make room for the server of this run."""
    config.addinivalue_line("markers", "engines(*names): only these storage engines")
    config.addinivalue_line("markers", "postgres: needs a PostgreSQL server")
    if not hasattr(config, "workerinput"):  # one of xdist's processes finds it made
        config.stash[_ROOM] = server.make_room()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the server of this run."""
    if room := config.stash.get(_ROOM, None):
        server.leave_room(room)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say so, where it cannot be overlooked, if an engine went untested."""
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())]
    if untested := [reason for reason in reasons if NO_SERVER in reason]:
        terminalreporter.section("POSTGRESQL WAS NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(
            f"{len(untested)} TESTS WERE SKIPPED. {untested[0].partition(NO_SERVER)[2][:-2]}", red=True
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip at once, in one line a file, what cannot have a server."""
    if (reason := lacking()) and not is_required():
        for item in items:
            if item.get_closest_marker("postgres"):
                item.add_marker(pytest.mark.skip(reason=reason))


# -- the engines ----------------------------------------------------------------------


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what takes an engine once for each."""
    if "engine" in metafunc.fixturenames:
        chosen = metafunc.definition.get_closest_marker("engines")
        names = chosen.args if chosen else tuple(ENGINES)
        marks = {"postgres": [pytest.mark.postgres]}
        params = [pytest.param(ENGINES[name], marks=marks.get(name, ()), id=name) for name in names]
        metafunc.parametrize("engine", params, indirect=True, scope="session")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Engine:
    """A storage engine."""
    found: Engine = request.param
    return found


@pytest.fixture
def place(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Where a store of this test's own may be."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    place = engine.place(tmp_path)
    yield place
    place.remove()


@pytest.fixture
def server_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresPlace]:
    """The same on a server, for those whose subject is the server."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    place = PostgresPlace(the_server(), tmp_path)
    yield place
    place.remove()


@pytest.fixture
def cable(server_place: PostgresPlace) -> Iterator[Cable]:
    """What lies between it and whoever goes there by the port of the cable."""
    with closing(Cable(server_place.server.socket)) as cable:
        yield cable


@pytest.fixture
def connect(place: Place) -> Iterator[Callable[[], JobRepository]]:
    """Open the same store once more with each call, as another process would."""
    opened: list[JobRepository] = []

    def once_more() -> JobRepository:
        opened.append(place.open())
        return opened[-1]

    yield once_more
    for repository in opened:
        repository.close()


@pytest.fixture
def repository(connect: Callable[[], JobRepository]) -> JobRepository:
    """A store of this test's own."""
    return connect()
