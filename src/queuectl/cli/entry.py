"""The process around a command line: how it starts fast, answers to signals, and ends.

Until all is loaded Ctrl-C ends it at once, as `queuectl.__main__` has it; from then on what is half done is undone. It
runs no clean-up of the interpreter at the end: that would take a fifth of the time of a short command.
"""

from __future__ import annotations

import gc
import os
import signal
import sys

TYPE_CHECKING = False  # the real one costs an import during which Ctrl-C would show a traceback
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

#: Objects more than before until the collector looks for garbage; Python's own number is 700.
_GARBAGE = 100_000


def main() -> NoReturn:
    """Run the command line of this process and end it."""
    code = 1
    try:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _terminate)
        # Importing makes many objects and no garbage: a short command never needs a collection.
        gc.set_threshold(_GARBAGE)
        from queuectl.cli.app import cli

        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # now there is something to undo
        if sys.stdout is not None:
            sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        cli.main(prog_name="queuectl")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    _leave(code)


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    """Undo what is half done on the way out, as after an error."""
    raise SystemExit(128 + number)


def _leave(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:  # it was reported when the command ended, or nobody is there to hear it
            pass
    os._exit(code)
