"""A command line without a process: Click's runner on a real SQLite file in a directory of its own."""

from __future__ import annotations

import io
import json
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from queuectl.cli import output, progress
from queuectl.cli.app import cli
from queuectl.model import Bury, Complete, Execution, Job, Outcome, Retry, Verdict
from queuectl.repository import open_repository
from queuectl.repository.base import Settlement, WorkerIdentity

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_700_000_000_000
_IDENTITY = WorkerIdentity("tester", "host", "boot", "pid:[1]", 1, 1, 8, (), "no-such-pipe")
_VERDICTS: dict[str, Verdict] = {
    "completed": Complete(),
    "retrying": Retry(NOW * 2, "exit code 1"),
    "dead": Bury("exit code 1"),
}


class CommandLine:
    """Runs commands as a user types them, and says what came of them."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.database = home / "queue.db"
        self.said = ""  #: by the last command, on stderr
        self._patch = monkeypatch

    def __call__(self, *args: str, code: int = 0, text: str | None = None) -> str:
        """Run a command, see its exit code, and return its standard output."""
        done = CliRunner().invoke(cli, args, input=text)
        self.said = done.stderr
        trace = "".join(traceback.format_exception(*done.exc_info)) if done.exc_info else ""
        assert done.exit_code == code, f"{str(args)[:200]}: {done.exit_code}\n{done.stdout}\n{done.stderr}\n{trace}"
        return done.stdout

    def json(self, *args: str) -> Any:
        """Run a command with `--json` and return its document."""
        return json.loads(self(*args, "--json"))

    def error(self, *args: str, code: int) -> tuple[str, str | None]:
        """Run a command that fails, and return the message and the hint that it gives with `--json`."""
        assert self("--json", *args, code=code) == ""
        said = [line for line in self.said.splitlines() if not line.startswith("Created ")]
        error = json.loads(said[-1])["error"]
        assert said[0] == f"Error: {output.safe(error['message'])}"
        assert error["hint"] is None or said[1] == f"Hint: {output.safe(error['hint'])}"
        return error["message"], error["hint"]

    def job(self, job_id: str) -> Job:
        """Return a job as it is stored."""
        return next(job for job in self.jobs() if job.id == job_id)

    def jobs(self) -> list[Job]:
        """Return all jobs as they are stored."""
        repository = open_repository(str(self.database), create=False)
        try:
            return list(repository.list().jobs)
        finally:
            repository.close()

    def settle(self, how: str, *, seconds: float | None = 0.25) -> None:
        """Let a worker run every ready job: `completed`, `retrying`, `dead`, or only `processing`."""
        repository = open_repository(str(self.database))
        verdict = _VERDICTS.get(how)
        code = 0 if how == "completed" else 1
        error = None if how == "completed" else "exit code 1"
        execution = Execution(Outcome.EXITED, code, error, NOW, NOW + 250, seconds)
        try:
            worker = repository.join(_IDENTITY, now=NOW, ticks=1.0)
            at = NOW * 2
            turn = repository.turn([], worker=worker, slots=1000, now=at, lease_seconds=60)
            if verdict is not None:
                done = [Settlement(lease.job.seq, lease.token, execution, verdict) for lease in turn.leases]
                repository.turn(done, worker=worker, slots=0, now=at, lease_seconds=60)
        finally:
            repository.close()

    def on_terminal(self, width: int = 80) -> None:
        """Let stdout be a terminal from now on, one without colours."""
        self._patch.setattr(output, "is_terminal", lambda: True)
        self._patch.setenv("COLUMNS", str(width))
        self._patch.setenv("TERM", "dumb")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A command line in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("QUEUECTL_DB", "QUEUECTL_DEBUG", "NO_COLOR", "FORCE_COLOR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return CommandLine(tmp_path, monkeypatch)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Let a person watch stderr from now on, and see here what is drawn."""
    screen = io.StringIO()

    def console(_stream: object) -> Any:
        from rich.console import Console

        return Console(file=screen, force_terminal=True, width=80)

    monkeypatch.setattr(output, "is_watched", lambda: True)
    monkeypatch.setattr(output, "console", console)
    monkeypatch.setattr(progress, "LARGE", 5)
    return screen
