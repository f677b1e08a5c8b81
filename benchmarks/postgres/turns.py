"""Turns of many processes, each with a connection of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.measure import PATIENCE, digits, in_turn, ratios, room, spread
from benchmarks.ours import make_store as make_file
from benchmarks.postgres.store import drop, make_bare, make_store
from benchmarks.result import Result, Table, ratio
from queuectl.model import JobSpec
from queuectl.repository import open_repository

if TYPE_CHECKING:
    from benchmarks.postgres.store import Server
    from benchmarks.scale import Scale

TAKER = Path(__file__).parents[1] / "apps" / "taker.py"
WORKERS = (1, 4, 16)
BATCH, WARM = 10, 8
NAMES = {"ours": "queuectl on PostgreSQL", "file": "queuectl on SQLite", "bare": "bare SKIP LOCKED loop"}


class Taken(NamedTuple):
    """What the turns of one round took, seconds a job."""

    wall: float
    client: float  #: of a processor
    server: float


def measure(scale: Scale, found: Server) -> Result:
    """Let each number of workers do the same number of jobs."""
    rounds = {workers: _rounds(scale, found, workers) for workers in WORKERS}
    figures = []
    for workers, taken in rounds.items():
        wall = {name: [one.wall for one in all_] for name, all_ in taken.items()}
        what = f"claim and settle a job, ten a turn, {workers} process{'es' * (workers > 1)}"
        figures.append(ratio(f"server-turn-{workers}", what, wall["ours"], "bare SKIP LOCKED loop", wall["bare"]))
    return Result(figures, [_table(rounds)])


def _rounds(scale: Scale, found: Server, workers: int) -> dict[str, list[Taken]]:
    taken: dict[str, list[Taken]] = {name: [] for name in NAMES}

    def once(name: str) -> float:
        taken[name].append(_once(name, found, workers, max(1, scale.turns * 2 // workers)))
        return taken[name][-1].wall

    in_turn({name: partial(once, name) for name in NAMES}, scale.rounds)
    return taken


def _once(name: str, found: Server, workers: int, turns: int) -> Taken:
    """Make a store, use it, and leave nothing of it."""
    jobs = workers * (turns + WARM) * BATCH
    if name == "bare":
        schema = make_bare(found, jobs)
        address = f"{found.conninfo} options=-csearch_path={schema}"
        try:
            return _together("bare", address, workers, turns)
        finally:
            drop(found, schema)
    if name == "file":
        with room() as where:
            make_file(where / "queue.db", waiting=jobs)
            return _together("ours", str(where / "queue.db"), workers, turns)
    schema, url = make_store(found)
    try:
        _fill(url, jobs)
        return _together("ours", url, workers, turns)
    finally:
        drop(found, schema)


def _fill(url: str, jobs: int) -> None:
    repository = open_repository(url)
    repository.enqueue([JobSpec("true")] * jobs, now=1)
    repository.close()


def _together(kind: str, address: str, workers: int, turns: int) -> Taken:
    command = [sys.executable, str(TAKER), kind, address, str(turns)]
    takers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(workers)
    ]
    for taker in takers:
        assert taker.stdout is not None
        taker.stdout.readline()
    began = time.perf_counter()
    for taker in takers:
        assert taker.stdin is not None
        taker.stdin.write("go\n")
        taker.stdin.flush()
    answers = [json.loads(taker.stdout.readline()) for taker in takers if taker.stdout]
    took = time.perf_counter() - began
    for taker in takers:
        taker.communicate(timeout=PATIENCE)
    jobs, client, server = (sum(column) for column in zip(*answers, strict=True))
    if jobs != workers * turns * BATCH:
        raise RuntimeError(f"{kind} took {jobs} of {workers * turns * BATCH} jobs")
    return Taken(took / jobs, client / jobs, server / jobs)


def _table(rounds: dict[int, dict[str, list[Taken]]]) -> Table:
    rows = [[NAMES[name], *(_cell(rounds[workers], name) for workers in WORKERS)] for name in NAMES]
    return Table(
        "On a server: turns of ten, jobs a second (µs of a processor a job: client + server; against the bare loop)",
        ["", *(f"{workers} process{'es' * (workers > 1)}" for workers in WORKERS)],
        rows,
        "Claimed and settled, no command run. The bare loop commits twice for ten jobs, queuectl once. Of SQLite,"
        " all is in the client.",
    )


def _cell(taken: dict[str, list[Taken]], name: str) -> str:
    rate = spread([1 / one.wall for one in taken[name]]).median
    client, server = (spread([getattr(one, part) for one in taken[name]]).median * 1e6 for part in ("client", "server"))
    used = [[one.client + one.server for one in taken[which]] for which in (name, "bare")]
    return f"{digits(rate)} ({client:.0f} + {server:.0f}; {spread(ratios(*used)).median:.2f})"
