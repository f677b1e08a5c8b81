"""A terminal of which the live display has the whole screen, and which gets it back.

The alternate screen is used: nothing scrolls, a resize needs no repair, and what stood there
before is there again afterwards. There are no threads, and a terminal that takes nothing
(Ctrl-S) costs frames, not time: see `queuectl.cli.outlet`.
"""

from __future__ import annotations

import io
import os
import signal
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live

from queuectl.cli.outlet import Outlet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType
    from typing import Any, TextIO

    from rich.text import Text

#: Wrapping off: a terminal that finds an emoji wider than Rich does then cuts the line there
#: instead of pushing the others down. And on again; the screen is emptied because tmux gives
#: back only a part of what stood there if it was resized.
_OPEN, _CLOSE = "\x1b[?7l", "\x1b[?7h\x1b[2J"
#: Around a frame: terminals that can will show it in one piece
#: (https://contour-terminal.org/vt-extensions/synchronized-output/), the others pay no heed.
#: The cursor waits in the corner, where the echo of a key does least harm.
_BEGIN, _END = "\x1b[?2026h", "\x1b[H\x1b[?2026l"
#: What sets everything right if there is no time for more.
_RESTORE = b"\x1b[?2026l\x1b[?7h\x1b[?25h\x1b[?1049l"


class Terminal:
    """A screen to draw frames on.

    Args:
        stream: standard output; must be a terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._outlet = Outlet(stream)
        self._canvas = _Canvas(self._outlet.encoding)
        self._console = Console(file=self._canvas, force_terminal=True, legacy_windows=False, highlight=False)
        self._live: Live | None = None
        self._handlers: dict[signal.Signals, Any] = {}
        self._must_suspend = False

    @property
    def is_open(self) -> bool:
        """Whether the screen is ours now."""
        return self._live is not None

    @property
    def shows_unicode(self) -> bool:
        """Whether the terminal's encoding has signs beyond those of its language."""
        return "utf" in self._outlet.encoding.lower()

    @property
    def is_gone(self) -> bool:
        """Whether nobody will ever see another frame."""
        return self._outlet.is_dead

    def size(self) -> tuple[int, int]:
        """Return columns and lines as they are now, after any resize."""
        try:
            width, height = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            width, height = 0, 0
        # Some terminals do not know their size and say 0.
        self._console.size = (width or 80, height or 24)
        return self._console.width, self._console.height

    def is_ready(self) -> bool:
        """Say whether a frame could be shown now; first do what Ctrl-Z asked for."""
        if self._must_suspend:
            self._suspend()
        self._outlet.flush()
        return not self._outlet.is_dead and not self._outlet.pending and self._is_foreground()

    def draw(self, lines: Sequence[Text]) -> None:
        """Show a frame, as large as `size` says; take the screen if it is not ours yet."""
        if self._live is None:
            self._live = self._open()
        self._live.update(Group(*lines), refresh=True)
        self._present()

    def close(self, lines: Sequence[Text] = ()) -> None:
        """Give the screen back and leave some lines on it; idempotent."""
        self._shut()
        for line in lines:
            self._console.print(line, no_wrap=True, overflow="crop", crop=True)
        self._send()
        self._outlet.close()

    def _present(self) -> None:
        """Show what was drawn in one piece."""
        self._send(_BEGIN, _END)

    def _open(self) -> Live:
        live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        live.start()
        self._send(after=_OPEN)
        for number, handler in ((signal.SIGTSTP, self._want_suspend), (signal.SIGQUIT, self._quit)):
            self._handlers[number] = signal.signal(number, handler)
        return live

    def _shut(self) -> None:
        if self._live is None:
            return
        self._live.stop()
        self._live = None
        self._send(before=_CLOSE)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()

    def _send(self, before: str = "", after: str = "") -> None:
        """Hand on what Rich has drawn."""
        self._outlet.write(before + self._canvas.take() + after)

    def _is_foreground(self) -> bool:
        """Say whether the terminal listens to us and not to the shell that put us aside with `&`."""
        try:
            return os.tcgetpgrp(self._stream.fileno()) == os.getpgrp()
        except (OSError, ValueError):  # not our session's terminal: then no shell minds
            return True

    def _want_suspend(self, _number: int, _frame: FrameType | None) -> None:
        self._must_suspend = True

    def _suspend(self) -> None:
        """Give the screen back for as long as Ctrl-Z holds us."""
        self._must_suspend = False
        self._shut()
        signal.raise_signal(signal.SIGTSTP)

    def _quit(self, number: int, _frame: FrameType | None) -> None:
        r"""Answer Ctrl-\ even if the loop hangs: set the terminal right, and die of it."""
        os.write(self._stream.fileno(), _RESTORE)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


class _Canvas(io.StringIO):
    """The file that Rich draws into."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """What the terminal reads."""
        return self._encoding

    def take(self) -> str:
        """Return what was drawn, and forget it."""
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text
