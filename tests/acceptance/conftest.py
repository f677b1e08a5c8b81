"""A queue with everything around it: the program as installed, its workers, and what they leave."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from queuectl.repository import open_repository
from queuectl.worker.logs import log_path
from queuectl.worker.presence import start_ticks
from tests.engines import ENGINES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from queuectl.model import Job
    from queuectl.repository.protocol import JobRepository
    from tests.engines import Engine, Place

PROGRAM = (sys.executable, "-m", "queuectl")
#: Seconds after which a test gives up on something that must happen.
DEADLINE = 20.0

#: What passes between a worker and its commands alone is the same on every engine, and shown on the quickest.
beside_the_store = pytest.mark.engines("sqlite")

_T = TypeVar("_T")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes more than ten seconds")


def eventually(condition: Callable[[], _T | None], what: str, *, deadline: float = DEADLINE) -> _T:
    """Return the first true answer; this is where, and how, all acceptance tests wait."""
    ends = time.monotonic() + deadline
    while not (answer := condition()):
        if time.monotonic() > ends:
            pytest.fail(f"not within {deadline:g} s: {what}")
        time.sleep(0.01)
    return answer


def lives(pid: int) -> bool:
    """Say whether a process is there and no zombie."""
    return start_ticks(pid) is not None


class Gate:
    """What a job waits at until the test lets it through."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        #: For a command line: waits until the gate opens, and fails if nobody is left to open it.
        self.wait = f"read _ < '{path}'"
        # For reading too: so neither end waits for the other when it opens the pipe.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def open(self) -> None:
        """Let one job through."""
        os.write(self._descriptor, b"\n")

    def close(self) -> None:
        """Tear it down."""
        os.close(self._descriptor)


class Worker:
    """A `queuectl worker start` in the background."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self.pid = process.pid
        self._output = output

    @property
    def output(self) -> str:
        """Everything that it has printed so far."""
        return self._output.read_text(encoding="utf-8")

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """Return what it has reported, of one kind or of all."""
        lines = [line for line in self.output.split("\n")[:-1] if line.startswith("{")]
        events: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [event for event in events if kind in {"", event["event"]}]

    def said(self, text: str) -> None:
        """Wait until it has printed this."""
        eventually(lambda: text in self.output, f"the worker says {text!r}")

    def signal(self, number: int) -> None:
        """Send it a signal, and nobody else."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it with KILL: it can do nothing any more."""
        self.process.kill()
        self.process.wait()

    def ends(self) -> int:
        """Return its exit code once it has ended by itself."""
        return self.process.wait(DEADLINE)

    def shim(self) -> int:
        """Return the pid of its shim, once it has one."""
        return eventually(self._find_shim, "the worker has a shim")

    def _find_shim(self) -> int | None:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        for pid in map(int, children):
            with suppress(OSError):
                if b"job-shim" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        return None


