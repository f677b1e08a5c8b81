"""How fast waiting jobs are run when the commands cost next to nothing.

Measured: draining `true` jobs (all run as `sh -c true`) at 1, 4 and 8 at a time, one candidate
after another, beside `xargs -P`; every candidate has to show that all jobs ran. Of xargs,
GNU parallel and queuectl the whole process counts, with its start; the other queues have their
workers up, one job for each slot at a gate, when the clock starts.
Not measured: enqueueing (done before), jobs that take longer: there all of them are equally fast.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.measure import digits, in_turn, ratios, room, seconds, spread
from benchmarks.ours import QUEUECTL, completed, write_lines
from benchmarks.peers import OPTIONAL, OURS, PEERS, XARGS
from benchmarks.result import Result, Series, Table, ratio

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.peers.base import Peer
    from benchmarks.scale import Scale

SLOTS = (1, 4, 8)
WORKERS = 4


def measure(scale: Scale) -> Result:
    """Measure all who are here, number of slots by number of slots."""
    found = [peer for peer in PEERS if peer.version()]
    with contextlib.ExitStack() as stack:
        for peer in found:
            stack.enter_context(peer.running())
        times = {slots: _drain(found, scale, slots) for slots in SLOTS}
    figures = [
        ratio(
            f"drain-{slots}",
            f"{scale.drained:,} `true` jobs, {slots} at a time",
            samples[OURS.name],
            f"`xargs -P{slots}`",
            samples[XARGS.name],
        )
        for slots, samples in times.items()
    ]
    rates = {slots: _rates(found, scale, samples) for slots, samples in times.items()}
    return Result(figures, [_table(found, rates, scale)], [_series(found, rates)])


def _drain(found: list[Peer], scale: Scale, slots: int) -> dict[str, list[float]]:
    able = [peer for peer in found if slots in peer.widths]
    return in_turn(
        {peer.name: partial(_once, peer, peer.held(scale.drained), slots) for peer in able},
        scale.rounds,
        optional=OPTIONAL,
    )


def _once(peer: Peer, jobs: int, slots: int) -> float:
    with room() as where:
        return peer.drain(where, jobs, slots)


def _rates(found: list[Peer], scale: Scale, samples: dict[str, list[float]]) -> dict[str, tuple[float, float]]:
    """Return jobs a second and their share of those of xargs, both medians."""
    speeds = {
        peer.name: [peer.held(scale.drained) / took for took in samples[peer.name]]
        for peer in found
        if peer.name in samples
    }
    xargs = speeds[XARGS.name]
    return {name: (spread(one).median, spread(ratios(one, xargs)).median) for name, one in speeds.items()}


def _table(found: list[Peer], rates: dict[int, dict[str, tuple[float, float]]], scale: Scale) -> Table:
    rows = []
    for peer in found:
        cells = [rates[slots].get(peer.name) for slots in SLOTS]
        rows.append([peer.name, *(f"{digits(cell[0])} ({cell[1]:.2f})" if cell else "–" for cell in cells)])
    return Table(
        "Drain: jobs a second, and their share of the speed of xargs",
        ["", *(f"{slots} at a time" for slots in SLOTS)],
        rows,
        f"Up to {max(peer.held(scale.drained) for peer in found):,} jobs; the slow ones get fewer.",
    )


def _series(found: list[Peer], rates: dict[int, dict[str, tuple[float, float]]]) -> Series:
    values, labels = {}, {}
    for peer in found:
        cells = [rates[slots].get(peer.name) for slots in SLOTS]
        values[peer.name] = [cell[1] if cell else None for cell in cells]
        labels[peer.name] = [f"{cell[1]:.2f} · {digits(cell[0])}/s" if cell else "" for cell in cells]
    legend = [f"{slots} at a time" for slots in SLOTS]
    return Series("Draining trivial jobs: speed as a share of xargs -P", legend, values, labels)


def measure_workers(scale: Scale) -> Result:
    """Measure four workers of four slots on one file beside one worker of sixteen."""
    apart, together = partial(_together, scale, WORKERS, 4), partial(_together, scale, 1, 16)
    samples = in_turn({"four": apart, "one": together}, scale.rounds)
    what = f"{scale.drained:,} `true` jobs, {WORKERS} workers × 4 slots on one file"
    return Result([ratio("workers", what, samples["four"], "1 worker × 16 slots", samples["one"])])


def _together(scale: Scale, workers: int, slots: int) -> float:
    with room() as where:
        lines = write_lines(where / "jobs.jsonl", scale.drained)
        seconds([*QUEUECTL, "-q", "enqueue", "--file", str(lines)], where)
        took = _side_by_side(where, [*QUEUECTL, "worker", "start", "--drain", "-c", str(slots)], workers)
        if completed(where) != scale.drained:
            raise RuntimeError("not all jobs ran")
    return took


def _side_by_side(where: Path, command: list[str], number: int) -> float:
    """Return the seconds until so many processes have ended, started at once."""
    line = " ".join(['"$@" &'] * number + ["wait"])
    return seconds(["sh", "-c", line, "sh", *command], where)
