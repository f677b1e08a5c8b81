"""The program as a process: how fast it starts, where its output goes, and how it ends."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import DEADLINE, PROGRAM, eventually

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.acceptance.conftest import Shop

pytestmark = pytest.mark.engines("sqlite")

QUEUECTL = " ".join(PROGRAM)


def _shell(shop: Shop, line: str, *, code: int = 0) -> tuple[str, str]:
    """Run a line of bash with `Q` for the program; return what it wrote to stdout and stderr."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=shop.home,
        env={**os.environ, "Q": QUEUECTL},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


# -- start-up -------------------------------------------------------------------------------

#: What costs milliseconds and is not needed for an answer to a pipe.
COSTLY = {
    "rich",
    "dataclasses",
    "importlib.metadata",
    "difflib",
    "shutil",
    "subprocess",
    "asyncio",
    "tempfile",
    "pydoc",
    "tomllib",
    "queuectl.repository.archive",
}


def _modules(shop: Shop, *args: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *PROGRAM[1:], *args],
        cwd=shop.home,
        # Whoever measures coverage imports more than the program does.
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    return {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize(
    "args",
    [
        ("--version",), ("enqueue", "true"), ("list",), ("status",), ("dlq", "list"), ("pause", "default"),
        ("resume", "default"), ("retry", "--all", "--yes"), ("edit", "first", "--priority", "1"), ("events",),
        ("stats",),
    ],
)  # fmt: skip
def test_no_costly_module_is_imported_for_a_pipe(shop: Shop, args: tuple[str, ...]) -> None:
    shop.enqueue("true", id="first")
    loaded = _modules(shop, *args)
    assert "click" in loaded
    assert not loaded & COSTLY


def test_no_costly_module_is_imported_to_wait(shop: Shop) -> None:
    job = shop.enqueue("true")
    shop.work("--once")
    assert not _modules(shop, "wait", job) & COSTLY


def test_help_and_version_import_no_command_and_no_driver(shop: Shop) -> None:
    for option in ("--version", "--help"):
        loaded = _modules(shop, option)
        assert not {"sqlite3", "json"} & loaded
        words = {"enqueue", "list", "status", "worker", "dlq", "config", "demo"}
        assert not {f"queuectl.cli.{word}" for word in words} & loaded


# -- where the output goes ------------------------------------------------------------------


def test_a_reader_who_has_seen_enough_is_no_error(shop: Shop) -> None:
    shop.enqueue_all([{"command": "x" * 1000} for _ in range(2000)])
    for options in ("", "--json"):
        out, err = _shell(shop, f"$Q list --limit 0 {options} | head -1")
        assert len(out.splitlines()) == 1
        assert err == ""


def test_a_full_disk_is_reported(shop: Shop) -> None:
    shop.enqueue("true")
    _, err = _shell(shop, "$Q list > /dev/full", code=1)
    assert err.startswith("Error: No space left on device\nHint: ")


def test_a_job_that_is_stored_is_accepted_even_if_its_id_cannot_be_written(shop: Shop) -> None:
    _, err = _shell(shop, "$Q enqueue --id a true > /dev/full")
    assert "Warning: the jobs are stored, but their ids could not be written: No space left on device" in err
    _shell(shop, "$Q enqueue --id b true >&-")
    assert {job.id for job in shop.jobs()} == {"a", "b"}


def test_closed_streams_are_no_error(shop: Shop) -> None:
    _shell(shop, "$Q status >&- 2>&- <&-")
    _shell(shop, "$Q status --nonsense >&- 2>&-", code=2)


def test_a_stdout_of_another_encoding_gets_what_it_can_show(shop: Shop) -> None:
    shop.enqueue("echo 日本", id="a")
    out, _ = _shell(shop, "PYTHONIOENCODING=ascii $Q list")
    assert "echo \\u65e5\\u672c" in out


# -- files and pipes ------------------------------------------------------------------------


def test_jobs_are_read_from_a_pipe_and_from_a_redirected_file(shop: Shop) -> None:
    (shop.home / "jobs").write_text('{"id":"a","command":"x"}\n{"id":"b","command":"y"}\n', encoding="utf-8")
    assert _shell(shop, "cat jobs | $Q enqueue --file -")[0] == "a\nb\n"
    assert _shell(shop, "$Q enqueue --if-exists skip --file - < jobs")[0] == "a\nb\n"
    assert _shell(shop, "$Q enqueue --if-exists skip --file <(cat jobs)")[0] == "a\nb\n"


def test_bytes_that_are_no_text_are_named_with_their_line(shop: Shop) -> None:
    _, err = _shell(shop, r"""printf '{"command":"x"}\n{"command":"\xff"}\n' | $Q enqueue --file -""", code=2)
    assert "stdin: line 2" in err
    _, err = _shell(shop, r"""$Q enqueue $'echo \xff'""", code=2)
    assert "not valid Unicode" in err


def test_a_slow_producer_does_not_lock_the_store(shop: Shop) -> None:
    shop.queuectl("status")
    with _started(shop, "enqueue", "--file", "-", stdin=subprocess.PIPE) as slow:
        assert slow.stdin is not None
        slow.stdin.write(b'{"command":"x","id":"slow"}\n')
        slow.stdin.flush()
        shop.enqueue("true", id="quick")
        slow.stdin.close()
        assert slow.wait(DEADLINE) == 0
    assert [job.id for job in shop.jobs()] == ["quick", "slow"]


# -- signals --------------------------------------------------------------------------------


def _started(shop: Shop, *args: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*PROGRAM, *args], cwd=shop.home, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def _waits_for_input(process: subprocess.Popen[bytes]) -> bool:
    """Say whether the process reads from its pipe."""
    from pathlib import Path

    return "pipe_read" in Path(f"/proc/{process.pid}/wchan").read_text(encoding="ascii") or Path(
        f"/proc/{process.pid}/syscall"
    ).read_text(encoding="ascii").startswith("0 0x0 ")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_command_says_so_in_its_exit_code_and_stores_nothing(
    shop: Shop, number: signal.Signals, code: int
) -> None:
    with _started(shop, "enqueue", "--file", "-", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b'{"command":"x"}\n')
        process.stdin.flush()
        eventually(lambda: _waits_for_input(process), "it reads from its pipe")
        process.send_signal(number)
        _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == code
    assert b"Traceback" not in err
    assert not shop.database.exists()


@pytest.mark.parametrize(("before", "code", "said"), [("", 130, ""), ("signal.signal(2, signal.SIG_IGN); ", 0, "on\n")])
def test_ctrl_c_while_the_program_is_being_loaded_ends_it_without_a_word(before: str, code: int, said: str) -> None:
    line = f"import os, signal; {before}import queuectl.__main__; os.kill(os.getpid(), 2); print('on')"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, said, "")


