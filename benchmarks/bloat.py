"""Watch what the server's dead rows come to while workers claim without a rest, minute by minute.

    python benchmarks/bloat.py --minutes 10

Two processes settle and claim ten jobs a turn; beside them new jobs come in, and those that have ended are
pruned, so that the number of jobs stays about the same: what grows then is bloat. The server is as it ships.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

# Run by path, it would find its own directory only.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import report
from benchmarks.measure import digits
from benchmarks.ours import join
from benchmarks.postgres.store import drop, make_store, server
from queuectl.model import JobSpec, JobState
from queuectl.repository import open_repository
from queuectl.repository.base import Filter

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from queuectl.repository.protocol import JobRepository

TAKER = Path(__file__).parent / "apps" / "taker.py"
WORKERS = 2
#: Jobs that wait, and that have ended, at the least.
WAITING, ENDED = 20_000, 100_000
#: Seconds between two signs of life, with which a worker folds the counters' rows.
SIGN = 5.0
#: More turns than anybody takes.
FOR_EVER = 10**9

HEADINGS = ["minute", "claims/s", "jobs", "dead rows of jobs", "jobs, MB", "its indexes, MB", "history, MB, all",
    "autovacuums of jobs"]  # fmt: skip
_LOOK = """
    SELECT n_live_tup, n_dead_tup, autovacuum_count, pg_table_size('jobs'), pg_indexes_size('jobs'),
        pg_total_relation_size('history'),
        (SELECT coalesce(sum(jobs), 0) FROM deltas WHERE queue = 'completed' AND place = 'pruned')
            + (SELECT coalesce(sum(jobs), 0) FROM deltas WHERE place = 'completed')
    FROM pg_stat_user_tables WHERE relname = 'jobs' AND schemaname = current_schema()
"""


class Look(NamedTuple):
    """The state of the tables at a moment."""

    live: int
    dead: int
    vacuums: int
    table: int  #: bytes
    indexes: int
    history: int
    ended: int  #: jobs, ever

    def cells(self, minute: int, rate: float) -> list[str]:
        """Write it as a line of the table."""
        sizes = [f"{size / 1e6:.0f}" for size in (self.table, self.indexes, self.history)]
        return [str(minute), digits(rate), f"{self.live:,}", f"{self.dead:,}", *sizes, str(self.vacuums)]


def main() -> None:
    """Print the table while it comes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    minutes = parser.parse_args().minutes
    print(report.head(HEADINGS), flush=True)
    for cells in watch(minutes):
        print(report.row(cells), flush=True)


def watch(minutes: float, *, every: float = 60.0) -> Iterator[list[str]]:
    """Yield a line of the table every minute."""
    with server() as found:
        schema, url = make_store(found)
        with contextlib.closing(open_repository(url)) as repository, contextlib.closing(found.connect(schema)) as db:
            _top_up(repository, WAITING)
            with contextlib.ExitStack() as stack:
                for _ in range(WORKERS):
                    stack.enter_context(_taking(url))
                db.execute("DELETE FROM homes")  # theirs: nobody would sweep there what pruned jobs leave
                yield from _lines(repository, db, minutes * 60, every)
        drop(found, schema)


def _lines(repository: JobRepository, db: psycopg.Connection, period: float, every: float) -> Iterator[list[str]]:
    worker = join(repository)
    began = last = signed = time.monotonic()
    before = _look(db)
    while last - began < period:
        while time.monotonic() - last < every:
            _tend(repository)
            if time.monotonic() - signed > SIGN:
                signed = time.monotonic()
                repository.renew(worker, now=2, ticks=0.0, lease_seconds=60)
            time.sleep(0.1)
        now, look = time.monotonic(), _look(db)
        yield look.cells(round((now - began) / every), (look.ended - before.ended) / (now - last))
        last, before = now, look


@contextlib.contextmanager
def _taking(url: str) -> Iterator[None]:
    command = [sys.executable, str(TAKER), "ours", url, str(FOR_EVER)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as taker:
        assert taker.stdin is not None
        assert taker.stdout is not None
        taker.stdout.readline()
        taker.stdin.write("go\n")
        taker.stdin.flush()
        try:
            yield
        finally:
            taker.kill()


def _tend(repository: JobRepository) -> None:
    """Bring in as many jobs as were taken, and remove as many as have ended."""
    counts = repository.counts(now=2)
    _top_up(repository, WAITING - counts.ready)
    surplus = counts.states[JobState.COMPLETED] - ENDED
    while surplus > 0:
        repository.prune(Filter(states=(JobState.COMPLETED,)), limit=min(surplus, 500))
        surplus -= 500
    while left := repository.leftovers(limit=1000):
        repository.swept(left)


def _top_up(repository: JobRepository, jobs: int) -> None:
    if jobs > 0:
        repository.enqueue([JobSpec("true")] * jobs, now=1)


def _look(db: psycopg.Connection) -> Look:
    found = db.execute(_LOOK).fetchone()
    assert found is not None
    return Look._make(map(int, found))


if __name__ == "__main__":
    main()
