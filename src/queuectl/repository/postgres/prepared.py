"""Statements that the server plans once for each connection, and that can be sent in one go with the BEGIN before them.

psycopg sends a prepared statement by itself: its protocol has no room for two at once. `PREPARE` and `EXECUTE` are
words of SQL, and as many of these as one likes go with one message and come with one answer.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from queuectl.repository.postgres.dialect import numbered

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A plan is kept, and may have been made while there was hardly a job, or before the server had counted them: to read
#: all jobs looks cheap then. Who asks for few among millions wants an index, and one after the other. What the server
#: takes for dear after that it is not to compile.
NARROW = "SET jit = off; " + "; ".join(
    f"SET enable_{way} = off" for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin")
)


class Call(NamedTuple):
    """A statement with values for it."""

    name: str  #: of a server's statement; the same name stands for the same text
    statement: str  #: with `:name` where values go
    types: Mapping[str, str]  #: of all its values, in their order
    values: Mapping[str, Any]

    @property
    def preparation(self) -> str:
        """What has to be said once on each connection."""
        return (
            f"PREPARE {self.name} ({', '.join(self.types.values())}) AS {numbered(self.statement, tuple(self.types))}"
        )

    @property
    def execution(self) -> str:
        """What has to be said each time."""
        return f"EXECUTE {self.name} ({', '.join(_literal(self.values[name]) for name in self.types)})"


def _literal(value: Any) -> str:
    """Write a value; a tuple is a list of names, a list one of numbers or of what needs no quotes."""
    if isinstance(value, list):
        return f"'{{{','.join(['NULL' if one is None else str(one) for one in value])}}}'"
    return _names(value) if isinstance(value, tuple) else str(value)


@cache
def _names(value: tuple[str, ...]) -> str:
    from psycopg.sql import Literal

    return Literal(list(value)).as_string() if value else "'{}'"
