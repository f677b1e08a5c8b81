"""The live screen in a real terminal (tmux), beside a real worker."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from shlex import join
from shutil import which
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import PROGRAM, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.acceptance.conftest import Shop

pytestmark = pytest.mark.skipif(which("tmux") is None or which("bash") is None, reason="needs tmux and bash")

TOP = join([*PROGRAM, "top"])
#: What a shell finds of its terminal: the settings of its keyboard are its own and change while it reads a line.
SETTINGS = "stty -g"


class Window:
    """A shell in a terminal of its own, on a tmux server of its own."""

    def __init__(self, shop: Shop, socket: Path) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        shell = "bash --norc --noprofile --noediting -i"
        self._run(
            "new-session", "-d", "-x", "80", "-y", "24", "-c", str(shop.home), f"env -u NO_COLOR PS1='$ ' {shell}"
        )
        self._run("set-option", "-g", "window-size", "manual")
        self.shows(r"^\$ *$")

    def _run(self, *args: str) -> str:
        done = subprocess.run([*self._tmux, *args], capture_output=True, text=True, timeout=20, check=True)
        return done.stdout

    def type(self, text: str) -> None:
        """Press keys that are characters."""
        self._run("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys by their names in tmux."""
        self._run("send-keys", *keys)

    def line(self, text: str) -> None:
        """Type a line for the shell."""
        self.type(text)
        self.press("Enter")

    def text(self, *, colours: bool = False) -> str:
        """Return what stands on the screen."""
        return self._run("capture-pane", "-p", *(["-e"] if colours else [])).rstrip("\n")

    def shows(self, pattern: str) -> str:
        """Wait until this is to be seen, and return all that is."""
        return self.shows_that(lambda text: re.search(pattern, text, re.MULTILINE) is not None, repr(pattern))

    def shows_that(self, condition: Callable[[str], bool], what: str) -> str:
        def look() -> str:
            text = self.text()
            return text if text and condition(text) else ""

        try:
            return eventually(look, f"the screen shows {what}")
        except BaseException:
            print(self.text())
            raise

    def is_filled(self, lines: int) -> str:
        """Wait until the bottom line of a frame is the last one of the window."""
        frame = re.compile(rf"(.*\n){{{lines - 1}}}.* q quit *")
        return self.shows_that(lambda text: frame.fullmatch(text) is not None, f"{lines} lines")

    def resize(self, columns: int, lines: int) -> None:
        self._run("resize-window", "-x", str(columns), "-y", str(lines))

    def modes(self) -> str:
        """Return whether the alternate screen is shown, the cursor is to be seen, and lines wrap."""
        return self._run("display-message", "-p", "#{alternate_on} #{cursor_flag} #{wrap_flag}").strip()

    def ends(self, code: int) -> None:
        """See that the program has ended so, and that the shell has its terminal back as it was."""
        self.shows(rf"^code={code}$")
        assert self.modes() == "0 1 1"
        assert "queuectl top  " not in self.text()
        self.line(f"[ $before = $({SETTINGS}) ] && echo as it was")
        self.shows(r"^as it was$")

    def close(self) -> None:
        self._run("kill-server")


