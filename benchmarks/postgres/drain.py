"""A drain of `true` jobs by real workers."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.measure import digits, in_turn, ratios, room, seconds, spread
from benchmarks.ours import QUEUECTL, completed, write_lines
from benchmarks.peers.base import expect
from benchmarks.peers.libraries import Procrastinate
from benchmarks.postgres.store import drop, make_store
from benchmarks.result import Result, Table, ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.postgres.store import Server
    from benchmarks.scale import Scale

SLOTS = (1, 4)
FILE, SERVER = "queuectl on SQLite", "queuectl on PostgreSQL"


def measure(scale: Scale, found: Server) -> Result:
    """Drain as many jobs in each store, one after another."""
    peer = Procrastinate()
    peer.address = found.conninfo
    has_peer = bool(peer.version())
    if has_peer:
        seconds(peer.words(_nowhere(), "schema"), _nowhere())
    times = {slots: _drain(scale, found, slots, peer if has_peer else None) for slots in SLOTS}
    figures = [
        ratio(
            f"server-drain-{slots}", f"{scale.drained:,} `true` jobs, {slots} at a time", one[SERVER], FILE, one[FILE]
        )
        for slots, one in times.items()
    ]
    return Result(figures, [_table(times, scale, peer)])


def _nowhere() -> Path:
    from pathlib import Path

    return Path("/")


def _drain(scale: Scale, found: Server, slots: int, peer: Procrastinate | None) -> dict[str, list[float]]:
    candidates: dict[str, Callable[[], float]] = {
        FILE: partial(_ours, scale.drained, slots, None),
        SERVER: partial(_ours, scale.drained, slots, found),
    }
    if peer is not None:
        candidates[peer.name] = partial(_peer, peer, peer.held(scale.drained), slots)
    return in_turn(candidates, scale.rounds, optional={"procrastinate"})


def _peer(peer: Procrastinate, jobs: int, slots: int) -> float:
    with room() as where:
        return peer.drain(where, jobs, slots)


def _ours(jobs: int, slots: int, found: Server | None) -> float:
    with room() as where, _store(found):
        seconds([*QUEUECTL, "-q", "enqueue", "--file", str(write_lines(where / "jobs.jsonl", jobs))], where)
        took = seconds([*QUEUECTL, "worker", "start", "--drain", "-c", str(slots)], where)
        expect(SERVER if found else FILE, completed(where), jobs)
    return took


@contextlib.contextmanager
def _store(found: Server | None) -> Iterator[None]:
    """Let commands use a store on the server; or else the file in their directory."""
    if found is None:
        yield
        return
    schema, os.environ["QUEUECTL_DB"] = make_store(found)
    try:
        yield
    finally:
        del os.environ["QUEUECTL_DB"]
        drop(found, schema)


def _table(times: dict[int, dict[str, list[float]]], scale: Scale, peer: Procrastinate) -> Table:
    rows = []
    for name in (FILE, SERVER, peer.name):
        jobs = peer.held(scale.drained) if name == peer.name else scale.drained
        cells = []
        for slots in SLOTS:
            file = [scale.drained / took for took in times[slots][FILE]]
            rates = [jobs / took for took in times[slots].get(name, [])]
            cells.append(f"{digits(spread(rates).median)} ({spread(ratios(rates, file)).median:.2f})" if rates else "–")
        rows.append([name, *cells])
    title = "On a server: a drain of `true` jobs, jobs a second, and their share of the speed on SQLite"
    return Table(
        title, ["", *(f"{slots} at a time" for slots in SLOTS)], rows, "Worker, server and jobs share the machine."
    )
