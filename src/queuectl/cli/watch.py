"""`--watch`: a page on the whole screen, drawn anew whenever something has changed.

The store is asked for a number that changes with every commit, which costs microseconds; only then, or when a while
has passed, is it read again. In between the page is drawn again from what was read, for it shows ages, and
sent to the terminal if it differs.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from queuectl.cli import output
from queuectl.cli.options import Duration, named
from queuectl.cli.session import now
from queuectl.config import is_dumb_terminal
from queuectl.errors import InvalidInput, StoreGone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import RenderableType
    from rich.text import Text

    from queuectl.cli.session import Session
    from queuectl.cli.terminal import Terminal

    #: Draws what was read, as it is at an instant.
    Draw = Callable[[int], Iterable[RenderableType]]
    #: Reads what fits into so many columns and lines.
    Read = Callable[[int, int], Draw]

#: Seconds after which the store is read again though nobody wrote: jobs become due, and workers die in silence.
_STALE = 5.0
#: The shortest time between two looks, in seconds.
_LEAST = 0.1
#: Seconds for which we are deaf to Ctrl-Z.
_NAP = 0.1


def _bounded(_ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """Refuse to look more often than a person can."""
    if value is not None and value < _LEAST:
        with named(param):
            raise InvalidInput(f"{value:g} s is too short", f"give {_LEAST:g}s or more")
    return value


watch_option = click.option(
    "--watch", "seconds", is_flag=False, flag_value="1s", type=Duration(), callback=_bounded, metavar="[DUR]",
    help="Stay, and show what changes; look every second, or every DUR.",
)  # fmt: skip


def watch(session: Session, read: Read, *, seconds: float) -> None:
    """Show a page until Ctrl-C; its last state stays on the terminal.

    Args:
        session: names the store, and says whether the output is for a person.
        read: called whenever there may be something new.
        seconds: between two looks.

    Raises:
        InvalidInput: there is no terminal to draw on.
        StoreGone: the store was deleted or replaced.
    """
    _demand_terminal(session)
    from queuectl.cli.terminal import Terminal

    watcher = _Watcher(session, read, Terminal(sys.stdout))
    try:
        while watcher.look():
            watcher.rest(seconds)
    finally:
        watcher.close()


def _demand_terminal(session: Session) -> None:
    if session.json:
        raise InvalidInput("--watch draws on a terminal and has no JSON form", "leave out --watch or --json")
    if not output.is_terminal() or is_dumb_terminal():
        raise InvalidInput("--watch needs a terminal that it can draw on", "leave it out to see the state as it is now")


class _Watcher:
    """Looks at the store and keeps the screen as it is there."""

    def __init__(self, session: Session, read: Read, terminal: Terminal) -> None:
        self._repository = session.repository
        self._store = session.store
        self._read = read
        self._terminal = terminal
        self._seen: tuple[int, tuple[int, int]] | None = None  # the store's version, and the size of the screen
        self._read_at = 0.0
        self._draw: Draw = lambda _at: ()
        self._drawn: tuple[tuple[int, int], list[Text]] = ((0, 0), [])

    def look(self) -> bool:
        """Bring the screen up to date; say whether anybody may still see it."""
        if not self._repository.is_same_file():
            raise StoreGone(f"store {self._store!r} was deleted or replaced", "start again to see the new one")
        size = width, height = self._terminal.size()
        # The version before what is read: a commit in between is then noticed at the next look.
        seen, clock = (self._repository.version(), size), time.monotonic()
        if seen != self._seen or clock - self._read_at >= _STALE:
            self._draw = self._read(width, height - 1)
            self._seen, self._read_at = seen, clock
        if self._terminal.is_ready():
            drawn = (size, lines_of(self._draw(now()), width)[: max(1, height - 1)])
            if drawn != self._drawn or not self._terminal.is_open:
                self._drawn = drawn
                self._terminal.draw([*drawn[1], *_footer(width, height - len(drawn[1]))])
        return not self._terminal.is_gone

    def rest(self, seconds: float) -> None:
        """Wait for the next look, but not for Ctrl-Z."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._terminal.is_gone:
            time.sleep(min(left, _NAP))
            self._terminal.is_ready()

    def close(self) -> None:
        """Give the screen back, and leave on it what was to be seen last."""
        self._terminal.close(self._drawn[1])


def lines_of(page: Iterable[RenderableType], width: int) -> list[Text]:
    """Return what is to be drawn as lines of text."""
    from rich.console import Console
    from rich.text import Text

    canvas = Console(width=width, markup=False, emoji=False, highlight=False, legacy_windows=False)
    options = canvas.options.update(width=width)
    return [
        Text.assemble(*((segment.text, segment.style or "") for segment in line), no_wrap=True, overflow="crop")
        for part in page
        for line in canvas.render_lines(part, options, pad=False)
    ]


def _footer(width: int, room: int) -> Sequence[Text]:
    """Return how to leave, at the bottom of the screen."""
    from rich.text import Text

    if room <= 0:
        return ()
    return [*(Text("") for _ in range(room - 1)), Text(" Ctrl-C: leave"[:width], "dim")]
