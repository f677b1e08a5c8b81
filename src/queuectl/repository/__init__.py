"""The way to a store: the only place that knows which engines there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuectl import errors
from queuectl.config import parse_location, redact_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl.repository.examination import Engine, StoreFacts
    from queuectl.repository.protocol import JobRepository


def open_repository(url: str, *, create: bool = True, patience: float | None = None) -> JobRepository:
    """Open the store that `url` names: a path, `sqlite:///path`, or `postgresql://…`.

    Args:
        url: as the user gave it.
        create: whether a store that is not there may be made.
        patience: seconds to wait for a lock, or for a server that does not answer; None: the engine's own.

    Raises:
        StoreError: it cannot be opened; the message says why.
    """
    if _is_server(url):
        _check_driver()
        from queuectl.repository.postgres import PostgresRepository

        return PostgresRepository(url, create=create, patience=patience)
    from queuectl.repository.sqlite import SqliteRepository

    repository = SqliteRepository(_path(url), create=create)
    if patience is not None:
        repository.patience = patience
    return repository


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
    if _is_server(url):
        _check_driver()
        from queuectl.repository.postgres.examine import examine as examine_server

        return examine_server(url, now=now, thorough=thorough, numbers=numbers)
    from queuectl.repository.sqlite.examine import examine

    return examine(_path(url), now=now, thorough=thorough, numbers=numbers)


def engine_of(url: str) -> Engine:
    """Return what keeps the store that `url` names, there or not.

    Raises:
        StoreError: there is no such engine.
    """
    if _is_server(url):
        _check_driver()
        from queuectl.repository.postgres.server import engine as server

        return server(url)
    _path(url)
    from queuectl.repository.sqlite.examine import engine

    return engine()


def _is_server(url: str) -> bool:
    return parse_location(url).engine in {"postgresql", "postgres"}


def _check_driver() -> None:
    """See that PostgreSQL's driver is there: it is an extra."""
    try:
        import psycopg  # noqa: F401 - whoever needs it imports it
    except ImportError as error:
        raise errors.StoreUnreachable(
            f"PostgreSQL needs the driver psycopg, which cannot be loaded ({str(error).partition(chr(10))[0]})",
            hint="pipx install --force 'queuectl-cli[postgres]', or with pip into the environment that it is in",
        ) from error


def _path(url: str) -> str:
    location = parse_location(url)
    if location.engine != "sqlite":
        raise errors.StoreUnreachable(
            f"no storage engine for {redact_url(url)!r}: {location.engine!r} is not supported in this version",
            hint="name a file, sqlite:///path or postgresql://host/database",
        )
    return location.path
