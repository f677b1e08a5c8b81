"""`queuectl import`: jobs with their ids, states and history, as `queuectl export` wrote them."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import click

from queuectl.cli import output
from queuectl.cli.options import files, shared
from queuectl.cli.progress import is_wanted, watched
from queuectl.cli.session import Session, now
from queuectl.cli.words import Command
from queuectl.errors import InvalidInput, OperationFailed, quoted

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from queuectl.repository.archive import Entry
    from queuectl.repository.keeping import Imported

#: Bytes that are read at a time to count lines.
_BLOCK = 1 << 20


@click.command("import", cls=Command)
@click.argument("path", metavar="FILE|-", shell_complete=files)
@click.option(
    "--if-exists", type=click.Choice(["error", "skip"]), default="error", show_default=True,
    help="What to do if a job's id or unique key is taken.",
)  # fmt: skip
@shared
@click.pass_obj
def command(session: Session, path: str, if_exists: str) -> None:
    """Read what `queuectl export` wrote: all of it or nothing.

    Jobs keep their ids, states, order and history, and come behind those that are there. One that was
    running counts as lost: the next worker goes on by its policy. Queues that were paused are paused
    here too, which it says. While they are put into the store, 20 seconds for a million, nobody else
    can write to it; running jobs go on.

    \b
    Examples:
      queuectl import jobs.jsonl
      queuectl --db new.db import jobs.jsonl
      queuectl export - | ssh host queuectl import --if-exists skip -
    """
    from queuectl.cli.accepted import Acceptance
    from queuectl.worker.living import call_workers

    # Closed, what draws takes the bar away, whatever happens.
    with closing(_watched(session, path, _first_checked(_entries(path)))) as entries, Acceptance() as acceptance:
        repository = session.repository
        done = repository.import_(acceptance.after(entries), now=now(), skip=if_exists == "skip")
        workers = call_workers(repository)
        acceptance.accept()
        _report(session, done)
        if done.jobs:
            session.hint_at_missing_worker(workers)


def _entries(path: str) -> Iterator[Entry]:
    """Yield what the file holds, checked, an entry at a time."""
    from queuectl.repository.archive import read

    source = "stdin" if path == "-" else output.safe(path)
    try:
        file = open(0 if path == "-" else path, "rb", closefd=path != "-")  # noqa: SIM115 - reading fails in another way than opening
    except OSError as error:
        raise InvalidInput(f"cannot read {quoted(path)}: {error.strerror}", "name a file, or - for stdin") from error
    try:
        with file:
            yield from read(file, source=source)
    except OSError as error:
        raise OperationFailed(f"cannot read {quoted(path)}: {error.strerror}") from error


def _first_checked(entries: Iterator[Entry]) -> Iterator[Entry]:
    """Look at the first entry before a store is opened, or made, for a file that is no export."""
    from itertools import chain, islice

    return chain(list(islice(entries, 1)), entries)


def _watched(session: Session, path: str, entries: Iterator[Entry]) -> Generator[Entry]:
    """Show a person how far reading has come, if there is one and it takes a while."""
    if is_wanted(session):
        entries = watched(entries, "Reading", number=lambda: _lines(path))
    yield from entries


def _lines(path: str) -> int | None:
    """Return how many entries a file holds between its first line and its last; None if only reading it would tell."""
    if path == "-" or not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            return max(0, sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK), b"")) - 2)
    except OSError:  # reading it says what is wrong
        return None


def _report(session: Session, done: Imported) -> None:
    if session.json:
        numbers = {"imported": done.jobs, "skipped": done.skipped, "running": done.running}
        output.document({**numbers, "paused": [queue or "*" for queue in done.paused]})
    elif output.is_terminal():
        noun = "job" if done.jobs == 1 else "jobs"
        skipped = f"; skipped {done.skipped:,} whose id or unique key is taken" if done.skipped else ""
        output.write(f"Imported {done.jobs:,} {noun}{skipped}.\n")
    else:
        for name, number in (("imported", done.jobs), ("skipped", done.skipped), ("running", done.running)):
            output.line(name, number)
    if done.running:
        noun = "job was" if done.running == 1 else "jobs were"
        session.say(f"{done.running:,} {noun} running: the next worker counts such a run as lost")
    for queue in done.paused:
        what, how = (f"Queue {quoted(queue)} is", queue) if queue else ("All queues are", "--all")
        session.say(f"{what} paused here now, as where the export was made")
        session.hint(f"{session.call(f'resume {how}')} lets the jobs be started")
