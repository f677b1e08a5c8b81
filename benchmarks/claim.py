"""A worker's turn without its commands: settle ten jobs and claim ten, in one fsynced transaction.

Measured: microseconds a job in one process on an empty store, beside the same statements with the
same values run by bare `sqlite3` on a second one; and a turn with a long history, a backlog and as
many jobs due next century at a higher priority, beside a turn on an empty store.
Not measured: starting commands, the run record, log files, several workers (`contention`).
"""

from __future__ import annotations

import itertools
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from benchmarks.measure import digits, in_turn, room, spread
from benchmarks.ours import join, make_store, turns
from benchmarks.result import Result, absolute, ratio
from queuectl.model import JobSpec
from queuectl.repository import open_repository

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

    from benchmarks.scale import Scale
    from queuectl.repository.protocol import JobRepository

SLOTS = 10


def measure(scale: Scale) -> Result:
    """Measure the turn by itself."""
    jobs = scale.turns * SLOTS
    with room() as where:
        numbers = itertools.count()
        statements = _record(where / "recorded.db", scale.turns)
        samples = in_turn(
            {
                "queuectl": lambda: _through_the_program(where / f"{next(numbers)}.db", scale.turns),
                "bare": lambda: _replay(where / f"{next(numbers)}.db", statements, jobs),
            },
            scale.rounds,
        )
    micros = {name: [took / jobs * 1e6 for took in times] for name, times in samples.items()}
    bare = f"the same statements, bare: {digits(spread(micros['bare']).median)} µs"
    return Result([absolute("turn", "claim and settle a job, ten a turn", micros["queuectl"], "µs", bare)])


def measure_history(scale: Scale) -> Result:
    """Measure the turn on a store that has been used for long."""
    with room() as where:
        make_store(where / "used.db", finished=scale.finished, waiting=scale.waiting, delayed=scale.finished)
        make_store(where / "empty.db")
        with (
            closing(open_repository(str(where / "used.db"))) as used,
            closing(open_repository(str(where / "empty.db"))) as empty,
        ):
            workers = {"used": (used, join(used)), "empty": (empty, join(empty))}
            samples = in_turn(
                {name: partial(_timed, *them, scale.turns) for name, them in workers.items()},
                scale.rounds,
            )
    what = f"{scale.turns} turns, {scale.finished:,} finished, {scale.waiting:,} waiting, {scale.finished:,} not due"
    return Result([ratio("history", what, samples["used"], "empty store", samples["empty"])])


def _timed(repository: JobRepository, worker: int, number: int) -> float:
    """Return the seconds of so many turns, with enough to claim."""
    repository.enqueue([JobSpec("true")] * (number * SLOTS), now=1)
    began = time.perf_counter()
    claimed = sum(turns(repository, worker, number, SLOTS))
    took = time.perf_counter() - began
    assert claimed == number * SLOTS
    return took


def _through_the_program(path: Path, number: int) -> float:
    with closing(open_repository(str(path))) as repository:
        return _timed(repository, join(repository), number)


class _Recorder:
    """Stands between a repository and its connection, and keeps what is asked of it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.asked: list[tuple[str, Any]] = []
        make_tokens_predictable(db)

    def execute(self, statement: str, values: Any = ()) -> sqlite3.Cursor:
        self.asked.append((statement, values))
        return self.db.execute(statement, values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)


def make_tokens_predictable(db: sqlite3.Connection) -> None:
    """Count instead of rolling dice, so that the statements of one store fit another."""
    tokens = itertools.count()
    db.create_function("randomblob", 1, lambda size: next(tokens).to_bytes(size, "big"))


def _record(path: Path, number: int) -> list[tuple[str, Any]]:
    """Run the turns once and return every statement with its values."""
    with closing(open_repository(str(path))) as repository:
        worker = join(repository)
        repository.enqueue([JobSpec("true")] * (number * SLOTS), now=1)
        recorder = cast("Any", repository)._db = _Recorder(cast("Any", repository)._db)
        for _ in turns(repository, worker, number, SLOTS):
            pass
        return recorder.asked


def _replay(path: Path, statements: Iterable[tuple[str, Any]], jobs: int) -> float:
    """Run recorded statements on a like store; nothing but `sqlite3` is in the way."""
    with closing(open_repository(str(path))) as repository:
        join(repository)
        repository.enqueue([JobSpec("true")] * jobs, now=1)
        db: sqlite3.Connection = cast("Any", repository)._db
        make_tokens_predictable(db)
        began = time.perf_counter()
        for statement, values in statements:
            db.execute(statement, values).fetchall()
        took = time.perf_counter() - began
        (done,) = db.execute("SELECT count(*) FROM jobs WHERE state = 'completed'").fetchone()
        assert done == jobs
    return took
