"""The store's bell: how a worker is called by those who cannot reach its pipe."""

from __future__ import annotations

import contextlib
import select
from typing import TYPE_CHECKING

from queuectl import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl.repository.protocol import JobRepository

#: Seconds for which a bell is not waited for that cannot be answered.
_REST = 0.1


class Bell:
    """Waits for calls through a store, if that has a bell.

    Args:
        repository: the store.
        poll: what the worker waits with.
    """

    def __init__(self, repository: JobRepository, poll: select.poll) -> None:
        self._repository = repository
        self._poll = poll
        self._muted_until = 0.0
        self._is_muted = True

    def moments(self) -> Iterator[float]:
        """Yield when a muted bell is to be heard again, by the monotonic clock."""
        if self._repository.bell is not None and self._is_muted:
            yield self._muted_until

    def has_rung(self, clock: float, *, readable: bool = False) -> bool:
        """Say whether somebody has called since the last time; from then on the next call is waited for.

        To be asked before every sleep: a call may have come in together with the answer to a statement. One that
        makes us wake up (`readable`) though nobody has called, because the store is gone perhaps, must not do so
        without a pause.
        """
        bell = self._repository.bell
        if bell is None or clock < self._muted_until:
            return False
        has_rung = False
        with contextlib.suppress(errors.QueuectlError, OSError):  # whoever has to know will ask for more than this
            has_rung = self._repository.answer()
        self._hear(bell, clock, is_muted=readable and not has_rung)
        return has_rung

    def _hear(self, bell: int, clock: float, *, is_muted: bool) -> None:
        self._is_muted = is_muted
        if is_muted:
            self._muted_until = clock + _REST
            with contextlib.suppress(KeyError):
                self._poll.unregister(bell)
        else:
            self._poll.register(bell, select.POLLIN)
