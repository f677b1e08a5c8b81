"""What the duties here need of an engine's connection.

The statements are written in what SQLite and PostgreSQL have in common: `?` and `:name` for values, `INDEXED BY` where
SQLite's planner is to be told (PostgreSQL's is not, and never sees it), no function that only one of them knows.
Each method is one transaction. Whatever it writes by what it has read holds at the commit: SQLite lets one writer in
at a time, PostgreSQL refuses one that another has overtaken, and the method is called again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from typing import Any, ClassVar

    from queuectl.repository.sql.database import Database


class Store:
    """An engine's connection, as its duties see it."""

    #: What the driver raises when a row would be there twice.
    Twice: ClassVar[type[Exception]]

    @property
    def home(self) -> str:
        """What tells the data directories of several machines apart; see `JobRepository.home`."""
        raise NotImplementedError

    def _reading(self) -> AbstractContextManager[Database]:
        """Hold one snapshot of the store."""
        raise NotImplementedError

    def _writing(self) -> AbstractContextManager[Database]:
        """Hold a transaction that may write; committed at the end, rolled back after an error."""
        raise NotImplementedError

    def _alone(self) -> AbstractContextManager[Database]:
        """Hold a transaction like that of `_writing`, beside which nobody else writes."""
        raise NotImplementedError

    def _rows(self, db: Database, query: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Yield the rows of a query without having all of them in memory."""
        raise NotImplementedError

    def _sorted_rows(self, db: Database, where: str, values: Sequence[Any], terms: str, limit: int) -> Iterator[Any]:
        """Yield rows of `COLUMNS` of the jobs for which `where` is true by these terms, `limit` of them (0: all)."""
        raise NotImplementedError

    def _mend(self, db: Database) -> None:
        """Set right what workers of an earlier version leave behind; called with each sign of life of one of today."""

    def _settled_numbers(self) -> dict[str, int]:
        """Return for jobs, history and actions a number up to which every row that will ever be there can be read."""
        raise NotImplementedError

    def _last_number(self, db: Database, table: str) -> int:
        """Return the last number that was given in a table, be its row there or not."""
        raise NotImplementedError
