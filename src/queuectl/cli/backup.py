"""`queuectl backup`: a copy of the store, while workers go on."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from queuectl.cli import output
from queuectl.cli.options import files, shared
from queuectl.cli.progress import Bar, is_wanted
from queuectl.cli.words import Command
from queuectl.config import is_server
from queuectl.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from queuectl.cli.session import Session

#: Pages from which on a person sees how many are copied.
LARGE = 20_000
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


@click.command("backup", cls=Command)
@click.argument("path", metavar="FILE", shell_complete=files)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@shared
@click.pass_obj
def command(session: Session, path: str, *, force: bool) -> None:
    """Copy the store into a file, as it is at this moment.

    Workers go on meanwhile. The file appears as a whole or not at all, is for its owner alone, and is a
    store itself: `queuectl --db FILE list` reads it. Logs are not in it. A store on a server is backed up
    by pg_dump, which this command then names.

    \b
    Examples:
      queuectl backup queue-backup.db
      queuectl backup --force /var/backups/queue.db
    """
    if path == "-":  # elsewhere that is stdout
        raise InvalidInput("a backup cannot go to stdout", "name a file; queuectl export - writes all jobs as text")
    from queuectl.cli.wholefile import appearing

    repository = session.repository
    if is_server(repository.location):  # it says at once how that is done, whatever stands under this name
        repository.backup(path)
    with appearing(path, store=repository.location, force=force) as made:
        with _meter(session) as tell:
            repository.backup(made, tell=tell)
        size = os.stat(made).st_size
    where = os.path.abspath(path)
    if session.json:
        output.document({"path": where, "bytes": size})
    elif output.is_terminal():
        output.write(f"Copied the store to {output.safe(where)}: {size_text(size)}.\n")
    else:
        output.line(where, size)


@contextmanager
def _meter(session: Session) -> Iterator[Callable[[int, int], None] | None]:
    """Show a person how many pages are copied, of how many, if there is one and they are many."""
    if not is_wanted(session):
        yield None
        return
    with ExitStack() as stack:
        bars: list[Bar] = []
        told = 0

        def tell(copied: int, pages: int) -> None:
            nonlocal told
            if pages >= LARGE and not bars:
                bars.append(stack.enter_context(Bar("Copying pages", pages)))
            for bar in bars:
                bar.advance(copied - told)
            told = copied

        yield tell


def size_text(size: float) -> str:
    """Return a number of bytes for people: `812 bytes`, `1.5 MiB`."""
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:  # noqa: PLR2004 - a KiB
        size, unit = size / 1024, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{size:.0f} {_UNITS[0]}"
