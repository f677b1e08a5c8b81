"""The program on a real terminal: what it shows, how keys stop it, and in which state it leaves the terminal."""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from shutil import which
from typing import TYPE_CHECKING

import pytest
from rich.cells import get_character_cell_size

from tests.acceptance.conftest import DEADLINE, PROGRAM, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.acceptance.conftest import Shop

pytestmark = pytest.mark.engines("sqlite")

#: Runs a program with its standard input as its controlling terminal, as a login does.
CONTROLLED = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)
START = [*PROGRAM, "worker", "start"]
#: Private modes: wrapping, cursor, alternate screen, synchronized output.
WRAP, CURSOR, ALTERNATE, TOGETHER = 7, 25, 1049, 2026


class Model:
    """As much of a terminal as the program may use; any other sequence is a failure."""

    def __init__(self, columns: int, lines: int) -> None:
        self.modes = {WRAP: True, CURSOR: True, ALTERNATE: False, TOGETHER: False}
        self.ever = {mode for mode, on in self.modes.items() if on}  #: the modes that have been on
        self._main: list[str] = [""]
        self._waiting = ""
        self.resize(columns, lines)
        self.scrolled = False  #: whether a frame was too high

    def resize(self, columns: int, lines: int) -> None:
        """Change the size; what stood on the alternate screen is lost."""
        self._columns, self._lines = columns, lines
        self._clear()

    def text(self) -> str:
        """Return what is to be seen: the alternate screen, or all that was printed on the main one."""
        rows = self._cells if self.modes[ALTERNATE] else self._main
        return "\n".join("".join(row).rstrip() for row in rows)

    def feed(self, text: str) -> None:
        """Take what the program writes."""
        text = self._waiting + text
        end = 0
        for found in re.finditer(r"\x1b\[(\?)?([0-9;]*)([A-Za-z])|[\r\n]|[^\x1b\r\n]", text):
            assert found.start() == end, f"unknown sequence: {text[end : end + 20]!r}"
            end = found.end()
            self._obey(found)
        self._waiting = text[end:]
        assert len(self._waiting) < 12, f"unknown sequence: {self._waiting!r}"

    def _obey(self, found: re.Match[str]) -> None:
        private, numbers, final = found.groups()
        if final is None:
            self._print(found[0])
        elif private:
            assert final in "hl", found[0]
            self.modes[int(numbers)] = final == "h"
            if final == "h":
                self.ever.add(int(numbers))
        elif found[0] == "\x1b[2J":
            self._clear()
        elif found[0] == "\x1b[H":
            self._row = self._column = 0
        else:
            assert final == "m", found[0]

    def _clear(self) -> None:
        self._cells = [[" "] * self._columns for _ in range(self._lines)]
        self._row = self._column = 0

    def _print(self, character: str) -> None:
        if not self.modes[ALTERNATE]:
            if character == "\n":
                self._main.append("")
            elif character != "\r":
                self._main[-1] += character
        elif character == "\r":
            self._column = 0
        elif character == "\n":
            self._row += 1
            if self._row == self._lines:
                self.scrolled = True
                self._row -= 1
                self._cells = [*self._cells[1:], [" "] * self._columns]
        elif self._column < self._columns:
            self._cells[self._row][self._column] = character
            self._column += get_character_cell_size(character)


