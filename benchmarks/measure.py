"""How things are measured here: one candidate after another, medians of ratios, whole processes.

A machine that gets slower gets slower for all candidates of a round. What is quoted is the median
of the ratios within the rounds, with the smallest and the largest; times are there for scale.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

#: After this many seconds a command that is measured counts as hung.
PATIENCE = 900


class Spread(NamedTuple):
    """What a number of measurements came to."""

    median: float
    smallest: float
    largest: float


def spread(values: Sequence[float]) -> Spread:
    """Sum up measurements of one thing."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Divide the measurements of each round."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share (0 to 1) of all values lies, one of them itself."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def in_turn(
    candidates: Mapping[str, Callable[[], float]], rounds: int, *, optional: Container[str] = ()
) -> dict[str, list[float]]:
    """Run every candidate once a round, in the same order.

    An optional one that fails is left out from then on, and a line says so.
    """
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name in list(samples):
            try:
                samples[name].append(candidates[name]())
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                if name not in optional:
                    raise
                print(f"left out: {name}: {error}", file=sys.stderr, flush=True)
                del samples[name]
    return samples


def digits(value: float) -> str:
    """Write a number with three digits that count, which is more than a shared machine repeats."""
    if abs(value) >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    if isinstance(value, int):
        return str(value)
    for bound, places in ((99.95, 0), (9.995, 1), (0.095, 2)):
        if abs(value) >= bound:
            return f"{value:.{places}f}"
    return f"{value:.2g}"


@contextlib.contextmanager
def room() -> Iterator[Path]:
    """Lend an empty directory on the disk that is measured."""
    with tempfile.TemporaryDirectory(prefix="bench-") as path:
        yield Path(path)


def seconds(
    command: Sequence[str], where: Path, *, stdin: Path | None = None, env: Mapping[str, str] | None = None
) -> float:
    """Run a command to its good end and return how long its whole process took.

    Raises:
        RuntimeError: it failed; what is measured must not be the time of an error.
    """
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(stdin.open("rb")) if stdin else subprocess.DEVNULL
        complaints = stack.enter_context(tempfile.TemporaryFile())
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=where,
            env=None if env is None else {**os.environ, **env},
            stdin=source,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
        )
        status = wait(process)
        took = time.perf_counter() - began
        if status:
            complaints.seek(0)
            raise RuntimeError(f"{command} exited with {status}: {complaints.read().decode(errors='replace')}")
    return took


def wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process without looking at the clock: `Popen.wait(timeout)` polls, and ends up to 50 ms late.

    Raises:
        TimeoutError: it hung, and was killed.
    """
    ending = os.pidfd_open(process.pid)
    try:
        if not select.select([ending], [], [], PATIENCE)[0]:
            process.kill()
            raise TimeoutError(f"{process.args!r} hung")
    finally:
        os.close(ending)
    return process.wait()


@contextlib.contextmanager
def background(
    command: Sequence[str], where: Path, *, user: str | None = None, at_once: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command beside the block, its output in a pipe; afterwards nothing of its session is left.

    With `at_once` it has no time to end by itself.
    """
    process = subprocess.Popen(
        command,
        cwd=where,
        user=user,
        extra_groups=[] if user else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with process:
            try:
                yield process
            finally:
                if not at_once:
                    process.terminate()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(10)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    finally:
        process.wait(PATIENCE)


def until(holds: Callable[[], bool], *, every: float = 0.005, patience: float = 60) -> None:
    """Wait until something holds, looking every few milliseconds.

    Raises:
        TimeoutError: it never did.
    """
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("what was waited for did not come")
        time.sleep(every)
