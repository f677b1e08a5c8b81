"""Phrases about jobs for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl.cli.output import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMED = 5  #: ids that a sentence takes


def named(ids: Sequence[str], number: int = 0) -> str:
    """Return `job 'a'`, `2 jobs: a, b`, or `9 jobs: a, b, c, d, e and 4 more`.

    `number` is how many they are if not all of the ids are given.
    """
    number = number or len(ids)
    if number == 1:
        return f"job {safe(repr(ids[0]))}"
    shown = ", ".join(map(safe, ids[:NAMED]))
    rest = f" and {number - NAMED:,} more" if number > NAMED else ""
    return f"{number:,} jobs: {shown}{rest}"
