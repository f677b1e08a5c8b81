"""From the statements that both engines share to psycopg's: its marks for values, and no words for SQLite's planner."""

from __future__ import annotations

import re
from functools import cache

_PARTS = re.compile(r"\s+INDEXED BY \w+|\?|(?<![:\w]):([a-z_]\w*)")


@cache
def numbered(statement: str, names: tuple[str, ...]) -> str:
    """Return a statement as the server itself takes it, with the numbers of values in the place of their names."""
    return _PARTS.sub(lambda match: f"${names.index(match[1]) + 1}" if match[1] else match[0], statement)


@cache
def translated(statement: str) -> str:
    """Return a statement as psycopg takes it."""
    return _PARTS.sub(_part, statement)


def _part(match: re.Match[str]) -> str:
    if match[0] == "?":
        return "%s"
    return f"%({match[1]})s" if match[1] else ""
