"""`queuectl demo`: a tour of ten seconds with real jobs in a temporary store.

The commands that it shows are run as a user would run them, but for the worker: its events are
told as a story here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from queuectl.cli import output
from queuectl.cli.options import shared
from queuectl.cli.session import Session
from queuectl.cli.words import Command
from queuectl.duration import format_duration
from queuectl.errors import InvalidInput
from queuectl.model import Retry
from queuectl.repository import open_repository
from queuectl.worker.events import EventKind

if TYPE_CHECKING:
    from queuectl.model import Job
    from queuectl.worker.events import Event, View

#: One job that succeeds, one that fails at first, one that always fails.
_JOBS = (
    ("enqueue", "--id", "hello", "echo Hello World"),
    ("enqueue", "--id", "flaky", 'sleep 0.4; test "$QUEUECTL_ATTEMPT" -ge 2'),
    ("enqueue", "--id", "broken", "sleep 0.2; exit 1"),
)
#: Seconds to the power of the attempts: short waits, and the second one still longer.
_BACKOFF = "1.3"
_PACE = 0.5  #: seconds to read a step


@click.command("demo", cls=Command)
@shared
@click.pass_obj
def command(session: Session) -> int:
    """Take a tour of ten seconds: a success, a retry, and a job that ends in the Dead Letter Queue.

    It uses a temporary store, which is removed afterwards; yours is not touched.

    \b
    Examples:
      queuectl demo
    """
    if session.json:
        raise InvalidInput("the demo is a story, and cannot be told as JSON", "leave out --json")
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="queuectl-demo-") as directory:
        return _Tour(f"{directory}/queue.db").take()


class _Tour:
    def __init__(self, store: str) -> None:
        self._store = store
        self._teller = _Teller()

    def take(self) -> int:
        """Tell the story; return the exit code."""
        open_repository(self._store).close()
        self._say("Three jobs go into the queue: one works, one fails at first, one always fails.")
        self._call("config", "set", "backoff-base", _BACKOFF)
        for words in _JOBS:
            self._call(*words)
        self._say("A worker runs them. Each retry waits longer; the third failure is the last.")
        stopped = self._work()
        if stopped:
            return stopped
        self._say("This is where they are now:")
        self._call("list")
        self._say("The Dead Letter Queue keeps what gave up, and why, until you act:")
        self._call("dlq", "list")
        self._call("dlq", "retry", "broken")
        self._teller.write("\nNow yours: queuectl enqueue 'echo Hello World', then queuectl worker start\n", "bold")
        return 0

    def _say(self, text: str) -> None:
        time.sleep(_PACE)
        self._teller.write(f"\n{text}\n\n", "bold")

    def _show(self, *words: str) -> None:
        from shlex import join

        self._teller.write(f"$ queuectl {join(words)}\n", "cyan")
        output.flush()

    def _call(self, *words: str) -> None:
        """Show a command and run it."""
        from queuectl.cli.app import cli

        self._show(*words)
        session = Session()
        session.hints = False  # they are for a reader who goes on by hand
        cli.main(["--db", self._store, *words], prog_name="queuectl", standalone_mode=False, obj=session)
        output.flush()
        time.sleep(_PACE / 2)

    def _work(self) -> int:
        from contextlib import closing

        from queuectl.worker.options import WorkerOptions
        from queuectl.worker.run import run_worker

        self._show("worker", "start", "--drain", "--concurrency", "2")
        with closing(open_repository(self._store)) as repository:
            code = run_worker(repository, WorkerOptions(slots=2, drain=True), self._teller)
        return 130 if self._teller.is_interrupted else code


class _Teller:
    """Tells what a worker does, a line an event."""

    interval: float | None = None

    def __init__(self) -> None:
        self.is_interrupted = False
        self._began = time.monotonic()
        self._console = output.console() if output.is_terminal() else None

    def write(self, text: str, style: str = "") -> None:
        """Write text, in colour if a person reads it."""
        if self._console is None:
            output.write(text)
            return
        from rich.text import Text

        self._console.print(Text(text, style), end="")

    def event(self, event: Event) -> None:
        """Tell it, if it is about a job."""
        if event.kind is EventKind.WORKER_STOPPING:
            self.is_interrupted = True
        if event.job is not None and event.kind in _SIGNS:
            (sign, plain, style) = _SIGNS[event.kind]
            sign = sign if output.speaks_unicode() else plain
            self.write(f"  {sign} {event.job.id:<7} {_words(event, event.job)}\n", style)
            output.flush()

    def tick(self, view: View) -> None:
        """Show nothing: the lines are enough."""


_SIGNS = {
    EventKind.JOB_STARTED: ("→", ">", ""),
    EventKind.JOB_COMPLETED: ("✓", "+", "green"),
    EventKind.JOB_RETRYING: ("↻", "~", "yellow"),
    EventKind.JOB_DEAD: ("☠", "x", "bold red"),
}


def _words(event: Event, job: Job) -> str:
    attempt = f"attempt {job.attempts} of {job.max_retries}"
    execution, verdict = event.execution, event.verdict
    if execution is None:
        return f"starts, {attempt}: {output.safe(job.command)}"
    if isinstance(verdict, Retry):
        wait = format_duration((verdict.next_run_at - event.at) / 1000)
        return f"failed with {execution.error}: once more in {wait}"
    if event.kind is EventKind.JOB_DEAD:
        return f"failed with {execution.error} on {attempt}: dead"
    return f"is completed on {attempt}"
