"""`queuectl export`: everything that a store holds, as JSON Lines."""

from __future__ import annotations

import json
import os
from contextlib import closing, contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from queuectl.cli import output
from queuectl.cli.options import files, shared
from queuectl.cli.progress import is_wanted, watched
from queuectl.cli.session import Session, now
from queuectl.cli.words import Command
from queuectl.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator


@click.command("export", cls=Command)
@click.argument("path", metavar="FILE|-", shell_complete=files)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@shared
@click.pass_obj
def command(session: Session, path: str, *, force: bool) -> None:
    """Write all jobs, with their history, as JSON Lines that `queuectl import` reads.

    The file holds the values of the jobs' environments, and is for its owner alone. Logs are not
    in it. Workers may go on meanwhile: it shows one moment.

    \b
    Examples:
      queuectl export jobs.jsonl
      queuectl export - | ssh host queuectl import -
      queuectl export - | jq -r '.job | select(.state == "dead") | .id'
    """
    if path == "-":
        if session.json:
            raise InvalidInput("stdout is for the export itself, not for --json", "leave --json out, or name a file")
        with _entries(session, watch=not output.is_terminal()) as entries:
            counted = _Counted(entries)
            counted.write(output.write)
    else:
        counted = _write_file(session, path, force=force)
    if counted.running:
        noun = "job was" if counted.running == 1 else "jobs were"
        session.say(
            f"{counted.running:,} {noun} running: where the export is imported, the next worker counts"
            " such a run as lost and goes on by the job's policy"
        )


@contextmanager
def _entries(session: Session, *, watch: bool = True) -> Iterator[Iterator[dict[str, Any]]]:
    """Give all that the store holds; a person sees how much of it has gone by, if it is much."""
    repository = session.repository
    is_watched = watch and is_wanted(session)
    number = sum(repository.counts(now=now()).states.values()) if is_watched else 0
    with closing(repository.export()) as entries:
        if not is_watched:
            yield entries
            return
        # Closed, it takes the bar away, whatever happens.
        with closing(_watched(entries, number)) as seen:
            yield seen


def _watched(entries: Iterator[dict[str, Any]], number: int) -> Generator[dict[str, Any]]:
    """Show how many of the jobs have gone by; a line at the end follows them."""
    for entry in entries:
        if "job" in entry:
            yield from watched(chain([entry], entries), "Exporting", number=lambda: number + 1)
        else:
            yield entry


def _write_file(session: Session, path: str, *, force: bool) -> _Counted:
    from queuectl.cli.wholefile import appearing

    repository = session.repository
    with appearing(path, store=repository.location, force=force) as made, _entries(session) as entries:
        counted = _Counted(entries)
        with open(made, "w", encoding="ascii") as file:
            counted.write(file.write)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
    where = os.path.abspath(path)
    if session.json:
        output.document({"path": where, "bytes": size, "jobs": counted.jobs, "running": counted.running})
    elif output.is_terminal():
        noun = "job" if counted.jobs == 1 else "jobs"
        output.write(f"Exported {counted.jobs:,} {noun} to {output.safe(where)}.\n")
    else:
        output.line(where, counted.jobs)
    return counted


class _Counted:
    """Hands the lines of an export on, and counts its jobs."""

    def __init__(self, entries: Iterator[dict[str, Any]]) -> None:
        self._entries = entries
        self.jobs = 0
        self.running = 0  #: of them, those whose commands ran

    def write(self, write: Callable[[str], object]) -> None:
        """Write every line: ASCII only, so that no terminal and no encoding gets in the way."""
        encode = json.JSONEncoder(ensure_ascii=True).encode
        for entry in self._entries:
            if "job" in entry:
                self.jobs += 1
                self.running += entry["job"]["state"] == "processing"
            write(encode(entry).replace("\x7f", "\\u007f") + "\n")
