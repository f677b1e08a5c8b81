"""What is aimed at, by the name of the figure: our own goals, set before there was a program."""

from __future__ import annotations

from typing import NamedTuple


class Goal(NamedTuple):
    """A bound that the median of a figure should not pass."""

    at_most: float
    unit: str  #: `×`: times what it is held against

    def __str__(self) -> str:
        """Write it as the table does."""
        return f"≤ {self.at_most:g} {self.unit}"


GOALS = {
    "version": Goal(1.15, "×"),
    "enqueue": Goal(1.25, "×"),
    "list": Goal(1.3, "×"),
    "status": Goal(1.3, "×"),
    "completion": Goal(1.3, "×"),
    "bulk": Goal(1.5, "×"),
    "turn": Goal(40, "µs"),
    "history": Goal(1.2, "×"),
    "drain-1": Goal(1.4, "×"),
    "drain-4": Goal(1.5, "×"),
    "drain-8": Goal(1.5, "×"),
    "wake": Goal(1, "×"),
    "wake-median": Goal(5, "ms"),
    "wake-worst": Goal(25, "ms"),
    "idle-cpu-1": Goal(0.02, "%"),
    "idle-cpu-4": Goal(0.02, "%"),
    "idle-memory-1": Goal(24, "MiB"),
    "idle-memory-4": Goal(24, "MiB"),
    "idle-both-1": Goal(32, "MiB"),
    "idle-both-4": Goal(32, "MiB"),
    "growth-status": Goal(1.2, "×"),
    "growth-list": Goal(1.2, "×"),
    "growth-show": Goal(1.2, "×"),
    "growth-dead": Goal(1.5, "×"),
    "growth-died": Goal(1.5, "×"),
    "contention-p99": Goal(50, "ms"),
    "server-turn-1": Goal(1.5, "×"),
    "server-turn-4": Goal(1.5, "×"),
    "server-turn-16": Goal(1.5, "×"),
    "server-history": Goal(1.2, "×"),
    "server-growth-status": Goal(1.2, "×"),
    "server-growth-list": Goal(1.2, "×"),
    "server-growth-show": Goal(1.2, "×"),
    "server-bulk": Goal(1.5, "×"),
    "server-wake-median": Goal(5, "ms"),
    "server-wake-worst": Goal(25, "ms"),
}
