"""On a server a person's command meets others that change the same job: it waits, looks again, and is done second."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from queuectl.changes import parse_changes
from queuectl.model import JobSpec, JobState
from queuectl.repository.base import Filter, IfExists

if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl.model import Job
    from queuectl.repository.protocol import JobRepository
    from tests.engines import PostgresPlace

pytestmark = pytest.mark.postgres

NOW = 1_800_000_000_000


def _edit(store: JobRepository) -> None:
    store.edit(["a"], parse_changes(["priority=3"], now=NOW), now=NOW, by="me@here")


def _cancel(store: JobRepository) -> None:
    store.cancel(Filter(ids=("a",)), now=NOW, grace=1.0, by="me@here")


def _retry(store: JobRepository) -> None:
    store.cancel(Filter(ids=("a",)), now=NOW, grace=1.0)
    store.retry(Filter(ids=("a",), states=(JobState.CANCELLED,)), now=NOW, by="me@here")


def _replace(store: JobRepository) -> None:
    store.enqueue([JobSpec("false", id="a", priority=3)], now=NOW, if_exists=IfExists.REPLACE)


ACTS: dict[str, tuple[Callable[[JobRepository], None], Callable[[Job], bool]]] = {
    "edit": (_edit, lambda job: job.priority == 3),
    "cancel": (_cancel, lambda job: job.state is JobState.CANCELLED and job.priority == 7),
    "retry": (_retry, lambda job: job.state is JobState.PENDING and job.priority == 7),
    "replace": (_replace, lambda job: job.command == "false" and job.priority == 3),
}


@pytest.mark.parametrize("act", ACTS)
def test_whoever_is_overtaken_looks_again(server_place: PostgresPlace, act: str) -> None:
    does, is_done = ACTS[act]
    with closing(server_place.open()) as store:
        store.enqueue([JobSpec("true", id="a")], now=NOW)
        options = f"-csearch_path={server_place.schema}"
        with psycopg.connect(server_place.server.conninfo, options=options) as other:
            other.execute("UPDATE jobs SET priority = 7")
            acting = _Acting(server_place, does)
            acting.start()
            acting.waits_for(other.info.backend_pid)
            other.commit()
        acting.join()
        assert acting.error is None
        assert is_done(store.get("a"))


class _Acting(threading.Thread):
    """Somebody else, with a connection of their own."""

    def __init__(self, place: PostgresPlace, does: Callable[[JobRepository], None]) -> None:
        super().__init__()
        self._place = place
        self._does = does
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with closing(self._place.open()) as store:
                self._does(store)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells
            self.error = error

    def waits_for(self, pid: int) -> None:
        """Wait until it stands behind a lock of the server's process with this number."""
        ends = time.monotonic() + 20
        query = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
        with psycopg.connect(self._place.server.conninfo, autocommit=True) as watcher:
            while watcher.execute(query, (pid,)).fetchone() == (0,):
                assert self.is_alive(), self.error
                assert time.monotonic() < ends
