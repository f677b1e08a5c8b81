"""Whether commands for people get slower as the store grows.

Measured: `status`, `list`, `show ID`, `dlq list` and `dlq show ID` in a pipe, as whole processes, on
a store with many ended jobs, half of them dead, beside the same command on one with 1,000.
Not measured: `list --limit 0`, which has to read everything; a cold page cache.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.measure import in_turn, room, seconds
from benchmarks.ours import QUEUECTL, make_store
from benchmarks.result import Result, ratio

if TYPE_CHECKING:
    from benchmarks.scale import Scale

JOB = "done-500"
COMMANDS = {
    "status": ["status"],
    "list": ["list"],
    "show": ["show", JOB],
    "dead": ["dlq", "list"],
    "died": ["dlq", "show", JOB],
}
FEW = 1_000


def measure(scale: Scale) -> Result:
    """Alternate the two stores, command by command."""
    with room() as where:
        for jobs in (FEW, scale.jobs):
            make_store(where / f"{jobs}.db", finished=jobs, every_dead=2)
        candidates = {
            f"{name} {jobs}": partial(seconds, [*QUEUECTL, "--db", f"{jobs}.db", *words], where)
            for name, words in COMMANDS.items()
            for jobs in (FEW, scale.jobs)
        }
        samples = in_turn(candidates, scale.starts)
    return Result(
        [
            ratio(
                f"growth-{name}",
                f"`queuectl {' '.join(word for word in words if word != JOB)}`, {scale.jobs:,} jobs",
                samples[f"{name} {scale.jobs}"],
                f"{FEW:,} jobs",
                samples[f"{name} {FEW}"],
            )
            for name, words in COMMANDS.items()
        ]
    )