@pytest.fixture
def window(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    shop.queuectl("status")
    opened = Window(shop, tmp_path_factory.mktemp("tmux") / "s")  # a socket's path must be short
    yield opened
    opened.close()


def start(window: Window, variables: str = "") -> None:
    """Start the screen from the shell, which remembers how its terminal was."""
    window.line(f"clear; before=$({SETTINGS}); {variables} {TOP}; echo code=$?")
    window.shows(r"^ queuectl top  ")


def pid_of_top(shop: Shop) -> int:
    """Return the process that shows the screen of this store."""
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if b"top" in words and b"queuectl" in words and (entry / "cwd").readlink() == shop.home:
                return int(entry.name)
        except (OSError, ValueError):
            continue
    return 0


def test_jobs_are_seen_at_work_and_one_is_cancelled_by_a_key(shop: Shop, window: Window) -> None:
    gate = shop.gate()
    shop.enqueue(f"echo step one; {gate.wait}", id="first", priority=9)
    shop.enqueue(f"echo step two; {gate.wait}", id="second")
    shop.enqueue("true", id="third", queue="mail", delay="1h")
    shop.start_worker("-c", "2", "--name", "worker-1")
    start(window)
    shown = window.shows(r"step two")
    assert re.search(r"^ worker-1  ■■ 2/2 +up \d+s", shown, re.MULTILINE)
    assert re.search(r"^▸. first +\d+s 1/3  .* step one", shown, re.MULTILINE)
    assert re.search(r"^▸ Running 2 of 2 ─", shown, re.MULTILINE)
    assert re.search(r"^   mail +0     1     0     0", shown, re.MULTILINE)
    window.press("Down")
    window.shows(r"^▸. second")
    window.type("c")
    window.shows(r"^ Cancel job 'second', which is running\? +\[y/N\]$")
    window.type("y")
    window.shows(r"^ ✓ stopping job 'second'")
    window.shows(r"^ ✗ second .* cancelled ")
    assert shop.becomes("second", "cancelled")
    (deed,) = shop.store.actions()
    assert (deed.verb, deed.what) == ("cancel", "second")
    assert re.fullmatch(".+@.+", deed.by)
    assert shop.job("first").state == "processing"
    gate.open()
    window.shows(r"^ ✓ first ")
    assert shop.job("third").state == "pending"
    window.type("q")
    window.ends(0)


def test_a_dead_job_is_looked_at_and_run_again(shop: Shop, window: Window) -> None:
    shop.enqueue("echo because of this; exit 3", id="broken", max_retries=1)
    shop.start_worker("--name", "worker-1")
    shop.becomes("broken", "dead")
    start(window)
    window.press("BTab")
    window.shows(r"^▸☠ broken .* exit code 3 → dead")
    window.press("Enter")
    shown = window.shows(r"^ because of this")
    assert re.search(r"^ state +☠ dead  \d+s ago", shown, re.MULTILINE)
    assert re.search(r"→ processing +attempt 1 by worker-1", shown)
    window.type("r")
    window.shows(r"^ Run job 'broken', which is dead, again\?")
    window.type("y")
    window.shows(r"^ ✓ job 'broken' is ready to run again")
    window.shows(r"retried from the Dead Letter Queue by \S+@\S+")
    eventually(lambda: shop.job("broken").runs == 2, "it runs again")
    window.press("Escape")
    window.shows(r"^▸ Ended")
    window.type("q")
    window.ends(0)


def test_the_log_is_followed(shop: Shop, window: Window) -> None:
    gate = shop.gate()
    shop.enqueue(f"printf '\\033[31mred\\033[0m\\n'; {gate.wait}; echo afterwards; {gate.wait}", id="talks")
    shop.start_worker()
    start(window)
    window.shows(r"^▸. talks")
    window.type("l")
    window.shows(r"─ Output of talks ─")
    window.shows(r"^ red$")
    gate.open()
    window.shows(r"^ afterwards$")
    gate.open()
    window.type("q")
    window.ends(0)


def test_a_worker_that_is_killed_is_seen_to_be_gone(shop: Shop, window: Window) -> None:
    gate = shop.gate()
    shop.enqueue(gate.wait, id="orphan")
    worker = shop.start_worker("--name", "worker-1")
    start(window)
    window.shows(r"^▸. orphan")
    worker.kill()
    window.shows(r"^ worker-1  is gone; another worker takes over what it ran")
    window.shows(r"no worker  \d\d:\d\d:\d\d")
    window.type("q")
    window.ends(0)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        pytest.param(lambda window, _pid: window.press("C-c"), 130, id="Ctrl-C"),
        pytest.param(lambda _window, pid: os.kill(pid, signal.SIGTERM), 143, id="TERM"),
        pytest.param(lambda _window, pid: os.kill(pid, signal.SIGHUP), 129, id="HUP"),
    ],
)
def test_whatever_ends_it_the_terminal_is_as_it_was(
    shop: Shop, window: Window, end: Callable[[Window, int], object], code: int
) -> None:
    start(window)
    assert window.modes() == "1 0 0"
    end(window, eventually(lambda: pid_of_top(shop), "the screen has a process"))
    window.ends(code)


@pytest.mark.engines("sqlite")
def test_a_store_that_disappears_is_an_error_on_a_terminal_in_order(shop: Shop, window: Window) -> None:
    start(window)
    shop.database.unlink()
    shown = window.shows(r"^code=6$")
    assert "was deleted or replaced" in shown
    window.ends(6)


def test_a_shell_can_put_it_aside_and_back(shop: Shop, window: Window) -> None:
    del shop
    start(window)
    window.press("C-z")
    window.shows(r"Stopped")
    assert window.modes() == "0 1 1"
    window.line(f"[ $before = $({SETTINGS}) ] && echo as it was")
    window.shows(r"^as it was$")
    window.line("fg")
    window.shows(r"^ queuectl top  ")
    window.type("?")
    window.shows(r"cancel the job; asks")
    window.type("q")
    window.shows_that(lambda text: "queuectl top  " not in text, "the shell again")
    assert window.modes() == "0 1 1"


def test_a_resized_window_is_filled_anew(shop: Shop, window: Window) -> None:
    shop.enqueue("true", id="waits")
    start(window)
    for columns, lines in ((200, 50), (60, 20), (40, 8), (120, 40), (80, 24)):
        window.resize(columns, lines)
        shown = window.is_filled(lines)
        assert shown.startswith(" queuectl top")
    window.type("q")
    window.ends(0)


def test_without_colours_it_can_still_be_used(shop: Shop, window: Window) -> None:
    shop.enqueue("exit 1", id="bad", max_retries=1)
    shop.work("--drain")
    start(window, "NO_COLOR=1")
    window.press("BTab")
    window.shows(r"^▸☠ bad")
    assert not re.search(r"\x1b\[[0-9;]*\b(3[0-7]|9[0-7]|4[0-7])\b", window.text(colours=True))
    window.type("q")
    window.ends(0)


def test_a_dumb_terminal_and_a_pipe_get_an_error_that_names_the_way_out(shop: Shop, window: Window) -> None:
    window.line(f"clear; TERM=dumb {TOP}; echo code=$?")
    shown = window.shows(r"^code=2$")
    assert "TERM=dumb" in shown
    assert "status --watch" in shown
    shop.queuectl("top", code=2)
    assert "needs a terminal" in shop.said
    assert "status --json" in shop.said


def test_once_prints_a_frame_and_leaves_the_terminal_alone(shop: Shop, window: Window) -> None:
    shop.enqueue("true", id="waits")
    window.line(f"clear; {TOP} --once; echo code=$?")
    window.shows(r"^code=0$")
    assert window.modes() == "0 1 1"
    assert re.search(r"─ Queues ─", shop.queuectl("top", "--once"))
