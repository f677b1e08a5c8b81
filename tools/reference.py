"""Make the pages that are copies of what the program says of itself: docs/reference.md and docs/queuectl.1.

    python tools/reference.py           says which of them are not up to date
    python tools/reference.py --write   writes them

Both are made from the Click commands, so they hold what `--help` holds and need no keeping. The libraries that do
this make a man page for every word, or need the program at build time; two hundred lines do without.
"""

from __future__ import annotations

import re
import sys
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from queuectl import __version__
from queuectl.cli.app import TABLE, cli
from queuectl.cli.words import SharedOption

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
_WIDTH = 100
_SHARED = "\n\nGlobal options:\n"
_PREFACE = """\
What `--help` prints, of every command; as a man page: `man queuectl`, or here `man docs/queuectl.1`. Both are made
from the program by `nox -s docs -- --write`. [cli.md](cli.md) says what it means: JSON fields, columns, exit codes."""


class Entry(NamedTuple):
    """A command as the program has it."""

    words: str  #: as they are typed, `queuectl dlq list`
    command: click.Command
    context: click.Context

    @property
    def help(self) -> str:
        """What `--help` prints, without the options that all commands share."""
        return self.command.get_help(self.context).partition(_SHARED)[0]


def entries() -> Iterator[Entry]:
    """Yield the commands in the order of the help; a group before what is in it."""
    for word in TABLE:
        yield from _entries(cli, word, _context(cli, "queuectl"))


def _entries(group: click.Group, word: str, above: click.Context) -> Iterator[Entry]:
    command = group.get_command(above, word)
    assert command is not None
    context = _context(command, word, above)
    yield Entry(context.command_path, command, context)
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from _entries(command, inner, context)


def _context(command: click.Command, word: str, above: click.Context | None = None) -> click.Context:
    """Return what a command is called in; Click keeps the names of a help option that it has once made."""
    return click.Context(
        command,
        info_name=word,
        parent=above,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
        help_option_names=cli.context_settings["help_option_names"],
    )


# -- docs/reference.md ------------------------------------------------------------------------


def reference() -> str:
    """Return the help of every command as one page."""
    parts = [
        "# Reference",
        _PREFACE,
        _block(cli.get_help(_context(cli, "queuectl"))),
    ]
    for entry in entries():
        parts += [f"## {entry.words}", _block(entry.help)]
    return "\n\n".join(parts) + "\n"


def _block(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return f"```text\n{lines}\n```"


# -- docs/queuectl.1 --------------------------------------------------------------------------


def manual() -> str:
    """Return a man page of the whole program."""
    lines = [
        '.\\" Made from the program by: nox -s docs -- --write',
        f'.TH QUEUECTL 1 "" "queuectl {__version__}" "User Commands"',
        ".SH NAME",
        f"queuectl \\- {_roff('run shell commands in the background, with retries and a Dead Letter Queue')}",
        ".SH SYNOPSIS",
        ".B queuectl",
        _roff("[OPTIONS] COMMAND [ARG]..."),
        ".SH DESCRIPTION",
        *_text(cli.help or ""),
        ".SH GLOBAL OPTIONS",
        "They stand before or after the command's word.",
        *_options(cli, _context(cli, "queuectl"), shared=True),
        ".SH COMMANDS",
    ]
    for entry in entries():
        lines += _section(entry)
    lines += [".SH ENVIRONMENT", *_terms(_ENVIRONMENT), ".SH FILES", *_terms(_FILES), ".SH EXIT STATUS"]
    lines += [*_terms(_exit_codes()), ".SH SEE ALSO", _roff("The documents under docs/, with tutorial.md first.")]
    return "\n".join(lines) + "\n"


_ENVIRONMENT = {
    "QUEUECTL_DB": "The store, where --db is not given.",
    "QUEUECTL_DEBUG": "If set, errors come with a traceback, as with --debug.",
    "NO_COLOR": "If set, nothing is coloured.",
    "QUEUECTL_JOB_ID, QUEUECTL_ATTEMPT, QUEUECTL_QUEUE, QUEUECTL_WORKER, QUEUECTL_RUN": "Set for each job.",
}
_FILES = {
    "queue.db": "The store in the current directory, if no other is named; beside it queue.db-wal and queue.db-shm.",
    "queue.db.d/": "What belongs to this machine: logs, run records, pipes of workers.",
}


def _exit_codes() -> dict[str, str]:
    """Return what docs/cli.md says of them."""
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8").partition("\n## Exit codes\n")[2]
    return dict(re.findall(r"^\| (\d[^|]*?) \| ([^|]*?) \|", page, re.MULTILINE))


def _section(entry: Entry) -> Iterator[str]:
    usage = " ".join(entry.command.collect_usage_pieces(entry.context))
    yield f'.SS "{_roff(f"{entry.words} {usage}").replace(chr(34), "")}"'
    yield from _text(entry.command.help or "")
    yield from _options(entry.command, entry.context, shared=False)


def _text(text: str) -> Iterator[str]:
    r"""Yield paragraphs; what stands behind Click's mark `\b` keeps its lines."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", cleandoc(text))):
        if number:
            yield ".PP"
        if paragraph.startswith("\b"):
            yield ".nf"
            yield from map(_roff, paragraph.splitlines()[1:])
            yield ".fi"
        else:
            yield _roff(" ".join(paragraph.split()))


def _options(command: click.Command, context: click.Context, *, shared: bool) -> Iterator[str]:
    for param in command.get_params(context):
        if isinstance(param, click.Option) and isinstance(param, SharedOption) is shared:
            record = param.get_help_record(context)
            if record and (shared or param is not command.get_help_option(context)):
                yield from _terms({record[0]: " ".join(record[1].split())})


def _terms(terms: dict[str, str]) -> Iterator[str]:
    for term, meaning in terms.items():
        yield ".TP"
        yield f".B {_roff(term)}"
        yield _roff(meaning)


def _roff(text: str) -> str:
    """Return text that troff prints as it stands."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "").replace("…", "...").replace("·", "\\(bu")
    return f"\\&{text}" if text.startswith((".", "'")) else text


# -- the command ------------------------------------------------------------------------------

#: By path in this repository, how its text is made.
PAGES = {"docs/reference.md": reference, "docs/queuectl.1": manual}


def main(arguments: list[str]) -> int:
    """Check the pages, or write them."""
    stale = [path for path, make in PAGES.items() if not _is(path, make())]
    for path in stale:
        if arguments == ["--write"]:
            (ROOT / path).write_text(PAGES[path](), encoding="utf-8")
        print(f"{path} {'written' if arguments == ['--write'] else 'is not up to date'}")
    return 0 if arguments == ["--write"] else int(bool(stale))


def _is(path: str, text: str) -> bool:
    return (ROOT / path).exists() and (ROOT / path).read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