class Terminal:
    """A person's terminal, in which a program runs."""

    def __init__(self, shop: Shop, command: Sequence[str], size: tuple[int, int] = (80, 24)) -> None:
        self._master, slave = os.openpty()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.model = Model(*size)
        self._was_resized = False
        self._resize(size)
        # `start_new_session` makes room for a controlling terminal; `preexec_fn` would fork with pytest's threads.
        self.process = subprocess.Popen(
            [sys.executable, "-c", CONTROLLED, *command],
            cwd=shop.home,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "PS1": "$ ", "COLUMNS": "", "LINES": ""},
        )
        os.close(slave)
        os.set_blocking(self._master, False)

    def look(self) -> str:
        """Return what stands on the screen now."""
        with suppress(OSError):  # EAGAIN: nothing more; EIO: nobody writes any more
            while True:
                self.model.feed(self._decoder.decode(os.read(self._master, 65_536)))
        return self.model.text()

    def shows(self, pattern: str) -> str:
        """Wait until this is to be seen, and return all that is."""
        return self.shows_that(lambda text: re.search(pattern, text) is not None, f"the screen shows {pattern!r}")

    def shows_that(self, condition: Callable[[str], bool], what: str) -> str:
        """Wait until the screen is so, and return all that is to be seen."""

        def look() -> str:
            text = self.look()
            return text if condition(text) and not self.model.modes[TOGETHER] else ""

        try:
            return eventually(look, what)
        except BaseException:
            print(self.model.text())
            raise

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Change the window's size; the kernel tells the program in front."""
        self.look()
        self._was_resized = True  # a frame of the old size may be on its way
        self.model.resize(columns, lines)
        self._resize((columns, lines))

    def _resize(self, size: tuple[int, int]) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def ends(self) -> int:
        """Return the exit code, once the program has ended, and see that the terminal is as it was."""
        eventually(lambda: (self.look(), self.process.poll() is not None)[1], "the program ends")
        self.look()
        assert self.is_as_before()
        assert self._was_resized or not self.model.scrolled
        return self.process.wait()

    def is_as_before(self) -> bool:
        """Say whether the next program finds the terminal as this one found it."""
        return self.model.modes == {**self.model.modes, WRAP: True, CURSOR: True, ALTERNATE: False, TOGETHER: False}

    def close(self) -> None:
        """Close the window."""
        with suppress(OSError):
            os.close(self._master)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE)


