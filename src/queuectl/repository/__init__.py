"""The way to a store: the only place that knows which engines there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.config import parse_location, redact_url

if TYPE_CHECKING:
    from queuectl.repository.base import JobRepository


def open_repository(url: str, *, create: bool = True) -> JobRepository:
    """Open the store that `url` names: a path, or `sqlite:///path`.

    Args:
        url: as the user gave it.
        create: whether a file that is not there may be made.

    Raises:
        StoreError: it cannot be opened; the message says why.
    """
    location = parse_location(url)
    if location.engine != "sqlite":
        raise errors.StoreUnreachable(
            f"no storage engine for {redact_url(url)!r}: {location.engine!r} is not supported in this version",
            hint="name a file, or sqlite:///path",
        )
    from queuectl.repository.sqlite import SqliteRepository

    return SqliteRepository(location.path, create=create)
