"""From a commit on one connection to the first action of the job, on an idle worker with another."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from benchmarks.measure import background, room
from benchmarks.ours import QUEUECTL
from benchmarks.postgres.store import drop, make_store
from benchmarks.result import Result, absolute
from benchmarks.wake import speaking
from queuectl.model import JobSpec
from queuectl.repository import open_repository

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.postgres.store import Server
    from benchmarks.scale import Scale


def measure(scale: Scale, found: Server) -> Result:
    """Wake an idle worker often."""
    schema, url = make_store(found)
    with room() as where, background([*QUEUECTL, "--db", url, "worker", "start"], where) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()  # it is there
        waits = _waits(url, where, scale.wakes + 1)[1:]  # the first one waits for the worker's shim
    drop(found, schema)
    what = f"committed to running, idle worker on a server (NOTIFY), {scale.wakes} jobs"
    return Result(
        [
            absolute("server-wake-median", f"{what}: median", waits, "ms"),
            absolute("server-wake-worst", f"{what}: worst", [max(waits)], "ms"),
        ]
    )


def _waits(url: str, where: Path, number: int) -> list[float]:
    waits = []
    with contextlib.closing(open_repository(url)) as repository:
        for _ in range(number):
            time.sleep(0.02)
            with speaking(where) as (pipe, descriptor):
                repository.enqueue([JobSpec(f"echo > {pipe}", cwd=str(where))], now=time.time_ns() // 1_000_000)
                committed = time.perf_counter()
                os.read(descriptor, 1)
                waits.append((time.perf_counter() - committed) * 1000)
    return waits
