"""Tab completion in real shells: a person types, presses TAB and Enter, and the right thing happens."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import DEADLINE, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.conftest import Shop

pytestmark = pytest.mark.engines("sqlite")

#: How each shell is started without the files of whoever runs the tests, and made ready.
SHELLS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        ["bind 'set enable-bracketed-paste off'", "source <(queuectl completion bash)"],
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        ["unsetopt zle_bracketed_paste; autoload -U compinit; compinit -D -u", "source <(queuectl completion zsh)"],
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        ["function fish_greeting; end; function fish_title; end", "queuectl completion fish | source"],
    ),
}
#: How a new shell comes to the installed script: what it needs for that, and the lines of its user's configuration.
INSTALLED = {
    "bash": ("/usr/share/bash-completion/bash_completion", "source /usr/share/bash-completion/bash_completion"),
    "zsh": (
        "/",
        "unsetopt zle_bracketed_paste; fpath=(~/.local/share/zsh/site-functions $fpath)",
        "autoload -U compinit; compinit -D -u",
    ),
    "fish": ("/", "function fish_title; end"),
}
#: Ids that a shell could take for something else. None of them may run, be split, or be expanded.
HOSTILE = [
    "a b",
    "c$(touch pwned)",
    "d`touch pwned`",
    "e;touch pwned",
    "f*",
    "g'quote",
    'h"quote',
    "i\\back",
    "j:colon:ed",
    "k@host=1",
    "l,comma",
    "m&touch pwned",
    "n#hash",
    "o~{a,b}",
]


class Shell:
    """An interactive shell on a terminal, with `queuectl` in its PATH."""

    def __init__(self, arguments: list[str], setup: list[str], shop: Shop) -> None:
        self._shop = shop
        self._number = 0
        environment = {
            **{key: value for key, value in os.environ.items() if key.startswith("PYTHON")},
            "PATH": f"{shop.home / 'bin'}:{os.environ['PATH']}",
            "HOME": str(shop.home / "home"),
            "TERM": "xterm",
            "LANG": "C.UTF-8",
            "COLUMNS": "200",
        }
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(shop.home)
            os.execvpe(arguments[0], arguments, environment)  # noqa: S606 - this is the shell
        self.seen = ""
        for line in setup:
            self.run(line)

    def run(self, line: str) -> None:
        """Type a line and wait until it has run."""
        self.type(line)
        self.enter()

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def tab(self, shows: str) -> None:
        """Press TAB and wait until the line shows this."""
        self.seen = ""
        self.type("\t")
        self.sees(shows)

    def enter(self) -> None:
        """Run the line, and wait until the shell has run the next one too."""
        self._number += 1
        done = self._shop.home / f"done-{self._number}"
        self.type(f"\recho >'{done}'\r")

        def is_ready() -> bool:
            self.look()
            return done.exists()

        eventually(is_ready, f"the shell is ready again after {self.seen!r}")

    def sees(self, text: str) -> None:
        ends = time.monotonic() + DEADLINE
        while text not in _plain(self.seen):
            assert time.monotonic() < ends, f"no {text!r} in {self.seen!r}"
            self.look()

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._descriptor)

    def look(self) -> None:
        """Read what the shell has shown since."""
        while select.select([self._descriptor], [], [], 0.02)[0]:
            self.seen += os.read(self._descriptor, 65536).decode(errors="replace")


def _plain(text: str) -> str:
    """Return what a terminal was sent, without the sequences that move and colour."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>]", "", text)
    while "\x08" in text:
        text = re.sub(r"[^\x08]?\x08", "", text, count=1)
    return text


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, shop: Shop) -> Iterator[Shell]:
    """Each shell that is installed here."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    _put_into_path(shop.home)
    with closing(Shell(*SHELLS[request.param], shop)) as shell:
        yield shell


def _put_into_path(home: Path) -> None:
    program = home / "bin/queuectl"
    program.parent.mkdir()
    (home / "home").mkdir()
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m queuectl \"$@\"\n", encoding="utf-8")
    program.chmod(0o755)


def _bury(shop: Shop, *ids: str) -> None:
    shop.enqueue_all([{"id": job, "command": "false", "max_retries": 1} for job in ids])
    shop.work("--drain", "--concurrency", "4")


def test_commands_are_completed_and_no_store_is_made(shell: Shell, shop: Shop) -> None:
    shell.type("queuectl statu")
    shell.tab("status")
    shell.type("--js")
    shell.tab("--json")
    shell.type("\x15")  # forget the line
    shell.type("queuectl dlq retry x")
    shell.type("\t")
    shell.type("\x15queuectl config get ma")
    shell.tab("max-retries")
    assert not shop.database.exists()
    shell.type(" >value")
    shell.enter()
    assert shop.lines("value") == ["3"]


def test_states_and_queues_are_completed(shell: Shell, shop: Shop) -> None:
    shop.enqueue("true", id="a", queue="mail")
    shop.enqueue("true", id="b")
    for line, shows in (
        ("list --state pen", "pending"),
        ("list --state=pen", "--state=pending"),
        ("list -Q m", "mail"),
    ):
        shell.type(f"queuectl {line}")
        shell.tab(shows)
        shell.type(" >out")
        shell.enter()
        assert [line.split("\t")[0] for line in shop.lines("out")] == (["a"] if "-Q" in line else ["a", "b"])


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_an_id_is_completed_as_what_it_is_whatever_it_looks_like(shell: Shell, shop: Shop, quote: str) -> None:
    _bury(shop, *HOSTILE)
    for job in HOSTILE:
        shell.type(f"queuectl dlq retry {quote}{job[0]}")
        shell.tab(job[-2:] if job[-2:].isalnum() else "")
        shell.look()
        shell.enter()
        assert shop.becomes(job, "pending").attempts == 0
    assert not (shop.home / "pwned").exists()


def test_the_part_behind_a_colon_is_completed(shell: Shell, shop: Shop) -> None:
    _bury(shop, "a:b:c", "a:x", "user@host=1")
    for typed, shows in (("a:b", "a:b:c"), ("a:b:", "a:b:c"), ("user@", "user@host=1"), ("user@host=", "user@host=1")):
        shell.type(f"queuectl dlq retry {typed}")
        shell.tab(shows[len(typed) :])
        shell.type(" --dry-run >out")
        shell.enter()
        assert shop.lines("out") == [shows]


@pytest.mark.parametrize("name", INSTALLED)
def test_the_installed_script_is_found_by_a_new_shell(shop: Shop, name: str) -> None:
    needs, *setup = INSTALLED[name]
    if shutil.which(name) is None or not Path(needs).exists():
        pytest.skip(f"{name} or {needs} is not installed")
    _put_into_path(shop.home)
    arguments = [word for word in SHELLS[name][0] if word != "--no-config"]
    with closing(Shell(arguments, [f"queuectl completion {name} --install"], shop)):
        pass
    with closing(Shell(arguments, setup, shop)) as shell:
        shell.type("queuectl config get ma")
        shell.tab("max-retries")
