"""Where the jobs of an `enqueue` come from, if not from the words on its line: a file, or stdin."""

from __future__ import annotations

import os
from itertools import chain
from typing import TYPE_CHECKING

from queuectl.cli import output
from queuectl.errors import InvalidInput, OperationFailed, quoted
from queuectl.spec import build_spec, read_commands, read_specs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from queuectl.cli.session import Session
    from queuectl.model import JobSpec

#: Bytes that are read at a time to count lines.
_BLOCK = 1 << 20
#: So that what is not UTF-8 passes through, to be reported by whoever understands it.
_EXACT = ("utf-8", "surrogateescape")


class Source:
    """The jobs in a file, or in stdin, read one by one.

    Args:
        path: the file; `-` is stdin.
        moment: now.
        here: the current directory.
        plain: whether each line is a command; else it holds specifications.
    """

    def __init__(self, path: str, moment: int, here: str, *, plain: bool) -> None:
        self._path = path
        self._moment = moment
        self._here = here
        self._plain = plain
        self._read: list[str] | None = None  # all lines, if they had to be read before
        self._descriptor = -1

    def __iter__(self) -> Iterator[JobSpec]:
        """Yield the jobs.

        Raises:
            InvalidInput: there is none, or one is not valid, when its turn comes.
            OperationFailed: reading fails in the middle.
        """
        path = self._path
        try:
            # Descriptor 0 rather than sys.stdin: bytes that are not UTF-8 are to be reported.
            encoding, errors = _EXACT
            file = open(0 if path == "-" else path, encoding=encoding, errors=errors, closefd=path != "-")  # noqa: SIM115 - reading fails in another way than opening
        except OSError as error:
            hint = "name a file, or - for stdin"
            raise InvalidInput(f"cannot read {quoted(path)}: {error.strerror}", hint) from error
        try:
            with file:
                # The jobs are read while the store is locked. A disk is quick enough for that; who
                # writes into a pipe may take all day, and is waited for before.
                if file.seekable():
                    self._descriptor = file.fileno()
                    yield from self._specs(file)
                else:
                    self._read = file.readlines()
                    yield from self._specs(self._read)
        except OSError as error:
            raise OperationFailed(f"cannot read {quoted(path)}: {error.strerror}") from error

    def _specs(self, lines: Iterable[str]) -> Iterator[JobSpec]:
        source = "stdin" if self._path == "-" else output.safe(self._path)
        read = read_commands if self._plain else read_specs
        return read(lines, now=self._moment, source=source, here=self._here)

    def number(self) -> int | None:
        """Return how many jobs there may be, or None if nobody knows; to be asked while they are read."""
        try:
            blocks = _blocks(self._descriptor) if self._read is None else (line.encode(*_EXACT) for line in self._read)
            start = next((block for block in blocks if not block.isspace()), b"")
            lines = sum(block.count(b"\n") for block in chain([start], blocks))
        except OSError:  # not worth an error
            return None
        is_array = not self._plain and start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
        return None if is_array else lines


def _blocks(descriptor: int) -> Iterator[bytes]:
    """Yield what a file holds, and leave alone where it is being read."""
    at = 0
    while block := os.pread(descriptor, _BLOCK, at):
        yield block
        at += len(block)


def first_checked(specs: Iterable[JobSpec]) -> Iterable[JobSpec]:
    """Look at the first job before a store is opened, or made, for a file without any."""
    rest = iter(specs)
    return chain([next(rest)], rest)


def here() -> str:
    """Return the current directory."""
    try:
        directory = os.getcwd()
    except OSError as error:
        raise OperationFailed("the current directory is not there any more", "change into another one") from error
    return build_spec({"command": "-", "cwd": directory}, now=0).cwd or directory


def doubt(session: Session, directory: str | None) -> None:
    """Say of a directory that a person named if it is not there: it may be made before the job runs, so it is taken."""
    if directory is None or session.quiet:
        return
    path = os.path.join(here(), directory)
    if not os.path.isdir(path):
        name = quoted(path, limit=200)
        what = f"{name} is not a directory" if os.path.lexists(path) else f"there is no directory {name} here"
        output.warning(f"{what}; the job fails unless it is made before it runs")