class Shop:
    """A store in a directory of its own, and the program that works on it.

    Args:
        home: the directory in which every command is called.
        place: of the store; not given, it is a file there, as the program has it by itself.
        engine: which the store is of.
    """

    def __init__(self, home: Path, place: Place | None = None, engine: Engine = ENGINES["sqlite"]) -> None:
        self.home = home
        self.place = place or engine.place(home)
        self.engine = engine
        self.workers: list[Worker] = []
        self._gates: list[Gate] = []
        self._store: JobRepository | None = None

    @property
    def database(self) -> Path:
        """The file of the store, if it is one."""
        assert self.engine.name == "sqlite"
        return Path(self.place.url)

    # -- the program ------------------------------------------------------------------

    def queuectl(self, *args: str, code: int = 0, text: str | None = None) -> str:
        """Run a command to its end, see its exit code, and return its standard output."""
        done = subprocess.run(
            [*PROGRAM, *args], cwd=self.home, input=text, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        self.said = done.stderr
        return done.stdout

    def json(self, *args: str) -> Any:
        """Run a command with `--json` and return its document."""
        return json.loads(self.queuectl(*args, "--json"))

    def enqueue(self, command: str, **fields: object) -> str:
        """Enqueue one job and return its id."""
        return self.enqueue_all([{"command": command, **fields}])[0]

    def enqueue_all(self, specs: Sequence[dict[str, object]]) -> list[str]:
        """Enqueue jobs in one call and return their ids."""
        return self.queuectl("enqueue", "--file", "-", text=json.dumps(list(specs))).split("\n")[:-1]

    def configure(self, key: str, value: object) -> None:
        """Change a setting."""
        self.queuectl("config", "set", key, str(value))

    def work(self, *args: str, code: int = 0) -> str:
        """Run a worker in the foreground and return what it prints."""
        return self.queuectl("worker", "start", *args, code=code)

    def start_worker(self, *args: str, program: Sequence[str] = PROGRAM) -> Worker:
        """Start a worker in the background and wait until the others can see it."""
        output = self.home / f"worker-{len(self.workers)}.out"
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [*program, "worker", "start", "--log-format", "json", *args],
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        worker = Worker(process, output)
        self.workers.append(worker)
        eventually(lambda: process.poll() is not None or worker.events("worker_started"), "the worker has started")
        return worker

    # -- what jobs do -----------------------------------------------------------------

    def gate(self) -> Gate:
        """Make a gate at which jobs wait."""
        gate = Gate(self.home / f"gate-{len(self._gates)}")
        self._gates.append(gate)
        return gate

    def lines(self, name: str) -> list[str]:
        """Return the whole lines of a file that jobs write."""
        with suppress(FileNotFoundError):
            return (self.home / name).read_text(encoding="utf-8").split("\n")[:-1]
        return []

    def number(self, name: str) -> int:
        """Return the number that a job writes into a file, once it is there."""
        return int(eventually(lambda: self.lines(name), f"a job writes {name}")[0])

    # -- the store --------------------------------------------------------------------

    @property
    def store(self) -> JobRepository:
        """The store, opened in this process."""
        if self._store is None:
            self._store = open_repository(self.place.url, create=False)
        return self._store

    def forget(self) -> None:
        """Close the store: another file takes its place."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def job(self, job: str) -> Job:
        """Return a job as it is now."""
        return self.store.get(job)

    def jobs(self) -> list[Job]:
        """Return all jobs."""
        return list(self.store.list().jobs)

    def reasons(self, job: str) -> list[str]:
        """Return the states that a job has gone through, each with its reason if it has one."""
        steps = self.store.history(self.job(job))
        return [f"{step.state}: {step.reason}" if step.reason else step.state.value for step in steps]

    def becomes(self, job: str, state: str, *, deadline: float = DEADLINE) -> Job:
        """Wait until a job is in this state and return it."""

        def look() -> Job | None:
            found = self.job(job)
            return found if found.state.value == state else None

        return eventually(look, f"job {job} is {state}", deadline=deadline)

    def all_become(self, state: str, *, deadline: float = DEADLINE) -> None:
        """Wait until every job is in this state."""

        def settled() -> bool:
            counts = self.store.counts(now=0).states
            return all(not number or where.value == state for where, number in counts.items())

        eventually(settled, f"all jobs are {state}", deadline=deadline)

    def log(self, job: str, run: int = 1) -> bytes:
        """Return what a run has printed."""
        path = log_path(self.store.directory, self.job(job).seq, run)
        return path.read_bytes() if path.exists() else b""

    # -- what is left -----------------------------------------------------------------

    def commands(self) -> list[int]:
        """Return the pids of everything that jobs have started and that still lives."""
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                words = (entry / "environ").read_text(encoding="utf-8", errors="replace").split("\0")
                given = dict(word.partition("=")[::2] for word in words)
                if "QUEUECTL_JOB_ID" in given and self.place.is_named_by(given.get("QUEUECTL_DB", "")):
                    found.append(int(entry.name))
        return found

    def shims(self) -> list[int]:
        """Return the pids of the shims that still live."""
        mark = self.place.data.encode()
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if any(word.startswith(mark) for word in words) and b"-ISE" in words:
                    found.append(int(entry.name))
        return found

    def is_quiet(self) -> None:
        """Wait until no process of this store is left, no matter who started it."""
        eventually(lambda: not self.commands() and not self.shims(), "no process is left over")

    def close(self) -> None:
        """End whatever is left, each by its own pid."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()
        for gate in self._gates:
            gate.close()
        for pid in self.commands():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not self.shims(), "the shims have gone")
        if self._store is not None:
            self._store.close()


@pytest.fixture
def shop(tmp_path: Path, place: Place, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A queue of this test's own; where its store is stands in the environment, if it is not where it always is."""
    if engine.name != "sqlite":
        monkeypatch.setenv("QUEUECTL_DB", place.url)
    shop = Shop(tmp_path, place, engine)
    yield shop
    shop.close()
