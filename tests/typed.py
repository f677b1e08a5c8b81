"""Pages whose commands are typed as they stand: each must print what the page shows.

Behind a marker like `<!-- run -->` stands a block of `$ command` lines, each with what it prints below it. `…`
stands for anything in a line, and alone for any number of lines. Blocks of one page are typed one after another
in one directory; a command with a word that the program does not have yet is left out.
"""

from __future__ import annotations

import fnmatch
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from queuectl.cli.app import TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]
#: A command must not inherit what was set around the tests.
_OURS = ("QUEUECTL_",)


class Step(NamedTuple):
    """A command of a page, and the lines that it must print."""

    command: str
    shown: list[str]

    @property
    def is_there(self) -> bool:
        """Whether the program has every command that is used."""
        return set(re.findall(r"queuectl (?:-q |--json )*([a-z]+)", self.command)) <= {*TABLE, "ls"}


def steps_of(page: str, marker: str) -> list[Step]:
    """Return each command behind the marker, with what stands below it."""
    steps: list[Step] = []
    text = (ROOT / page).read_text(encoding="utf-8")
    for block in re.findall(rf"<!-- {marker} -->\n```console\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line[2:], []))
            elif line.startswith("> "):  # the command goes on
                steps[-1] = steps[-1]._replace(command=f"{steps[-1].command}\n{line[2:]}")
            else:
                steps[-1].shown.append(line)
    return steps


def matches(line: str, pattern: str) -> bool:
    """Say whether a line is what a page shows; `…` stands for anything."""
    return fnmatch.fnmatchcase(line, re.sub(r"[\[\]*?]", "?", pattern).replace("…", "*"))


def all_match(lines: Sequence[str], patterns: Sequence[str]) -> bool:
    """Say whether lines are what a page shows; `…` alone stands for any number of them."""
    if not patterns:
        return not lines
    first, *rest = patterns
    if first == "…":
        return any(all_match(lines[start:], rest) for start in range(len(lines) + 1))
    return bool(lines) and matches(lines[0], first) and all_match(lines[1:], rest)


def type_all(steps: Sequence[Step], home: Path) -> None:
    """Type the commands in a directory, and see that each prints what its page shows."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(home)}
    try:
        for step in filter(lambda step: step.is_there, steps):
            done = subprocess.run(
                ["bash", "-c", f"exec 2>&1; {step.command}"],
                cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
            found = done.stdout.splitlines()
            assert all_match(found, step.shown), f"{step.command}\nprinted\n{done.stdout}\nnot\n" + "\n".join(
                step.shown
            )
    finally:
        _end_what_is_left(home)


def _end_what_is_left(home: Path) -> None:
    """End what a page has left in the background, as a page whose test failed does: all that have this home."""
    mark = f"HOME={home}".encode()
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
