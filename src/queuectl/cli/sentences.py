"""Phrases about jobs for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.cli.output import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMED = 5  #: ids that a sentence takes


def named(ids: Sequence[str]) -> str:
    """Return `job 'a'`, `2 jobs: a, b`, or `9 jobs: a, b, c, d, e and 4 more`."""
    if len(ids) == 1:
        return f"job {safe(repr(ids[0]))}"
    shown = ", ".join(map(safe, ids[:_NAMED]))
    rest = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
    return f"{len(ids):,} jobs: {shown}{rest}"
