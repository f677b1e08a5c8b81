"""The worker's progress for a pipe, a file or a plain terminal: one line for each event.

The text form is `TIME EVENT key=value …`, the JSON form one object a line; both use the
same words for events. A value that is not plain is quoted, with `"` and the backslash escaped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from queuectl.cli.outlet import Outlet
from queuectl.cli.output import as_json, safe
from queuectl.duration import format_time
from queuectl.model import Bury, Retry
from queuectl.worker.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from queuectl.model import Job
    from queuectl.worker.events import Event, View

#: Seconds between two looks whether a reader who fell behind reads again.
AGAIN = 0.25
#: Characters of a command that a text line shows.
COMMAND = 200

_STARTS = frozenset({EventKind.JOB_STARTED, EventKind.JOB_ADOPTED})
_QUIET = frozenset({EventKind.WARNING, EventKind.LEASE_LOST, EventKind.JOB_DEAD})
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,~^-]+")


class Lines:
    """Writes a line for each event.

    Args:
        stream: standard output; None if it was closed before we began.
        as_json: JSON Lines instead of text.
        quiet: only of what a person should look at.
    """

    def __init__(self, stream: TextIO | None, *, as_json: bool = False, quiet: bool = False) -> None:
        self.interval: float | None = None
        self._outlet = Outlet(stream)
        self._format = json_line if as_json else text_line
        self._quiet = quiet
        self._lost = 0

    def event(self, event: Event) -> None:
        """Write one line."""
        if self._outlet.is_dead or (self._quiet and event.kind not in _QUIET):
            return
        if self._lost and not self._outlet.pending:
            self._confess(event)
        if not self._outlet.write(self._format(event)):
            self._lost += 1
        self.interval = AGAIN if self._outlet.pending else None

    def tick(self, view: View) -> None:
        """Try again to hand on what a slow reader has left."""
        self._outlet.flush()
        self.interval = AGAIN if self._outlet.pending else None

    def close(self) -> None:
        """Hand on the rest."""
        self._outlet.close()

    def _confess(self, event: Event) -> None:
        """Say how many lines are missing, in their place."""
        message = f"{self._lost} lines are missing here: their reader was too slow"
        self._lost = 0
        self._outlet.write(self._format(event._replace(kind=EventKind.WARNING, job=None, message=message)))


def text_line(event: Event) -> str:
    """Return the event as one line of text, with its end."""
    words = [format_time(event.at), _word(event.kind)]
    words += [f"{key}={quote(value)}" for key, value in _pairs(event)]
    return " ".join(words) + "\n"


def json_line(event: Event) -> str:
    """Return the event as one line of JSON, with its end."""
    return as_json(_document(event)) + "\n"


def quote(value: str) -> str:
    """Return a value as it stands behind `key=`: bare if it is plain, else in quotes."""
    if _PLAIN.fullmatch(value):
        return value
    return '"' + safe(value.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _word(kind: EventKind) -> str:
    return kind.value.removeprefix("job_")


def _attempt(job: Job) -> str:
    return f"{job.attempts}/{max(1, job.max_retries)}"


def _reason(event: Event) -> str:
    """Return why this follows from the end of a run, if that is more than how it ended."""
    if event.execution is None or event.kind is EventKind.LEASE_LOST or not isinstance(event.verdict, (Retry, Bury)):
        return ""
    return "" if event.verdict.reason == event.execution.error else event.verdict.reason


def _pairs(event: Event) -> Iterator[tuple[str, str]]:
    """Name what a text line says beyond time and kind."""
    job, execution = event.job, event.execution
    if job is None:
        yield "worker", event.worker
    else:
        yield "job", job.id
        yield "attempt", _attempt(job)
    if execution is not None:
        if execution.exit_code is not None:
            yield "exit", str(execution.exit_code)
        if execution.duration_seconds is not None:
            yield "duration", f"{execution.duration_seconds:.3f}s"
        if execution.error:
            yield "error", execution.error
        if why := _reason(event):
            yield "reason", why
    if isinstance(event.verdict, Retry) and event.kind is EventKind.JOB_RETRYING:
        yield "next_run_at", format_time(event.verdict.next_run_at)
    if job is not None and event.kind in _STARTS:
        yield "queue", job.queue
        yield "command", job.command if len(job.command) <= COMMAND else job.command[:COMMAND] + "…"
    if event.message:
        yield "message", event.message


def _document(event: Event) -> dict[str, Any]:
    """Return what a JSON line says; fields are only ever added."""
    job, execution, verdict = event.job, event.execution, event.verdict
    document: dict[str, Any] = {"time": format_time(event.at), "event": _word(event.kind), "worker": event.worker}
    if job is not None:
        document |= {"job": job.id, "queue": job.queue, "attempt": job.attempts, "max_retries": job.max_retries}
        if event.kind in _STARTS:
            document["command"] = job.command
    if execution is not None:
        seconds = execution.duration_seconds
        document |= {
            "exit_code": execution.exit_code,
            "duration_seconds": seconds if seconds is None else round(seconds, 6),
            "outcome": execution.outcome.value,
            "error": execution.error,
        }
        if why := _reason(event):
            document["reason"] = why
    if verdict is not None and event.kind is not EventKind.LEASE_LOST:  # then it was not written
        document["state"] = verdict.state.value
    if isinstance(verdict, Retry) and event.kind is EventKind.JOB_RETRYING:
        document["next_run_at"] = format_time(verdict.next_run_at)
    if event.message:
        document["message"] = event.message
    return document
