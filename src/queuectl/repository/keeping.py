"""What every storage engine promises about whole stores: a part of `queuectl.repository.base`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from queuectl.repository.archive import Entry


class Imported(NamedTuple):
    """What an import came to."""

    jobs: int  #: that are in the store now
    skipped: int  #: that were left out: their id, or their unique key, is taken
    running: int  #: of those imported, that were running when they were exported
    paused: tuple[str, ...] = ()  #: queues that are paused now and were not before; empty: all of them


class Keeping(Protocol):
    """Copies of everything: as lines for any store of ours, and as a file of the same engine."""

    def export(self) -> Generator[dict[str, Any], None, None]:
        """Yield everything as the lines that `queuectl.repository.archive` describes.

        Read from one snapshot and streamed: memory does not grow with the number of jobs.
        """

    def import_(self, entries: Iterable[Entry], *, now: int, skip: bool = False) -> Imported:
        """Store what an export holds, all or nothing: jobs with their ids, states, order and history.

        The entries are read before the store's lock is taken, so whoever writes them may take
        its time. Their order is kept, behind that of the jobs that are there; in an empty store the jobs keep
        their numbers too. A running job stays `processing`, held by a worker that is not there: whoever
        looks for dead workers settles it as lost.

        Args:
            entries: what is to be stored, those of a whole export.
            now: the present.
            skip: leave alone what is there already, instead of refusing everything.

        Raises:
            JobExists: an id is in the store, or twice in the export.
            UniqueKeyTaken: a pending or processing job has the unique key of one of them.
            Conflict: a setting has another value here.
            InvalidInput: the entries do not fit together.
        """

    def backup(self, path: str, *, tell: Callable[[int, int], None] | None = None) -> None:
        """Copy the store as it is now into an empty file, while others go on writing.

        The copy is on the disk when this returns.

        Args:
            path: of the file.
            tell: is called now and then with how many pages are copied, and of how many.

        Raises:
            StoreFull: there is no room for the copy.
        """
