"""All benchmarks by name. What each measures, and what not, is said at the top of its file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchmarks import claim, contention, drain, enqueue, growth, idle, memory, postgres, startup, wake

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from benchmarks.result import Result
    from benchmarks.scale import Scale


class Benchmark(NamedTuple):
    """One thing that can be measured by itself."""

    measure: Callable[[Scale], Result]
    module: ModuleType

    @property
    def about(self) -> str:
        """Say what it measures and what not."""
        return (self.module.__doc__ or "").strip()


BENCHMARKS = {
    "startup": Benchmark(startup.measure, startup),
    "bulk": Benchmark(enqueue.measure_bulk, enqueue),
    "turn": Benchmark(claim.measure, claim),
    "history": Benchmark(claim.measure_history, claim),
    "drain": Benchmark(drain.measure, drain),
    "workers": Benchmark(drain.measure_workers, drain),
    "wake": Benchmark(wake.measure, wake),
    "idle": Benchmark(idle.measure, idle),
    "growth": Benchmark(growth.measure, growth),
    "contention": Benchmark(contention.measure, contention),
    "memory": Benchmark(memory.measure, memory),
    "postgres": Benchmark(postgres.measure, postgres),
    "enqueue": Benchmark(enqueue.measure, enqueue),
    "wake-peers": Benchmark(wake.measure_peers, wake),
}
