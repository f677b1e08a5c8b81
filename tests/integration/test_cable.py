"""The cable of the tests cuts where it says: shown with the driver alone, for much is proved with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.cable import Cable, Moment
from tests.engines import the_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from tests.server import Server

pytestmark = pytest.mark.postgres


@pytest.fixture
def server() -> Server:
    return the_server()


@pytest.fixture
def cable(server: Server) -> Iterator[Cable]:
    with closing(Cable(server.socket)) as cable:
        yield cable


class Numbers:
    """A table of its own, looked at beside the cable."""

    def __init__(self, server: Server) -> None:
        self.db = _connected(server.conninfo)
        self.db.execute("CREATE TABLE cable (number int)")

    def __call__(self) -> list[int]:
        return [number for (number,) in self.db.execute("SELECT number FROM cable ORDER BY 1")]


@pytest.fixture
def numbers(server: Server, request: pytest.FixtureRequest) -> Iterator[Numbers]:
    """Numbers that nobody else has: each test's table is in a database of its own."""
    name = f"cable_{abs(hash(request.node.nodeid))}"
    with closing(_connected(server.conninfo)) as db:
        db.execute(f"CREATE DATABASE {name}")
        server.conninfo = server.conninfo.replace("dbname=postgres", f"dbname={name}")
        found = Numbers(server)
        yield found
        found.db.close()
        db.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _connected(conninfo: str, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
    import psycopg

    return psycopg.connect(conninfo, autocommit=True, **options)


@pytest.fixture
def client(server: Server, cable: Cable, numbers: Numbers) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    del numbers  # it has made the database
    with closing(_connected(server.conninfo, host="127.0.0.1", port=cable.port)) as db:
        yield db


def _lost() -> Any:
    import psycopg

    return pytest.raises(psycopg.OperationalError)


def test_what_is_sent_arrives(client: psycopg.Connection[tuple[Any, ...]], numbers: Numbers, cable: Cable) -> None:
    with client.transaction():
        client.execute("INSERT INTO cable SELECT * FROM generate_series(1, 5000)")
        with client.cursor() as cursor, cursor.copy("COPY cable FROM STDIN") as copy:
            for number in range(5000, 9000):
                copy.write_row([number + 1])
    assert numbers() == list(range(1, 9001))
    assert client.execute("SELECT count(*), %s::text FROM cable", ("x" * 200_000,)).fetchone() == (9000, "x" * 200_000)
    assert cable.connections() == 1


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("end", ["COMMIT", "NOTIFY somebody; COMMIT"])
def test_a_commit_is_cut_before_the_server_or_before_the_client_knows_of_it(
    client: psycopg.Connection[tuple[Any, ...]], numbers: Numbers, cable: Cable, moment: Moment, end: str
) -> None:
    cable.cut_at(r"\bcommit\b", moment)
    client.execute("BEGIN")
    client.execute("INSERT INTO cable VALUES (%s)", (1,))
    with _lost():
        client.execute(end)
    cable.is_cut()
    assert client.closed
    assert numbers() == ([1] if moment is Moment.AFTER else [])


@pytest.mark.parametrize("moment", Moment)
def test_in_a_pipeline_too(
    client: psycopg.Connection[tuple[Any, ...]], numbers: Numbers, cable: Cable, moment: Moment
) -> None:
    cable.cut_at("commit", moment)
    with _lost(), client.pipeline(), client.transaction():
        client.execute("INSERT INTO cable VALUES (%s)", (1,))
    cable.is_cut()
    assert numbers() == ([1] if moment is Moment.AFTER else [])


def test_some_may_go_by_before_and_all_after_it(server: Server, numbers: Numbers, cable: Cable) -> None:
    cable.cut_at("commit", Moment.AFTER, skip=1)
    for number in range(3):
        with closing(_connected(server.conninfo, host="127.0.0.1", port=cable.port)) as client:
            client.execute("BEGIN")
            client.execute("INSERT INTO cable VALUES (%s)", (number,))
            if number == 1:
                with _lost():
                    client.execute("COMMIT")
            else:
                client.execute("COMMIT")
    assert numbers() == [0, 1, 2]


def test_cut_for_good_nobody_comes_through_until_it_is_mended(
    client: psycopg.Connection[tuple[Any, ...]], server: Server, cable: Cable
) -> None:
    cable.cut_at("select 1", Moment.BEFORE, for_good=True)
    with _lost():
        client.execute("SELECT 1")
    with _lost():
        _connected(server.conninfo, host="127.0.0.1", port=cable.port)
    cable.mend()
    with closing(_connected(server.conninfo, host="127.0.0.1", port=cable.port)) as again:
        assert again.execute("SELECT 1").fetchone() == (1,)


def test_dropped_connections_end_and_new_ones_come_through(
    client: psycopg.Connection[tuple[Any, ...]], server: Server, cable: Cable
) -> None:
    cable.drop()
    with _lost():
        client.execute("SELECT 1")
    with closing(_connected(server.conninfo, host="127.0.0.1", port=cable.port)) as again:
        assert again.execute("SELECT 1").fetchone() == (1,)


def test_what_is_held_arrives_when_it_is_mended(
    client: psycopg.Connection[tuple[Any, ...]], numbers: Numbers, cable: Cable
) -> None:
    cable.hold()
    with ThreadPoolExecutor() as pool:
        done = pool.submit(client.execute, "INSERT INTO cable VALUES (7)")
        with pytest.raises(TimeoutError):
            done.result(0.2)
        assert numbers() == []
        cable.mend()
        assert done.result(20).rowcount == 1
    assert numbers() == [7]
