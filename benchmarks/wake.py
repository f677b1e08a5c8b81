"""How long a job waits for an idle worker.

Measured: from the start of the `enqueue` process to the first action of its command, which writes
to a pipe that the benchmark reads; to the end of the `enqueue` process; and, enqueued by the
benchmark's own process, from the return of the commit to that first action.
Not measured: a worker that is busy; one that starts. Who polls is quicker soon after a job: between
two jobs lie half a second to a second here.
"""

from __future__ import annotations

import contextlib
import os
import random
import selectors
import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.measure import PATIENCE, in_turn, room, spread
from benchmarks.peers import OPTIONAL, OURS, PEERS
from benchmarks.result import Result, Series, Table, absolute, milliseconds, ratio
from queuectl.model import JobSpec
from queuectl.repository import open_repository
from queuectl.worker.wakeup import wake as call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.peers.base import Peer
    from benchmarks.scale import Scale


class Wake(NamedTuple):
    """Seconds from the start of an enqueue command."""

    running: float  #: until its job ran
    ended: float  #: until it ended itself


def measure(scale: Scale) -> Result:
    """Wake our worker often, and report what its user sees."""
    with room() as where:
        OURS.prepare(where)
        with OURS.worker(where):
            wake(OURS, where)  # the first one waits for the worker's shim
            wakes = []
            for _ in range(scale.wakes):
                time.sleep(0.02)
                wakes.append(wake(OURS, where))
            waits = _from_the_commit(where, scale.wakes)
    running, ended = ([getattr(one, name) for one in wakes] for name in Wake._fields)
    what = f"committed to running, idle worker, {scale.wakes} jobs"
    return Result(
        [
            ratio("wake", "`enqueue` started to job running, idle worker", running, "to `enqueue` ended", ended),
            absolute("wake-median", f"{what}: median", waits, "ms"),
            absolute("wake-worst", f"{what}: worst", [max(waits)], "ms"),
        ]
    )


def _from_the_commit(where: Path, number: int) -> list[float]:
    """Return the milliseconds from each commit to the first action of the job's command."""
    waits = []
    with contextlib.closing(open_repository(str(where / "queue.db"))) as repository:
        for _ in range(number):
            time.sleep(0.02)
            with speaking(where) as (pipe, descriptor):
                repository.enqueue([JobSpec(f"echo > {pipe}", cwd=str(where))], now=time.time_ns() // 1_000_000)
                committed = time.perf_counter()
                call(repository.directory_name)
                os.read(descriptor, 1)
                waits.append((time.perf_counter() - committed) * 1000)
    return waits


def measure_peers(scale: Scale) -> Result:
    """Keep up an idle worker of everybody and wake them in turn."""
    with contextlib.ExitStack() as stack:
        rooms: dict[str, tuple[Peer, Path]] = {}
        for peer in PEERS:
            if peer.version():
                stack.enter_context(peer.running())
                where = stack.enter_context(room())
                peer.prepare(where)
                if peer.enqueue_words(where, "true"):
                    stack.callback(peer.leave, where)
                    stack.enter_context(peer.worker(where))
                    rooms[peer.name] = peer, where
        for peer, where in rooms.values():
            wake(peer, where)
        samples = in_turn(
            {name: partial(_after_a_while, *them) for name, them in rooms.items()},
            scale.peers_wakes,
            optional=OPTIONAL,
        )
    sums = {name: spread(times) for name, times in samples.items()}
    headings = ["", "median", "smallest", "largest"]
    rows = [[name, *map(milliseconds, times)] for name, times in sums.items()]
    series = Series(
        "From the start of the enqueue command to its job running, ms",
        ["median"],
        {name: [times.median * 1000] for name, times in sums.items()},
        {name: [milliseconds(times.median)] for name, times in sums.items()},
    )
    note = "task-spooler and nq have no worker to wake: the command that enqueues starts the job."
    return Result([], [Table("Start of the enqueue command to job running", headings, rows, note)], [series])


def _after_a_while(peer: Peer, where: Path) -> float:
    time.sleep(random.uniform(0.5, 1))
    return wake(peer, where).running


def wake(peer: Peer, where: Path) -> Wake:
    """Enqueue one job that says when it runs."""
    with speaking(where) as (pipe, descriptor):
        words = peer.enqueue_words(where, f"echo > {pipe}")
        assert words is not None
        environment = {**os.environ, **peer.environment(where)}
        began = time.perf_counter()
        nowhere = subprocess.DEVNULL
        with subprocess.Popen(words, cwd=where, env=environment, stdout=nowhere, stderr=nowhere) as process:
            ended, running = _watch(process, descriptor, began)
    return Wake(running, ended)


@contextlib.contextmanager
def speaking(where: Path) -> Iterator[tuple[Path, int]]:
    """Yield a pipe into which a job says that it runs, and a descriptor to read that from."""
    pipe = where / "running"
    if not pipe.exists():
        os.mkfifo(pipe)
        pipe.chmod(0o666)
    descriptor = os.open(pipe, os.O_RDWR)  # for writing too: a pipe without a writer would be at its end
    try:
        yield pipe, descriptor
    finally:
        os.close(descriptor)


def _watch(process: subprocess.Popen[bytes], descriptor: int, began: float) -> tuple[float, float]:
    """Return when the process ended and when the pipe spoke, whichever is first."""
    found: dict[str, float] = {}
    with selectors.DefaultSelector() as selector:
        ending = os.pidfd_open(process.pid)
        selector.register(ending, selectors.EVENT_READ, "ended")
        selector.register(descriptor, selectors.EVENT_READ, "running")
        while len(found) < 2:
            events = selector.select(PATIENCE)
            if not events:
                raise TimeoutError("the job did not start")
            for key, _ in events:
                found[key.data] = time.perf_counter() - began
                selector.unregister(key.fileobj)
        os.close(ending)
    return found["ended"], found["running"]
