"""The program that is measured: how it is called, and stores of any size for it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from queuectl.model import Complete, Execution, Outcome
from queuectl.repository import open_repository
from queuectl.repository.base import Settlement, WorkerIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl.repository.base import Lease
    from queuectl.repository.protocol import JobRepository

_SCRIPT = shutil.which("queuectl", path=str(Path(sys.executable).parent))
QUEUECTL = [_SCRIPT] if _SCRIPT else [sys.executable, "-m", "queuectl"]

#: What every command of the program has to import, whoever wrote it.
IMPORT = [sys.executable, "-c", "import click, sqlite3, json"]

#: The first of January 2100.
FAR_AHEAD = 4102444800000

_NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"

_FINISHED = (
    f"{_NUMBERS} INSERT INTO jobs (id, command, state, queue, priority, attempts, max_retries, runs, created_at,"
    " updated_at, started_at, finished_at, duration_seconds, exit_code)"
    " SELECT 'done-' || i, 'true', 'completed', 'default', 0, 1, 3, 1, 1, 1, 1, 1, 0.001, 0 FROM n"
)
_TRANSITIONS = (
    "INSERT INTO history (job, at, state, attempt, run, since, exit_code)"
    " SELECT seq, 1, reached, 1, 1, 1, code FROM jobs,"
    " (SELECT 1 AS step, 'processing' AS reached, NULL AS code UNION ALL SELECT 2, 'completed', 0)"
    " WHERE state = 'completed' ORDER BY seq, step"
)
_WAITING = (
    f"{_NUMBERS} INSERT INTO jobs (id, command, queue, priority, max_retries, created_at, updated_at, next_run_at)"
    " SELECT 'ready-' || i, 'true', 'default', 0, 3, 1, 1, 1 FROM n"
)
_DELAYED = (
    f"{_NUMBERS} INSERT INTO jobs (id, command, queue, priority, max_retries, created_at, updated_at, next_run_at,"
    f" delayed) SELECT 'later-' || i, 'true', 'default', 9, 3, 1, 1, {FAR_AHEAD}, 1 FROM n"
)


_DEAD = (
    "UPDATE jobs SET state = 'dead', exit_code = 1, error = 'exit code 1', signature = 'no such host ' || seq % 20"
    " WHERE state = 'completed' AND seq % ? = 0"
)


def make_store(path: Path, *, finished: int = 0, waiting: int = 0, delayed: int = 0, every_dead: int = 0) -> None:
    """Make a store with so many jobs, by SQL: what is measured is how it is used.

    The finished ones have their history, and of `every_dead` one died, of one of twenty things. The
    delayed ones are due next century at a higher priority.
    """
    open_repository(str(path)).close()
    with closing(sqlite3.connect(path)) as db:
        for statement, number in ((_FINISHED, finished), (_WAITING, waiting), (_DELAYED, delayed)):
            if number:
                db.execute(statement, (number,))
        db.execute(_TRANSITIONS)
        if every_dead:
            db.execute(_DEAD, (every_dead,))
        db.execute("DELETE FROM counts")
        db.execute("INSERT INTO counts (place, queue, jobs) SELECT place, queue, count(*) FROM jobs GROUP BY 1, 2")
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def write_lines(path: Path, jobs: int, command: str = "true") -> Path:
    """Write so many jobs as JSON Lines, with ids, and return the file."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"id": f"job-{number}", "command": command}) + "\n" for number in range(jobs))
    return path


def ask(where: Path, *words: str) -> Any:
    """Return what a command of the program answers with --json."""
    answer = subprocess.run([*QUEUECTL, *words, "--json"], cwd=where, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)


def completed(where: Path) -> int:
    """Count the jobs that the store in this directory calls completed."""
    return int(ask(where, "status")["jobs"]["completed"])


def join(repository: JobRepository, name: str = "w") -> int:
    """Register a worker that is only a number."""
    return repository.join(WorkerIdentity(name, "h", "b", "n", 1, 1, 10, (), "p"), now=1, ticks=0.0)


def settled(leases: list[Lease]) -> list[Settlement]:
    """Say of these runs that they went well, without having run anything."""
    done = Execution(Outcome.EXITED, 0, None, 2, 2, 0.001)
    return [Settlement(lease.job.seq, lease.token, done, Complete()) for lease in leases]


def turns(repository: JobRepository, worker: int, number: int, slots: int = 10) -> Iterator[int]:
    """Settle and claim so many times; yield how many jobs each turn brought."""
    settlements: list[Settlement] = []
    for _ in range(number):
        turn = repository.turn(settlements, worker=worker, slots=slots, now=2, lease_seconds=60)
        settlements = settled(turn.leases)
        yield len(turn.leases)
    repository.turn(settlements, worker=worker, slots=0, now=2, lease_seconds=60)