# -- a terminal -----------------------------------------------------------------------------


class Person:
    """Somebody at a terminal of 80 columns in front of one command."""

    def __init__(self, shop: Shop, args: Sequence[str], **variables: str) -> None:
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **variables}
        if "NO_COLOR" not in variables:
            environment.pop("NO_COLOR", None)
        self._pid, self._descriptor = pty.fork()
        if self._pid == 0:
            os.chdir(shop.home)
            os.execvpe(PROGRAM[0], [*PROGRAM, *args], environment)  # noqa: S606 - no shell is wanted
        self.seen = ""

    def sees(self, text: str) -> None:
        """Wait until this is on the screen."""
        ends = time.monotonic() + DEADLINE
        while text not in self.seen:
            assert select.select([self._descriptor], [], [], max(0, ends - time.monotonic()))[0], self.seen
            self.seen += os.read(self._descriptor, 65536).decode()

    def types(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def ends(self) -> int:
        """Read to the end and return the exit code."""
        while True:
            try:
                data = os.read(self._descriptor, 65536)
            except OSError:  # how a terminal says that nobody is there any more
                break
            if not data:
                break
            self.seen += data.decode()
        os.close(self._descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def test_a_terminal_gets_colours_unless_it_wants_none(shop: Shop) -> None:
    shop.enqueue("true", id="a")
    for args in (("list",), ("status",), ("lst",)):
        for variables, colours in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            person = Person(shop, args, **variables)
            person.ends()
            assert ("\x1b[" in person.seen) is colours


@pytest.mark.parametrize(("answer", "code", "state"), [("y", 0, "pending"), ("n", 1, "dead"), ("", 1, "dead")])
def test_a_bulk_retry_asks_a_person(shop: Shop, answer: str, code: int, state: str) -> None:
    shop.enqueue("false", id="a", max_retries=1)
    shop.work("--drain")
    person = Person(shop, ["dlq", "retry", "--all"])
    person.sees("Retry 1 dead job? [y/N] ")
    person.types(f"{answer}\n")
    assert person.ends() == code
    assert shop.job("a").state == state


def test_ctrl_c_at_a_question_changes_nothing(shop: Shop) -> None:
    shop.enqueue("false", id="a", max_retries=1)
    shop.work("--drain")
    person = Person(shop, ["dlq", "retry", "--all"])
    person.sees("[y/N] ")
    person.types("\x03")
    assert person.ends() == 130
    assert "Traceback" not in person.seen
    assert shop.job("a").state == "dead"


@pytest.mark.parametrize(("keys", "code", "left"), [("y\n", 0, []), ("n\n", 1, ["a", "b"]), ("\x03", 130, ["a", "b"])])
def test_a_prune_asks_a_person(shop: Shop, keys: str, code: int, left: list[str]) -> None:
    shop.enqueue_all([{"command": "true", "id": "a"}, {"command": "true", "id": "b"}])
    shop.work("--drain")
    person = Person(shop, ["prune"])
    person.sees("Prune 2 jobs for good? [y/N] ")
    person.types(keys)
    assert person.ends() == code
    assert [job.id for job in shop.jobs()] == left
    assert ("Pruned 2 jobs: a, b." in person.seen) is (code == 0)


def test_a_person_sees_how_far_a_long_prune_has_come(shop: Shop) -> None:
    shop.queuectl("enqueue", "--file", "-", text='{"command": "true"}\n' * 6000)
    shop.queuectl("cancel", "--all", "--yes")
    person = Person(shop, ["prune", "--yes"])
    person.sees("/6000")
    assert person.ends() == 0
    assert "Pruned 6,000 jobs: " in person.seen


def test_one_sentence_tells_a_person_that_the_job_is_in(shop: Shop) -> None:
    person = Person(shop, ["enqueue", "--id", "a", "true"])
    assert person.ends() == 0
    assert "Enqueued job 'a'.\r\n" in person.seen


# -- the tour -------------------------------------------------------------------------------


def test_the_demo_takes_ten_seconds_and_touches_nothing(shop: Shop, tmp_path: Path) -> None:
    began = time.monotonic()
    told = shop.queuectl("demo")
    assert time.monotonic() - began < 15  # ten on a machine that has nothing else to do
    assert "✓ hello   is completed on attempt 1 of 3" in told
    assert "✓ flaky   is completed on attempt 2 of 3" in told
    assert "☠ broken  failed with exit code 1 on attempt 3 of 3: dead" in told
    assert "$ queuectl dlq retry broken\nbroken\n" in told
    assert not shop.database.exists()
    assert list(tmp_path.iterdir()) == []
    assert "document" not in shop.said
    shop.queuectl("demo", "--json", code=2)


def test_ctrl_c_ends_the_demo(shop: Shop) -> None:
    person = Person(shop, ["demo"])
    person.sees("starts, attempt 1 of 3: sleep")
    person.types("\x03")
    assert person.ends() == 130
    assert "Traceback" not in person.seen
    assert "This is where they are now" not in person.seen
