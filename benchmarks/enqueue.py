"""What it costs to enqueue: one job, and many.

Measured: 100,000 JSON Lines from a file, beside parsing them and a bare `executemany` into the
same table and indexes; one job, as the whole process that a shell would start; many jobs in each
peer's fastest lasting way, whole process.
Not measured: enqueueing from inside a Python process that is already there, where libraries save
their start.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.measure import digits, in_turn, room, seconds, spread
from benchmarks.ours import QUEUECTL, make_store, write_lines
from benchmarks.peers import OPTIONAL, PEERS
from benchmarks.result import Result, Table, milliseconds, ratio

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.peers.base import Peer
    from benchmarks.scale import Scale


def measure_bulk(scale: Scale) -> Result:
    """Measure our bulk beside the least that SQLite takes for it."""
    with room() as where:
        lines = write_lines(where / "jobs.jsonl", scale.bulk)
        samples = in_turn({"ours": partial(_ours, lines), "bare": partial(_bare, lines)}, scale.rounds)
    what = f"`enqueue --file`, {scale.bulk:,} JSON Lines"
    return Result([ratio("bulk", what, samples["ours"], "parse + bare executemany", samples["bare"])])


def _ours(lines: Path) -> float:
    with room() as where:
        return seconds([*QUEUECTL, "-q", "enqueue", "--file", str(lines)], where)


def _bare(lines: Path) -> float:
    """Insert without ids of our making, validation, counters and tags."""
    with room() as where:
        make_store(where / "bare.db")
        began = time.perf_counter()
        db = sqlite3.connect(where / "bare.db", isolation_level=None)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")
        with lines.open(encoding="utf-8") as file:
            db.executemany(
                "INSERT INTO jobs (id, command, queue, priority, max_retries, created_at, updated_at, next_run_at)"
                " VALUES (?, ?, 'default', 0, 3, 1, 1, 1)",
                ((job["id"], job["command"]) for job in map(json.loads, file)),
            )
        db.execute("COMMIT")
        db.close()
        return time.perf_counter() - began


def measure(scale: Scale) -> Result:
    """Measure all who have a queue."""
    found = [peer for peer in PEERS if peer.version()]
    with contextlib.ExitStack() as stack:
        for peer in found:
            stack.enter_context(peer.running())
        found = [peer for peer in found if _one(peer)]
        one = in_turn({peer.name: partial(_one, peer) for peer in found}, scale.starts, optional=OPTIONAL)
        found = [peer for peer in found if peer.name in one]
        many = in_turn({peer.name: partial(_many, peer, scale) for peer in found}, scale.rounds, optional=OPTIONAL)
        found = [peer for peer in found if peer.name in many]
    rows = []
    for peer in found:
        rates = spread([_held(peer, scale) / took for took in many[peer.name]])
        rows.append([peer.name, milliseconds(spread(one[peer.name]).median), digits(rates.median)])
    note = (
        f"{scale.peers_bulk:,} jobs for the second column, fewer where a queue holds fewer. queuectl, RQ and"
        " procrastinate send them in one go; huey, Celery, task-spooler and nq take one at a time."
    )
    return Result([], [Table("Enqueue", ["", "one job, whole process", "many, jobs a second"], rows, note)])


def _one(peer: Peer) -> float:
    """Return the seconds of one enqueue into a queue that is there; 0 if there is no such thing."""
    with room() as where:
        peer.prepare(where)
        try:
            return peer.enqueue_one(where) or 0.0
        finally:
            peer.leave(where)


def _held(peer: Peer, scale: Scale) -> int:
    return min(peer.most, scale.peers_bulk)


def _many(peer: Peer, scale: Scale) -> float:
    with room() as where:
        return peer.enqueue_many(where, _held(peer, scale)) or 0.0
