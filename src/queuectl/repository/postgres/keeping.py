"""Copies of the whole store. What they take is imported when one is made: hardly any command makes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl import errors
from queuectl.repository.postgres.connection import Connection
from queuectl.repository.postgres.transactions import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from queuectl.repository.archive import Entry
    from queuectl.repository.keeping import Imported


class Keeping(Connection):
    """The part of the repository that copies everything."""

    def export(self) -> Generator[dict[str, Any], None, None]:
        """Yield everything as lines; see `JobRepository.export`."""
        from queuectl.repository.postgres import archive

        with self._reading() as db:
            yield from archive.lines(db, self._rows)

    def import_(self, entries: Iterable[Entry], *, now: int, skip: bool = False) -> Imported:
        """Store what an export holds; see `JobRepository.import_`."""
        from queuectl.repository.postgres import archive

        with self._translated(), archive.staged(Database(self._clean()), entries) as jobs, self._alone() as db:
            last = {table: self._last_number(db, table) for table in ("jobs", "history")}
            return archive.move(db, jobs, now=now, skip=skip, last=last)

    def backup(self, path: str, *, tell: Callable[[int, int], None] | None = None) -> None:  # noqa: ARG002 - it makes none
        """Leave it to the server's own means.

        Raises:
            InvalidInput: always; the hint says what to do.
        """
        from shlex import quote

        call = f"pg_dump --schema={self._place.schema} --format=custom {quote(self._place.database)} > queue.dump"
        raise errors.InvalidInput(
            "a store on a PostgreSQL server is backed up by PostgreSQL",
            f"{call}; or queuectl export FILE, which any store can import",
        )
