"""The way to a store: the only place that knows which engines there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.config import parse_location, redact_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository.examination import Engine, StoreFacts
    from queuectl.repository.protocol import JobRepository


def open_repository(url: str, *, create: bool = True) -> JobRepository:
    """Open the store that `url` names: a path, or `sqlite:///path`.

    Args:
        url: as the user gave it.
        create: whether a file that is not there may be made.

    Raises:
        StoreError: it cannot be opened; the message says why.
    """
    path = _path(url)
    from queuectl.repository.sqlite import SqliteRepository

    return SqliteRepository(path, create=create)


def examine_store(url: str, *, now: int, thorough: bool = False, numbers: Sequence[int] = ()) -> StoreFacts:
    """Look at the store that `url` names without opening it for work; nothing is made or changed.

    Args:
        url: as the user gave it.
        now: the present.
        thorough: whether to read everything and to count it anew.
        numbers: of jobs; the facts say which of them are of none.

    Raises:
        StoreError: it is not there, not ours, or cannot be read; the message says why.
    """
    path = _path(url)
    from queuectl.repository.sqlite.examine import examine

    return examine(path, now=now, thorough=thorough, numbers=numbers)


def engine_of(url: str) -> Engine:
    """Return the library that keeps the store that `url` names, there or not.

    Raises:
        StoreError: there is no such engine.
    """
    _path(url)
    from queuectl.repository.sqlite.examine import engine

    return engine()


def _path(url: str) -> str:
    location = parse_location(url)
    if location.engine != "sqlite":
        raise errors.StoreUnreachable(
            f"no storage engine for {redact_url(url)!r}: {location.engine!r} is not supported in this version",
            hint="name a file, or sqlite:///path",
        )
    return location.path
