"""Measure queuectl beside what it is to be held against, in one run, in turn: ratios, not times.

    python benchmarks/run.py [NAME…] [--full] [--report FILE]

Each benchmark runs its candidates one after another, five times (nine with --full), so that a
machine that gets slower gets slower for all of them. What is quoted is the median of the ratios of
neighbouring runs, with the smallest and the largest. Everything that the promises demand stays on:
`synchronous=FULL`, run records, logs, history.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from queuectl.model import Complete, Execution, JobSpec, Outcome
from queuectl.repository import open_repository
from queuectl.repository.base import Settlement, WorkerIdentity

if TYPE_CHECKING:
    from collections.abc import Callable

QUEUECTL = [sys.executable, "-m", "queuectl"]
SCRIPT = shutil.which("queuectl", path=str(Path(sys.executable).parent))
if SCRIPT:
    QUEUECTL = [SCRIPT]

IMPORT = [sys.executable, "-c", "import click, sqlite3, json"]


def seconds(command: list[str], room: Path, text: bytes = b"") -> float:
    """Run a command to its end and return how long it took."""
    began = time.perf_counter()
    subprocess.run(command, cwd=room, input=text, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def start_up(words: str) -> Callable[[Path], dict[str, float]]:
    """Measure one command, as a whole process, against the imports that it cannot do without."""

    def measure(room: Path) -> dict[str, float]:
        ours = [seconds([*QUEUECTL, *shlex.split(words)], room) for _ in range(5)]
        theirs = [seconds(IMPORT, room) for _ in range(5)]
        return {"queuectl": statistics.median(ours), "import click, sqlite3, json": statistics.median(theirs)}

    return measure


def bulk(room: Path) -> dict[str, float]:
    """Measure 100,000 JSON Lines enqueued, against parsing them and a bare `executemany`.

    The bare one has the same table and indexes, and skips ids, validation, counters and tags.
    """
    number = 100_000
    lines = "".join(json.dumps({"id": f"job-{i}", "command": f"echo {i}"}) + "\n" for i in range(number))
    file = room / "jobs.jsonl"
    file.write_text(lines)
    ours = seconds([*QUEUECTL, "-q", "enqueue", "--file", str(file)], room)
    return {"queuectl enqueue --file": ours, "parse + executemany": bare_bulk(room, file)}


def bare_bulk(room: Path, file: Path) -> float:
    """Parse and insert the same rows into an empty store of the same schema."""
    path = room / "bare.db"
    open_repository(str(path)).close()
    began = time.perf_counter()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("BEGIN IMMEDIATE")
    with file.open(encoding="utf-8") as lines:
        rows = ((job["id"], job["command"]) for job in map(json.loads, lines))
        db.executemany(
            "INSERT INTO jobs (id, command, queue, priority, max_retries, created_at, updated_at, next_run_at)"
            " VALUES (?, ?, 'default', 0, 3, 1, 1, 1)",
            rows,
        )
    db.execute("COMMIT")
    db.close()
    return time.perf_counter() - began


def drain(slots: int, jobs: int) -> Callable[[Path], dict[str, float]]:
    """Measure draining `true` jobs with a worker, against `xargs -P` with as many processes."""

    def measure(room: Path) -> dict[str, float]:
        text = '{"command":"true"}\n' * jobs
        seconds([*QUEUECTL, "-q", "enqueue", "--file", "-"], room, text.encode())
        ours = seconds([*QUEUECTL, "-q", "worker", "start", "--drain", "-c", str(slots)], room)
        arguments = b"true\n" * jobs
        theirs = seconds(["xargs", f"-P{slots}", "-n1", "sh", "-c"], room, arguments)
        return {f"queuectl, {slots} slots": ours, f"xargs -P{slots}": theirs}

    return measure


def claim(history: int) -> Callable[[Path], dict[str, float]]:
    """Measure claim and settle at ten jobs a turn, with so many finished jobs, against an empty store."""

    def measure(room: Path) -> dict[str, float]:
        return {
            f"a turn of ten, {history:,} finished": turns(room / "full.db", history),
            "a turn of ten, none finished": turns(room / "empty.db", 0),
        }

    return measure


def turns(path: Path, history: int, number: int = 200) -> float:
    """Return the seconds that so many turns of ten jobs take."""
    repository = open_repository(str(path))
    repository.enqueue([JobSpec("true")] * (number * 10 + 10), now=1)
    if history:
        fill(path, history)
    worker = repository.join(WorkerIdentity("w", "h", "b", "n", 1, 1, 10, (), "p"), now=1, ticks=0.0)
    settlements: list[Settlement] = []
    began = time.perf_counter()
    for _ in range(number):
        turn = repository.turn(settlements, worker=worker, slots=10, now=2, lease_seconds=60)
        done = Execution(Outcome.EXITED, 0, None, 2, 2, 0.001)
        settlements = [Settlement(lease.job.seq, lease.token, done, Complete()) for lease in turn.leases]
    took = time.perf_counter() - began
    repository.close()
    return took


def fill(path: Path, history: int) -> None:
    """Put in finished jobs, and as many that are due next year at a higher priority."""
    db = sqlite3.connect(path)
    db.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO jobs (id, command, state, queue, priority, attempts, max_retries, created_at, updated_at,"
        " finished_at) SELECT 'done-' || i, 'true', 'completed', 'default', 0, 1, 3, 1, 1, 1 FROM n",
        (history,),
    )
    db.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO jobs (id, command, queue, priority, max_retries, created_at, updated_at, next_run_at, delayed)"
        " SELECT 'later-' || i, 'true', 'default', 9, 3, 1, 1, 4102444800000, 1 FROM n",
        (history,),
    )
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def wake(room: Path) -> dict[str, float]:
    """Measure from the start of `enqueue` to its job's start on an idle worker, and to `enqueue`'s own end.

    Below 1 the job runs before the command that enqueued it has ended. Instants are the store's, so
    exact to a millisecond.
    """
    worker = subprocess.Popen([*QUEUECTL, "worker", "start"], cwd=room, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    starts, ends, waits = [], [], []
    try:
        worker.stdout.readline()  # it is there
        for number in range(21):
            began = time.time()
            seconds([*QUEUECTL, "enqueue", "--id", str(number), "true"], room)
            ended = time.time()
            while b" completed " not in worker.stdout.readline():
                pass
            if number:  # the first one waits for the worker's shim
                job = jobs(room)[-1]
                starts.append(instant(job["started_at"]) - began)
                waits.append(instant(job["started_at"]) - instant(job["created_at"]))
                ends.append(ended - began)
    finally:
        worker.terminate()
        worker.wait()
    print(f"  enqueued to running: median {statistics.median(waits) * 1000:.0f} ms, worst {max(waits) * 1000:.0f} ms")
    return {
        "enqueue started to job started": statistics.median(starts),
        "enqueue started to enqueue ended": statistics.median(ends),
    }


def instant(text: str) -> float:
    """Return a time of the program's JSON in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def jobs(room: Path) -> list[dict[str, str]]:
    """Return the JSON of `queuectl list`."""
    command = [*QUEUECTL, "list", "--json"]
    found: list[dict[str, str]] = json.loads(
        subprocess.run(command, cwd=room, capture_output=True, text=True, check=True).stdout
    )
    return found


