"""How much memory commands over many jobs take.

Measured: the peak of the process's resident memory (VmHWM) in `list --limit 0` into a pipe and in
`enqueue --file`, with many jobs, beside the same with 1,000.
Not measured: SQLite's pages in the kernel's cache; lists on a terminal.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import digits, in_turn, ratios, room, spread
from benchmarks.ours import QUEUECTL, make_store, write_lines
from benchmarks.result import Figure, Result

if TYPE_CHECKING:
    from benchmarks.scale import Scale

FEW = 1_000
ROUNDS = 3  #: memory does not vary as times do


def measure(scale: Scale) -> Result:
    """Alternate many and few."""
    with room() as where:
        for jobs in (FEW, scale.jobs):
            make_store(where / f"{jobs}.db", finished=jobs)
            write_lines(where / f"{jobs}.jsonl", jobs)
        figures = []
        for what, peak in (("`list --limit 0`", _list), ("`enqueue --file`", _enqueue)):
            samples = in_turn(
                {"many": partial(peak, where, scale.jobs), "few": partial(peak, where, FEW)},
                min(ROUNDS, scale.rounds),
            )
            figures.append(_figure(f"peak memory of {what}, {scale.jobs:,} jobs", samples))
    return Result(figures)


def _figure(what: str, samples: dict[str, list[float]]) -> Figure:
    many, few = (f"{digits(spread(samples[name]).median)} MiB" for name in ("many", "few"))
    return Figure("", what, many, f"{FEW:,} jobs: {few}", spread(ratios(samples["many"], samples["few"])), "×")


def _list(where: Path, jobs: int) -> float:
    return peak_of([*QUEUECTL, "--db", f"{jobs}.db", "list", "--limit", "0"], where)


def _enqueue(where: Path, jobs: int) -> float:
    with room() as fresh:
        return peak_of([*QUEUECTL, "-q", "enqueue", "--file", str(where / f"{jobs}.jsonl")], fresh)


def peak_of(command: list[str], where: Path) -> float:
    """Run a command and return the peak of its memory in MiB.

    Not by getrusage(2): that takes over the peak of the process that it was forked from.
    """
    process = subprocess.Popen(command, cwd=where, stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        with contextlib.suppress(OSError):
            peak = max(peak, field(process.pid, "status", "VmHWM"))
        time.sleep(0.0005)
    if process.returncode:
        raise RuntimeError(f"{command} exited with {process.returncode}")
    return peak


def field(pid: int, file: str, name: str) -> float:
    """Read a field of a file in /proc/PID that is given in kB; return MiB (0 if it is not there, as of a zombie)."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/{file}").read_text(encoding="ascii"), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0
