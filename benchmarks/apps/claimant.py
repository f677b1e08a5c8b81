"""Settle and claim one job after another for some seconds; print how long each turn took.

python claimant.py STORE SECONDS
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

from queuectl.model import Complete, Execution, Outcome
from queuectl.repository import open_repository
from queuectl.repository.base import Settlement, WorkerIdentity

if TYPE_CHECKING:
    from queuectl.repository.protocol import JobRepository


def claim_for(repository: JobRepository, worker: int, period: float) -> list[float]:
    """Return the seconds of each turn."""
    done = Execution(Outcome.EXITED, 0, None, 2, 2, 0.001)
    settlements: list[Settlement] = []
    waits: list[float] = []
    end = time.monotonic() + period
    while (began := time.monotonic()) < end:
        leases = repository.turn(settlements, worker=worker, slots=1, now=2, lease_seconds=60).leases
        waits.append(time.monotonic() - began)
        if not leases:
            raise RuntimeError("there was nothing left to claim")
        settlements = [Settlement(lease.job.seq, lease.token, done, Complete()) for lease in leases]
    return waits


def main() -> None:
    """Open the store, say so, and begin at a line on stdin."""
    path, period = sys.argv[1:]
    with closing(open_repository(path)) as repository:
        name = str(os.getpid())
        worker = repository.join(WorkerIdentity(name, "h", "b", "n", 1, 1, 1, (), name), now=1, ticks=0.0)
        print("ready", flush=True)
        sys.stdin.readline()
        print(json.dumps(claim_for(repository, worker, float(period))))


if __name__ == "__main__":
    main()
