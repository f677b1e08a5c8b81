"""Signals around a commit: a job that is stored is never reported as interrupted.

`enqueue` promises that the job is there if it exits with 0, and is not if it exits with
anything else. So Ctrl-C and TERM wait while the transaction ends: if it fails they count, and
if it succeeds they are answered with 0.
"""

from __future__ import annotations

import signal
from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

T = TypeVar("T")

_STOPS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Acceptance:
    """Holds the stop signals back from the last item to store until the outcome is known."""

    def __init__(self) -> None:
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        """Begin; nothing is held back yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the signals through again, to whoever answered them before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
        self.let_through()

    def after(self, items: Iterable[T]) -> Iterator[T]:
        """Return the items one by one; behind the last one the signals are held back."""
        return chain(items, _held_back())

    def accept(self) -> None:
        """Say that all is stored: a signal that came meanwhile is forgotten, a later one means success."""
        for number in _STOPS:
            handler = signal.getsignal(number)
            if handler is not signal.SIG_IGN:
                self._before[number] = handler
                signal.signal(number, signal.SIG_IGN)
                signal.signal(number, _succeed)
        self.let_through()

    def let_through(self) -> None:
        """Let the signals through, also those that came meanwhile: the caller has an answer to them."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


def _held_back() -> Iterator[Any]:
    """Yield nothing, but hold the signals back: a chain that comes to it costs its items no time."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    yield from ()


def _succeed(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
