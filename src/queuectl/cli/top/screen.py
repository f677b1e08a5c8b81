"""The terminal of the live screen: a `Terminal` that also listens to keys, and gives the keyboard back with the screen.

Keys come one by one and without echo; Ctrl-C and Ctrl-Z stay signals, so that they work whatever the loop does.
"""

from __future__ import annotations

import os
import select
import signal
import termios
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from rich.console import Console

from queuectl.cli.terminal import Terminal
from queuectl.cli.top.keys import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType
    from typing import Any

    from rich.live import Live
    from rich.text import Text

#: Seconds after which an ESC that nothing follows is the Escape key.
_ESCAPE = 0.05
_LOCAL, _CONTROL = 3, 6  # places in the list of `termios.tcgetattr`


class Screen(Terminal):
    """A screen to draw frames on, and the keys that are pressed meanwhile.

    Args:
        stream: standard output.
        keyboard: standard input; both must be terminals.
    """

    def __init__(self, stream: TextIO, keyboard: TextIO) -> None:
        super().__init__(stream)
        self._keyboard = keyboard.fileno()
        self._settings: list[Any] | None = None  # of the terminal, as others left them
        self._rest = b""  # the begin of a key
        self._is_deaf = False  # nobody will ever press a key again
        # Beside the one that `Live` holds, which would draw all of it with every line.
        self._pen = Console(file=self._canvas, force_terminal=True, legacy_windows=False, highlight=False)
        self._shown: tuple[tuple[int, int], list[Text]] = ((0, 0), [])

    @property
    def is_gone(self) -> bool:
        """Whether nobody will ever press a key again, or see another frame."""
        return self._is_deaf or super().is_gone

    @property
    def is_whole(self) -> bool:
        """Whether what was drawn last is to be seen still, as far as we know."""
        return self.is_open and bool(self._shown[1])

    def wait(self, seconds: float, wakeup: int) -> list[str]:
        """Wait for keys, for a byte in the pipe `wakeup`, or for so long; return the keys."""
        poll = select.poll()
        poll.register(wakeup, select.POLLIN)
        if self.is_open:  # in the background a read would stop us
            poll.register(self._keyboard, select.POLLIN)
        limit = _ESCAPE if self._rest else seconds
        ready = {descriptor for descriptor, _ in poll.poll(max(0.0, limit) * 1000)}
        if wakeup in ready:
            os.read(wakeup, 4096)
            self._renew()
            self.forget()
        if self._keyboard not in ready:
            keys, self._rest = decode(self._rest, final=wakeup not in ready)
            return keys
        try:
            data = os.read(self._keyboard, 4096)
        except OSError:  # EIO: the terminal was closed
            data = b""
        self._is_deaf = not data
        keys, self._rest = decode(self._rest + data)
        return keys

    def draw(self, lines: Sequence[Text]) -> None:
        """Show a frame: as a whole, or only the lines that are other ones than before."""
        size, before = self._shown
        if not self.is_open or size != self.size() or len(before) != len(lines):
            super().draw(lines)
        else:
            self._pen.size = size
            for row, (line, old) in enumerate(zip(lines, before, strict=True), 1):
                if line != old:
                    # Emptied first: behind the last cell of a full line it would take that cell.
                    self._canvas.write(f"\x1b[{row};1H\x1b[K")
                    self._pen.print(line, end="", no_wrap=True, overflow="crop", crop=True)
            self._present()
        self._shown = (self.size(), list(lines))

    def forget(self) -> None:
        """Draw the next frame as a whole: others may have written on the screen."""
        self._shown = ((0, 0), [])

    def _open(self) -> Live:
        self._take_keyboard()
        return super()._open()

    def _shut(self) -> None:
        try:
            super()._shut()
        finally:
            self._give_keyboard_back()

    def _quit(self, number: int, frame: FrameType | None) -> None:
        self._give_keyboard_back()
        super()._quit(number, frame)

    def _take_keyboard(self) -> None:
        with suppress(termios.error):
            self._settings = termios.tcgetattr(self._keyboard)
            ours = termios.tcgetattr(self._keyboard)
            ours[_LOCAL] &= ~(termios.ICANON | termios.ECHO)
            ours[_CONTROL][termios.VMIN], ours[_CONTROL][termios.VTIME] = 1, 0
            # Not what waits for the output to drain: a terminal that was stopped (Ctrl-S) would hold us.
            termios.tcsetattr(self._keyboard, termios.TCSANOW, ours)

    def _renew(self) -> None:
        """Take the keyboard again after a STOP, which gave it to a shell behind our back."""
        if self.is_open and self._settings is not None and self._is_foreground():
            settings, self._settings = self._settings, None
            self._take_keyboard()
            self._settings = settings

    def _give_keyboard_back(self) -> None:
        if self._settings is not None:
            with suppress(termios.error):
                termios.tcsetattr(self._keyboard, termios.TCSANOW, self._settings)
            self._settings = None


class Terminated(SystemExit):
    """TERM or HUP has come; the code is what a shell reports."""


@contextmanager
def signals() -> Iterator[int]:
    """Let TERM and HUP end the program in order, and every signal wake whoever waits for the pipe that is yielded."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    # Without a handler of Python's these would not write into the pipe.
    handlers |= {number: signal.signal(number, _pass) for number in (signal.SIGWINCH, signal.SIGCONT)}
    try:
        yield reader
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)


def _end(number: int, _frame: FrameType | None) -> None:
    raise Terminated(128 + number)


def _pass(_number: int, _frame: FrameType | None) -> None:
    """Only wake up."""
