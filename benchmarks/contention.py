"""How long the unluckiest of many workers waits for its turn.

Measured: each call of eight processes that settle and claim one job after another on one file,
without a pause, from the call to its commit: median, 99th percentile and longest.
Not measured: commands; real workers pause while theirs run, so this is the worst case.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import PATIENCE, digits, percentile, room
from benchmarks.ours import make_store
from benchmarks.result import Result, absolute

if TYPE_CHECKING:
    from benchmarks.scale import Scale

PROCESSES = 8
CLAIMANT = Path(__file__).parent / "apps" / "claimant.py"
#: More turns a second than any disk lets through.
MOST = 6_000


def measure(scale: Scale) -> Result:
    """Let them fight, as often as there are rounds, and quote the waits of each round."""
    rounds = [_fight(scale.contended_seconds / 2) for _ in range(scale.rounds)]
    waits = {share: [percentile(waits, share) * 1000 for waits in rounds] for share in (0.5, 0.99)}
    longest = [max(waits) * 1000 for waits in rounds]
    rate = digits(sum(map(len, rounds)) / (scale.contended_seconds / 2 * scale.rounds))
    who = f"{PROCESSES} claiming processes: a turn"
    return Result(
        [
            absolute("", f"{who}, median", waits[0.5], "ms", f"{rate} turns/s together"),
            absolute("contention-p99", f"{who}, 99th percentile", waits[0.99], "ms"),
            absolute("", f"{who}, longest", longest, "ms"),
        ]
    )


def _fight(period: float) -> list[float]:
    """Return the seconds of every turn of one round."""
    with room() as where:
        path = where / "queue.db"
        make_store(path, waiting=int(MOST * period))
        claimants = [
            subprocess.Popen(
                [sys.executable, str(CLAIMANT), str(path), str(period)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(PROCESSES)
        ]
        for claimant in claimants:
            assert claimant.stdout is not None
            claimant.stdout.readline()  # it has opened the store
        for claimant in claimants:
            assert claimant.stdin is not None
            claimant.stdin.write("go\n")
            claimant.stdin.flush()
        answers = [claimant.communicate(timeout=PATIENCE)[0] for claimant in claimants]
    return [wait for answer in answers for wait in json.loads(answer)]
