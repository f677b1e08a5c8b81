"""Copies of the whole store. What they take is imported when one is made: hardly any command makes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl.repository.sqlite.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from queuectl.repository.archive import Entry
    from queuectl.repository.keeping import Imported


class Keeping(Connection):
    """The part of the repository that copies everything."""

    def export(self) -> Generator[dict[str, Any], None, None]:
        """Yield everything as lines; see `JobRepository.export`."""
        from queuectl.repository.sqlite import archive

        with self._reading() as db:
            yield from archive.lines(db)

    def import_(self, entries: Iterable[Entry], *, now: int, skip: bool = False) -> Imported:
        """Store what an export holds; see `JobRepository.import_`."""
        from queuectl.repository.sqlite import archive

        with self._translated(), archive.staged(self._db, entries) as jobs, self._writing() as db:
            return archive.move(db, jobs, now=now, skip=skip)

    def backup(self, path: str, *, tell: Callable[[int, int], None] | None = None) -> None:
        """Copy the store into an empty file; see `JobRepository.backup`."""
        from queuectl.repository.sqlite.backup import copy

        with self._reading() as db:
            copy(db, path, tell)
