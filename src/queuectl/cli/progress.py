"""A bar on stderr for a person who waits; a pipe has none, and does not pay for Rich.

It is drawn by whoever makes progress, at the moment of progress: a thread would take signals
that a command holds back around a commit.
"""

from __future__ import annotations

import sys
import time
from itertools import islice
from typing import TYPE_CHECKING, Self, TypeVar

from queuectl.cli import output

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from queuectl.cli.session import Session

T = TypeVar("T")

#: From so many items on, a person sees how far it has come.
LARGE = 5000
#: Items between two looks at the clock.
_STEP = 500
#: Seconds between two drawings, with news and without.
_AGAIN, _IDLE = 0.1, 1.0


def is_wanted(session: Session) -> bool:
    """Say whether somebody wants to see how far something has come."""
    return output.is_watched() and not session.quiet


class Bar:
    """How far something has come.

    Args:
        word: what is being done.
        number: of how many things; None: nobody knows.
    """

    def __init__(self, word: str, number: int | None) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn(word), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(
            *columns,
            console=output.console(sys.stderr),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task(word, total=number)
        self._drawn_at = 0.0

    def __enter__(self) -> Self:
        """Show it."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        self._progress.stop()

    def advance(self, number: int) -> None:
        """Take note that so many more are done."""
        self._progress.advance(self._task, number)
        clock = time.monotonic()
        if clock >= self._drawn_at + (_AGAIN if number else _IDLE):
            self._drawn_at = clock
            self._progress.start()  # after `clear`
            self._progress.refresh()

    def clear(self) -> None:
        """Make room for a line on the same terminal; the next `advance` brings it back."""
        self._progress.stop()
        self._drawn_at = 0.0


def watched(items: Iterable[T], word: str, *, number: Callable[[], int | None]) -> Generator[T]:
    """Yield the items, and show how far it has come if they turn out to be many.

    `number` is called then, and says how many they are, or None.
    """
    rest = iter(items)
    yield from islice(rest, LARGE)
    block = list(islice(rest, 1))  # no more: `number` is to be asked in their midst
    if not block:
        return
    with Bar(word, number()) as bar:
        bar.advance(LARGE)
        while block:
            yield from block
            bar.advance(len(block))
            block = list(islice(rest, _STEP))
