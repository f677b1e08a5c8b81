"""Turns and short commands with a long history, beside an empty store."""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.measure import in_turn, room, seconds
from benchmarks.ours import QUEUECTL, join, turns
from benchmarks.postgres.store import drop, make_store
from benchmarks.result import Figure, Result, ratio
from queuectl.model import JobSpec
from queuectl.repository import open_repository

if TYPE_CHECKING:
    from benchmarks.postgres.store import Server
    from benchmarks.scale import Scale

FEW = 1_000
JOB = "done-5"
COMMANDS = {"status": ["status"], "list": ["list"], "show": ["show", JOB]}


def measure(scale: Scale, found: Server) -> Result:
    """Alternate the two stores."""
    stores = {jobs: make_store(found, finished=jobs) for jobs in (FEW, scale.finished)}
    try:
        urls = {jobs: url for jobs, (_, url) in stores.items()}
        return Result([_claims(scale, urls), *_commands(scale, urls)])
    finally:
        for schema, _ in stores.values():
            drop(found, schema)


def _claims(scale: Scale, urls: dict[int, str]) -> Figure:
    samples = in_turn({str(jobs): partial(_turns, url, scale.turns) for jobs, url in urls.items()}, scale.rounds)
    what = f"{scale.turns} turns, {scale.finished:,} finished"
    return ratio("server-history", what, samples[str(scale.finished)], f"{FEW:,} finished", samples[str(FEW)])


def _turns(url: str, number: int) -> float:
    with closing(open_repository(url)) as repository:
        worker = join(repository)
        repository.enqueue([JobSpec("true")] * (number * 10), now=1)
        began = time.perf_counter()
        claimed = sum(turns(repository, worker, number))
        took = time.perf_counter() - began
        repository.leave(worker)
    if claimed != number * 10:
        raise RuntimeError(f"{claimed} of {number * 10} jobs were claimed")
    return took


def _commands(scale: Scale, urls: dict[int, str]) -> list[Figure]:
    with room() as where:
        candidates = {
            f"{name} {jobs}": partial(seconds, [*QUEUECTL, "--db", url, *words], where)
            for name, words in COMMANDS.items()
            for jobs, url in urls.items()
        }
        samples = in_turn(candidates, scale.starts)
    return [
        ratio(
            f"server-growth-{name}",
            f"`queuectl {name}`, {scale.finished:,} jobs on a server",
            samples[f"{name} {scale.finished}"],
            f"{FEW:,} jobs",
            samples[f"{name} {FEW}"],
        )
        for name in COMMANDS
    ]
