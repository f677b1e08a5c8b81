"""`queuectl init`: make a store, and keep it out of git if that is wanted."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import click

from queuectl.cli import output
from queuectl.cli.options import shared
from queuectl.cli.words import Command
from queuectl.config import is_server
from queuectl.errors import InvalidInput, OperationFailed, quoted

if TYPE_CHECKING:
    from queuectl.cli.session import Session

#: What a pattern of .gitignore would read as more than itself.
_SPECIAL = "\\*?[ "


class _Ignored(NamedTuple):
    """What became of a `.gitignore`."""

    path: str
    line: str
    added: bool  #: False: it stood there already


@click.command("init", cls=Command)
@click.option("--gitignore", is_flag=True, help="Add the store to the .gitignore of the git work tree that it lies in.")
@shared
@click.pass_obj
def command(session: Session, *, gitignore: bool) -> None:
    """Make the store, if it is not there.

    Any command that needs a store makes it; this one does nothing else. In a pipe it prints the
    store's path, or its URL, and whether it was created or there.

    \b
    Examples:
      queuectl init
      queuectl --db jobs/queue.db init --gitignore
    """
    from queuectl.repository import open_repository

    url = session.url
    tree = None if is_server(url) else _work_tree(os.path.dirname(session.store))
    if gitignore and is_server(url):
        raise InvalidInput("the store is on a server: there is nothing to keep out of git", "leave --gitignore out")
    if gitignore and tree is None:
        raise OperationFailed("the store lies in no git work tree", "leave --gitignore out, or run git init first")
    with closing(open_repository(url)) as repository:
        created, path = repository.created, repository.location
    ignored = _ignore(tree, path) if gitignore and tree is not None else None
    _report(session, path, created=created, ignored=ignored)
    if tree is not None and ignored is None and not _is_ignored(tree, path):
        session.hint(f"keep the store out of git with: {session.call('init --gitignore')}")


def _work_tree(directory: str) -> str | None:
    """Return the root of the git work tree that a directory lies in."""
    directory = os.path.realpath(directory)
    while not os.path.exists(os.path.join(directory, ".git")):
        if directory == os.path.dirname(directory):
            return None
        directory = os.path.dirname(directory)
    return directory


def _line_for(tree: str, store: str) -> str:
    """Return the line of a `.gitignore` that stands for the store and all that lies beside it."""
    place = os.path.join(os.path.realpath(os.path.dirname(store)), os.path.basename(store))
    name = os.path.relpath(place, tree)
    return "/" + "".join(f"\\{char}" if char in _SPECIAL else char for char in name) + "*"


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().split("\n")
    except FileNotFoundError:
        return []


def _is_ignored(tree: str, store: str) -> bool:
    """Say whether the line stands there, or one that means the same wherever the store lies."""
    wanted = {_line_for(tree, store), f"{os.path.basename(store)}*"}
    try:
        return bool(wanted & {line.strip() for line in _lines(os.path.join(tree, ".gitignore"))})
    except OSError:
        return False


def _ignore(tree: str, store: str) -> _Ignored:
    """Add the line to the `.gitignore` at the root of a work tree, unless it is there."""
    path, line = os.path.join(tree, ".gitignore"), _line_for(tree, store)
    try:
        if _is_ignored(tree, store):
            return _Ignored(path, line, added=False)
        before = "" if _lines(path)[-1:] in ([], [""]) else "\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o666), "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f"{before}{line}\n")
    except OSError as error:
        hint = f"add this line to it yourself: {line}"
        raise OperationFailed(f"cannot write {quoted(path, limit=300)}: {error.strerror}", hint) from error
    return _Ignored(path, line, added=True)


def _report(session: Session, path: str, *, created: bool, ignored: _Ignored | None) -> None:
    if session.json:
        output.document({"db": path, "created": created, "gitignore": ignored and ignored._asdict()})
        return
    if output.is_terminal():
        output.write(f"Created {output.safe(path)}.\n" if created else f"{output.safe(path)} is there already.\n")
    else:
        output.line(path, "created" if created else "there")
    if ignored is not None:
        session.say(f"{'Added' if ignored.added else 'There was already'} {ignored.line} in {ignored.path}")
