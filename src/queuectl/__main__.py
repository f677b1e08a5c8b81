"""The program's entrance: `queuectl` and `python -m queuectl`."""

import _signal  # type: ignore[import-not-found] # what `signal` is made of: that one would be loaded with Ctrl-C unanswered
import os


def _leave(_number: int, _frame: object) -> None:
    """End at once: nothing has begun, and from the middle of an import Python would show a traceback or go on."""
    os._exit(130)


if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:  # else whoever started us wants it ignored
    _signal.signal(_signal.SIGINT, _leave)

from queuectl.cli.entry import main  # noqa: E402 - after the above

if __name__ == "__main__":
    main()
