"""A connection inside of a transaction, as a driver of Python's database API gives it. Only type checkers load this.

https://peps.python.org/pep-0249/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Rows(Protocol):
    """What a statement has found."""

    @property
    def rowcount(self) -> int:
        """How many rows it has changed."""

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows that are left."""


class Database(Protocol):
    """A connection inside of a transaction."""

    def execute(self, statement: str, values: Any = ..., /) -> Rows:
        """Run a statement."""

    def executemany(self, statement: str, values: Iterable[Any], /) -> object:
        """Run a statement once for each of the values."""
