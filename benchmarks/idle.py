"""What a worker with nothing to do takes from the machine.

Measured: processor time by the kernel's account (/proc/PID/schedstat) and resident memory of the
worker and its shim, after one job, with one slot and with four.
Not measured: what is shared with other processes (PSS is given beside RSS), and a worker before
its first job.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import background, digits, room, seconds, until
from benchmarks.memory import field
from benchmarks.ours import QUEUECTL, completed
from benchmarks.result import Figure, Result, absolute

if TYPE_CHECKING:
    from benchmarks.scale import Scale


def measure(scale: Scale) -> Result:
    """Watch a worker that waits, once for each number of slots."""
    return Result([figure for slots in (1, 4) for figure in _watch(scale.idle_seconds, slots)])


def _watch(period: float, slots: int) -> list[Figure]:
    with room() as where:
        seconds([*QUEUECTL, "enqueue", "true"], where)
        with background([*QUEUECTL, "-q", "worker", "start", "-c", str(slots)], where) as worker:
            until(lambda: completed(where) == 1)
            time.sleep(min(1, period))  # what it does after a job is not idling
            pids = [worker.pid, *children(worker.pid)]
            before, began = _cpu(pids), time.monotonic()
            time.sleep(period)
            share = (_cpu(pids) - before) / (time.monotonic() - began) * 100
            resident = [field(pid, "status", "VmRSS") for pid in pids]
            proportional = sum(field(pid, "smaps_rollup", "Pss") for pid in pids)
    noun = "slot" if slots == 1 else "slots"
    return [
        absolute(f"idle-cpu-{slots}", f"idle worker and shim, {slots} {noun}: of a core", [share], "%"),
        absolute(f"idle-memory-{slots}", f"idle worker, {slots} {noun}: RSS", [resident[0]], "MiB"),
        absolute(
            f"idle-both-{slots}",
            f"idle worker and shim, {slots} {noun}: RSS",
            [sum(resident)],
            "MiB",
            f"PSS: {digits(proportional)} MiB",
        ),
    ]


def children(pid: int) -> list[int]:
    """Name the processes whose parent is this one."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # gone in the meantime
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def _cpu(pids: list[int]) -> float:
    """Return the processor seconds that all threads of these processes have had."""
    files = [file for pid in pids for file in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(file.read_text(encoding="ascii").split()[0]) for file in files) / 1e9
