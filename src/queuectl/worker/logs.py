"""Where the output of a run is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Runs of so many jobs share a directory: one with a million entries is slow to list.
_SHELF = 1000


def log_path(directory: Path, seq: int, run: int) -> Path:
    """Return the path of a run's log; made of numbers only, never of an id."""
    return directory / "logs" / f"{seq // _SHELF:06}" / f"{seq}-{run}.log"