BENCHMARKS: dict[str, tuple[str, Callable[[Path], dict[str, float]]]] = {
    "version": ("goal ≤ 1.15", start_up("--version")),
    "enqueue": ("goal ≤ 1.25", start_up("enqueue true")),
    "list": ("goal ≤ 1.3", start_up("list")),
    "status": ("goal ≤ 1.3", start_up("status")),
    "bulk": ("goal ≤ 2", bulk),
    "claim": ("goal ≤ 1.2", claim(100_000)),
    "drain-1": ("goal ≤ 1.4", drain(1, 1000)),
    "drain-4": ("goal ≤ 1.5", drain(4, 2000)),
    "drain-8": ("goal ≤ 1.5", drain(8, 2000)),
    "wake": ("goal < 1", wake),
}
FULL = {"claim": ("goal ≤ 1.2", claim(1_000_000)), "drain-8": ("goal ≤ 1.5", drain(8, 10_000))}


def run(name: str, goal: str, measure: Callable[[Path], dict[str, float]], rounds: int) -> str:
    """Run one benchmark and return its row."""
    results = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="bench-") as room:
            results.append(measure(Path(room)))
    (ours, theirs) = results[0]
    ratios = sorted(result[ours] / result[theirs] for result in results)
    times = [statistics.median(result[key] for result in results) * 1000 for key in (ours, theirs)]
    return (
        f"| {name} | {ours}: {times[0]:,.1f} ms | {theirs}: {times[1]:,.1f} ms |"
        f" **{statistics.median(ratios):.2f}** ({ratios[0]:.2f} to {ratios[-1]:.2f}) | {goal} |"
    )


def main() -> None:
    """Measure what was asked for, print a table, and write it down if that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--full", action="store_true", help="more runs and larger numbers")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table there as well")
    options = parser.parse_args()
    chosen = BENCHMARKS | (FULL if options.full else {})
    lines = [
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores.",
        "",
        "| benchmark | ours | held against | ratio (smallest to largest) | goal |",
        "|---|---|---|---|---|",
    ]
    print("\n".join(lines))
    for name in options.names or chosen:
        lines.append(run(name, *chosen[name], rounds=9 if options.full else 5))
        print(lines[-1], flush=True)
    if options.report:
        options.report.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
