"""Pausing a queue and resuming it, where the store can: the one place of the live screen that knows how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl.errors import OperationFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl.repository.base import JobRepository


def paused(repository: JobRepository) -> Mapping[str, int]:
    """Return the paused queues with the instant since when they are; none where nothing can be paused."""
    ask = getattr(repository, "paused", None)
    return {one.queue: one.since for one in ask()} if ask else {}


def set_paused(repository: JobRepository, queue: str, *, wanted: bool, now: int, by: str) -> None:
    """Let nothing be claimed from a queue any more, or let it go on.

    Raises:
        OperationFailed: this store cannot.
    """
    change: Any = getattr(repository, "pause" if wanted else "resume", None)
    if change is None:
        raise OperationFailed("this version of queuectl cannot pause queues")
    change([queue], now=now, by=by)
