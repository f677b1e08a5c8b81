"""Doing again what came to nothing: others were quicker, or the connection was cut."""

from __future__ import annotations

import time
from functools import wraps
from typing import TYPE_CHECKING, Any

from queuectl.repository.postgres.meanings import Cut, Overtaken

if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl.repository.postgres.connection import Connection


def ringing(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let the workers be called when what a method does is committed: by NOTIFY, in the same transaction."""

    @wraps(method)
    def call(self: Connection, *args: Any, **options: Any) -> Any:
        self._rings = True
        try:
            return method(self, *args, **options)
        finally:
            self._rings = False

    return call


def persistent(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method that is one transaction be called again when others were quicker, or the connection was cut.

    Nothing was written then: what is not known (`InDoubt`) is not done again.
    """

    @wraps(method)
    def call(self: Connection, *args: Any, **options: Any) -> Any:
        ends, pause = time.monotonic() + self.patience, 0.005
        while True:
            try:
                return method(self, *args, **options)
            except (Overtaken, Cut):
                if time.monotonic() + pause > ends:
                    raise
            time.sleep(pause * (0.5 + time.monotonic() % 0.01 * 100))  # not all at once
            pause = min(1.0, pause * 2)

    return call