class Desk:
    """Where a test opens terminals."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.terminals: list[Terminal] = []

    def __call__(self, *args: str, command: Sequence[str] = START, size: tuple[int, int] = (80, 24)) -> Terminal:
        terminal = Terminal(self._shop, [*command, *args], size)
        self.terminals.append(terminal)
        return terminal


@pytest.fixture
def terminal(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.delenv("NO_COLOR", raising=False)
    shop.queuectl("status")  # so that no terminal says that the store was made
    desk = Desk(shop)
    yield desk
    for one in desk.terminals:
        one.close()


# -- what it shows ------------------------------------------------------------------------


def test_a_job_is_shown_while_it_runs_and_when_it_has_ended(shop: Shop, terminal: Desk) -> None:
    gate = shop.gate()
    shop.enqueue(gate.wait, id="slowly")
    window = terminal("--name", "worker-1", "-c", "2")
    shown = window.shows(r"Running 1 of 2")
    assert re.search(r"^ queuectl worker-1 .* up ", shown)
    assert re.search(r"^ \S slowly .* 1/3  read _", shown, re.MULTILINE)
    assert window.model.modes == {WRAP: False, CURSOR: False, ALTERNATE: True, TOGETHER: False}
    gate.open()
    window.shows(r"✓ slowly ")
    window.type("\x03")
    assert window.ends() == 0
    left = window.look()
    assert re.search(r"✓ slowly .*\n Worker stopped after .*: 1 completed\n$", left), left


def test_a_failure_is_shown_with_the_time_of_its_retry(shop: Shop, terminal: Desk) -> None:
    shop.enqueue("exit 3", id="broken", backoff_base=1000)
    window = terminal()
    shown = window.shows(r"✗ broken .* exit code 3  → retry at ")
    assert re.search(r"↻ broken +16m 40s  1/3  exit code 3  exit 3", shown)
    window.type("\x03")
    assert window.ends() == 0
    assert "1 failed and to be retried" in window.look()


def test_what_ends_at_once_takes_no_screen(shop: Shop, terminal: Desk) -> None:
    shop.enqueue("true", id="quick")
    window = terminal("--once")
    assert window.ends() == 0
    assert ALTERNATE not in window.model.ever
    assert re.search(r"^ ✓ quick .* true", window.look(), re.MULTILINE)


def test_many_slots_fit_into_a_small_window(shop: Shop, terminal: Desk) -> None:
    gate = shop.gate()
    shop.enqueue_all([{"command": gate.wait, "id": f"job-{number:02d}"} for number in range(64)])
    window = terminal("-c", "64", size=(80, 24))
    shown = window.shows(r"Running 64 of 64")
    first = len(re.findall(r"job-\d\d", shown))
    assert f"   + {64 - first} more" in shown
    assert "Ctrl-C: finish" in shown.splitlines()[-1]
    for _ in range(64):
        gate.open()
    window.shows(r"Running 0 of 64")
    window.type("\x03")
    assert window.ends() == 0


def test_what_a_job_is_called_is_no_command_to_the_terminal(shop: Shop, terminal: Desk) -> None:
    gate = shop.gate()
    shop.enqueue(f": '\x1b[2J\x1b]0;title\x07' '[/red]' ':fire:' '\u202e'\n{gate.wait}", id="漢字 👩\u200d🚀"[:4])
    window = terminal(size=(120, 24))
    window.shows(re.escape(r": '\x1b[2J\x1b]0;title\x07' '[/red]' ':fire:' '\u202e'\nread"))
    gate.open()
    window.shows("1 completed")
    window.type("\x03")
    assert window.ends() == 0


def test_a_resized_window_is_filled_anew(shop: Shop, terminal: Desk) -> None:
    gate = shop.gate()
    shop.enqueue(gate.wait, id="slowly")
    window = terminal()
    window.shows("Running 1 of 1")
    for columns, lines in ((60, 20), (40, 8), (120, 40), (12, 3), (80, 24)):
        window.resize(columns, lines)
        last = r"(?s:.*)\n Ctrl-C[^\n]*$" if lines > 3 else r"\n[^\n]* slowly[^\n]*\n$"
        shown = window.shows(r"\A queuectl[^\n]*" + last)
        assert shown.count("\n") == lines - 1
    gate.open()
    window.shows("✓ slowly")
    window.type("\x03")
    assert window.ends() == 0


@pytest.mark.parametrize("variable", ["TERM=dumb", "NO_COLOR=1"])
def test_a_terminal_that_shall_stay_plain_gets_lines(shop: Shop, terminal: Desk, variable: str) -> None:
    shop.enqueue("true", id="quick")
    window = terminal("--once", command=["env", variable, *START])
    assert window.ends() == 0
    left = window.look()
    assert "completed job=quick attempt=1/3 exit=0" in left
    assert window.model.ever == {WRAP, CURSOR}


# -- keys ---------------------------------------------------------------------------------


def test_ctrl_c_lets_the_running_job_finish(shop: Shop, terminal: Desk) -> None:
    gate = shop.gate()
    job = shop.enqueue(gate.wait, id="slowly")
    window = terminal()
    window.shows("Running 1 of 1")
    window.type("\x03")
    window.shows("Stopping: waiting for 1 running job")
    gate.open()
    assert window.ends() == 0
    assert shop.job(job).state == "completed"


def test_ctrl_c_twice_gives_the_job_back(shop: Shop, terminal: Desk) -> None:
    job = shop.enqueue(shop.gate().wait, id="slowly")
    window = terminal()
    window.shows("Running 1 of 1")
    window.type("\x03")
    window.shows("Stopping: waiting")
    window.type("\x03")
    assert window.ends() == 130
    assert "1 given back" in window.look()
    assert (shop.job(job).state, shop.job(job).attempts) == ("pending", 0)


def test_ctrl_s_stops_the_screen_and_not_the_worker(shop: Shop, terminal: Desk) -> None:
    window = terminal("-c", "2")
    window.shows("Running 0 of 2")
    window.type("\x13")
    jobs = [shop.enqueue("sleep 0.2") for _ in range(12)]
    for job in jobs:
        shop.becomes(job, "completed")
    window.type("\x11")
    window.shows("12 completed")
    window.type("\x03")
    assert window.ends() == 0


def test_a_window_that_is_closed_is_a_graceful_stop(shop: Shop, terminal: Desk) -> None:
    gate = shop.gate()
    job = shop.enqueue(gate.wait)
    window = terminal()
    window.shows("Running 1 of 1")
    os.close(window._master)
    gate.open()
    shop.becomes(job, "completed")
    assert window.process.wait(DEADLINE) == 0


def test_ctrl_backslash_leaves_the_terminal_in_order(shop: Shop, terminal: Desk) -> None:
    gate = shop.gate()
    job = shop.enqueue(gate.wait)
    window = terminal(command=["sh", "-c", 'ulimit -c 0; exec "$@"', "sh", *START])
    window.shows("Running 1 of 1")
    window.type("\x1c")
    assert window.ends() == -signal.SIGQUIT
    gate.open()
    shop.work("--drain")
    assert shop.job(job).attempts == 1  # the command went on, and the next worker took its result


@pytest.mark.skipif(which("bash") is None, reason="job control needs an interactive shell")
def test_a_shell_can_put_the_worker_aside_and_back(shop: Shop, terminal: Desk) -> None:
    gate = shop.gate()
    shop.enqueue(gate.wait, id="slowly")
    window = terminal(command=["bash", "--norc", "--noprofile", "--noediting", "-i"])
    window.type(" ".join(START) + "\n")
    window.shows("Running 1 of 1")
    window.type("\x1a")
    window.shows("Stopped")
    assert window.is_as_before()
    window.type("fg\n")
    window.shows("Running 1 of 1")
    gate.open()
    window.shows("✓ slowly")
    window.type("\x03")
    window.shows("Worker stopped after .*: 1 completed\n")
    window.type("exit $?\n")
    assert window.ends() == 0


@pytest.mark.skipif(which("bash") is None, reason="job control needs an interactive shell")
def test_a_worker_in_the_background_leaves_the_screen_to_its_shell(shop: Shop, terminal: Desk) -> None:
    jobs = [shop.enqueue("sleep 0.5") for _ in range(2)]  # before the worker could find that all is done
    window = terminal(command=["bash", "--norc", "--noprofile", "--noediting", "-i"])
    window.type(" ".join(START) + " --drain & wait\n")
    for job in jobs:
        shop.becomes(job, "completed")
    window.type("exit\n")
    assert window.ends() == 0
    assert ALTERNATE not in window.model.ever


def test_a_worker_whose_lines_nobody_reads_any_more_goes_on(shop: Shop) -> None:
    jobs = [shop.enqueue(f"echo {number}") for number in range(5)]
    command = " ".join([*START, "--drain"])
    done = subprocess.run(
        ["sh", "-c", f"{{ {command}; echo exit $? >&2; }} | head -1"],
        cwd=shop.home, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.count("\n") == 1
    assert done.stderr == "exit 0\n"
    assert all(shop.job(job).state == "completed" for job in jobs)


# -- pages that stay ------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (200, 50)])
def test_a_list_that_is_watched_shows_what_changes(shop: Shop, terminal: Desk, size: tuple[int, int]) -> None:
    window = terminal("list", "--watch", "0.1", command=PROGRAM, size=size)
    window.shows(r"No jobs yet\.(?s:.*)Ctrl-C: leave")
    shop.queuectl("enqueue", "--id", "first", "true")
    window.shows(r"first +· pending")
    shop.queuectl("worker", "start", "--once")
    window.shows(r"first +✓ completed")
    window.type("\x03")
    assert window.ends() == 130
    assert ALTERNATE in window.model.ever
    assert "first" in window.look()


def test_a_long_list_that_is_watched_fits_the_window(shop: Shop, terminal: Desk) -> None:
    shop.enqueue_all([{"id": f"job-{number:03}", "command": "true"} for number in range(100)])
    window = terminal("list", "--watch", "0.1", "--sort", "id", command=PROGRAM, size=(80, 12))
    text = window.shows(r"91 more jobs are not shown")
    assert "job-008" in text
    window.resize(60, 20)
    window.shows(r"83 more jobs are not shown(?s:.*)Ctrl-C: leave$")
    window.type("\x03")
    assert window.ends() == 130


def test_the_status_that_is_watched_shows_what_changes(shop: Shop, terminal: Desk) -> None:
    window = terminal("status", "--watch", command=PROGRAM)
    window.shows(r"pending +0(?s:.*)No worker is running\.")
    shop.enqueue("true")
    window.shows(r"pending +1 +1 ready")
    window.process.terminate()
    assert window.ends() == 143


def test_a_page_whose_store_is_deleted_says_so(shop: Shop, terminal: Desk) -> None:
    window = terminal("status", "--watch", "0.1", command=PROGRAM)
    window.shows(r"Ctrl-C: leave")
    shop.database.unlink()
    assert window.ends() == 6
    assert "was deleted or replaced" in window.look()
